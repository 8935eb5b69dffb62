//! Which master key protects which stored value, and how a value is sealed with another key. The statements are about every
//! table that holds a sealed value or a keyed digest.

use tidegate_core::{AccountId, FactorId, KeyId, Sealed};
use uuid::Uuid;

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::{Change, Select, sql},
};

/// The next rows of a sealed column: `$2` after, `$3` the header of values that are left out, `$4` the limit of rows.
macro_rules! page {
    ($table:literal, $value:literal, $id:literal, $account:literal, $factor:literal) => {
        concat!(
            "SELECT ",
            $id,
            " AS id, ",
            $account,
            " AS account, ",
            $factor,
            " AS factor, CASE WHEN substr(",
            $value,
            ", 1, 5) <> $3 THEN ",
            $value,
            " END AS sealed FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $id,
            " > $2 ORDER BY ",
            $id,
            " LIMIT $4"
        )
    };
}

/// Replaces the value of `$2`: `$3` by `$4`.
macro_rules! put {
    ($table:literal, $value:literal, $id:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET ",
            $value,
            " = $4 WHERE realm_id = $1 AND ",
            $id,
            " = $2 AND ",
            $value,
            " = $3"
        )
    };
}

/// How many values need which key. The key is the first four bytes of a digest, and follows a byte in what is sealed.
macro_rules! keys {
    (sealed $table:literal, $value:literal) => {
        keys!($table, $value, "2")
    };
    (digest $table:literal, $value:literal) => {
        keys!($table, $value, "1")
    };
    ($table:literal, $value:literal, $from:literal) => {
        concat!(
            "SELECT substr(",
            $value,
            ", ",
            $from,
            ", 4) AS key, COUNT(*) AS count FROM ",
            $table,
            " WHERE realm_id = $1 AND length(",
            $value,
            ") > 4 GROUP BY substr(",
            $value,
            ", ",
            $from,
            ", 4)"
        )
    };
}

sql! {
    Select PERSONAL_KEY_PAGE = (page!("accounts", "personal_key", "account_id", "account_id", "account_id"));
    Change PERSONAL_KEY_PUT = (put!("accounts", "personal_key", "account_id"));
    Select ENROLLMENT_MATERIAL_PAGE = (page!("enrollments", "material", "enrollment_id", "account_id", "factor_id"));
    Change ENROLLMENT_MATERIAL_PUT = (put!("enrollments", "material", "enrollment_id"));
    Select CHALLENGE_MATERIAL_PAGE = (page!("challenges", "material", "challenge_id", "account_id", "challenge_id"));
    Change CHALLENGE_MATERIAL_PUT = (put!("challenges", "material", "challenge_id"));
    Select FACTOR_MATERIAL_PAGE = (page!("factors", "material", "factor_id", "account_id", "factor_id"));
    Change FACTOR_MATERIAL_PUT = (put!("factors", "material", "factor_id"));
    Select DELIVERY_PAYLOAD_PAGE = (page!("deliveries", "payload", "delivery_id", "account_id", "delivery_id"));
    Change DELIVERY_PAYLOAD_PUT = (put!("deliveries", "payload", "delivery_id"));
    Select RECOVERY_MATERIAL_PAGE = (page!("recoveries", "material", "recovery_id", "recovery_id", "recovery_id"));
    Change RECOVERY_MATERIAL_PUT = (put!("recoveries", "material", "recovery_id"));
    Select SIGNING_KEY_PAGE = (page!("signing_keys", "sealed_key", "key_id", "key_id", "key_id"));
    Change SIGNING_KEY_PUT = (put!("signing_keys", "sealed_key", "key_id"));
    Select ACCOUNTS_PERSONAL_KEY_KEYS = (keys!(sealed "accounts", "personal_key"));
    Select ENROLLMENTS_MATERIAL_KEYS = (keys!(sealed "enrollments", "material"));
    Select CHALLENGES_MATERIAL_KEYS = (keys!(sealed "challenges", "material"));
    Select FACTORS_MATERIAL_KEYS = (keys!(sealed "factors", "material"));
    Select DELIVERIES_PAYLOAD_KEYS = (keys!(sealed "deliveries", "payload"));
    Select RECOVERIES_MATERIAL_KEYS = (keys!(sealed "recoveries", "material"));
    Select SIGNING_KEYS_SEALED_KEY_KEYS = (keys!(sealed "signing_keys", "sealed_key"));
    Select PASSKEY_REQUESTS_MATERIAL_KEYS = (keys!(sealed "passkey_requests", "material"));
    Select REQUESTS_OUTCOME_KEYS = (keys!(sealed "requests", "outcome"));
    Select REQUESTS_SECRETS_KEYS = (keys!(sealed "requests", "secrets"));
    Select REQUESTS_BODY_DIGEST_KEYS = (keys!(digest "requests", "body_digest"));
    Select ACCOUNTS_IMPORT_DIGEST_KEYS = (keys!(digest "accounts", "import_digest"));
    Select RECOVERY_CODES_DIGEST_KEYS = (keys!(digest "recovery_codes", "digest"));
    Select CHAIN_SEAL_KEYS = (keys!(digest "chain", "seal"));
    Select CHAIN_CUTS_SEAL_KEYS = (keys!(digest "chain_cuts", "seal"));
}

/// A column of values that are sealed with a master key and live for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    PersonalKey,
    EnrollmentMaterial,
    ChallengeMaterial,
    FactorMaterial,
    DeliveryPayload,
    RecoveryMaterial,
    SigningKey,
}

/// What a rotation does about the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// They are sealed again with the new key.
    Rewrapped,
    /// They end by themselves, within a day.
    Ends,
    /// They are digests that cannot be made again without what was digested. The digest key of the old master key is kept
    /// until they are gone.
    Digest,
}

/// Every column that needs a master key, as `table.column`. A test compares the list with the schema.
pub const KEYED_COLUMNS: &[(&str, KeyUse)] = &[
    ("accounts.personal_key", KeyUse::Rewrapped),
    ("enrollments.material", KeyUse::Rewrapped),
    ("challenges.material", KeyUse::Rewrapped),
    ("factors.material", KeyUse::Rewrapped),
    ("deliveries.payload", KeyUse::Rewrapped),
    ("recoveries.material", KeyUse::Rewrapped),
    ("signing_keys.sealed_key", KeyUse::Rewrapped),
    ("passkey_requests.material", KeyUse::Ends),
    ("requests.outcome", KeyUse::Ends),
    ("requests.secrets", KeyUse::Ends),
    ("requests.body_digest", KeyUse::Ends),
    ("accounts.import_digest", KeyUse::Digest),
    ("recovery_codes.digest", KeyUse::Digest),
    ("chain.seal", KeyUse::Rewrapped),
    ("chain_cuts.seal", KeyUse::Rewrapped),
];

/// The statements of `KEYED_COLUMNS`, in the same order.
const COUNTS: &[Select] = &[
    ACCOUNTS_PERSONAL_KEY_KEYS,
    ENROLLMENTS_MATERIAL_KEYS,
    CHALLENGES_MATERIAL_KEYS,
    FACTORS_MATERIAL_KEYS,
    DELIVERIES_PAYLOAD_KEYS,
    RECOVERIES_MATERIAL_KEYS,
    SIGNING_KEYS_SEALED_KEY_KEYS,
    PASSKEY_REQUESTS_MATERIAL_KEYS,
    REQUESTS_OUTCOME_KEYS,
    REQUESTS_SECRETS_KEYS,
    REQUESTS_BODY_DIGEST_KEYS,
    ACCOUNTS_IMPORT_DIGEST_KEYS,
    RECOVERY_CODES_DIGEST_KEYS,
    CHAIN_SEAL_KEYS,
    CHAIN_CUTS_SEAL_KEYS,
];

/// A row of a sealed column.
pub struct SealedRow {
    id: Uuid,
    /// As far as the value is of an account.
    pub account: AccountId,
    /// As far as the value is of a factor.
    pub factor: FactorId,
    /// The value, if it is not sealed with the wanted key.
    pub sealed: Option<Sealed>,
}

impl SealedRow {
    pub const fn id<K: tidegate_core::Kind>(&self) -> tidegate_core::Id<K> {
        tidegate_core::Id::from_uuid(self.id)
    }

    pub const fn place(&self) -> SealedPlace {
        SealedPlace(self.id)
    }
}

/// How far a column was read.
#[derive(Debug, Clone, Copy)]
pub struct SealedPlace(Uuid);

impl SealedPlace {
    pub const START: Self = Self(Uuid::nil());
}

impl Record for SealedRow {
    const TABLE: &'static str = "sealed values";
    const KEY: &'static str = "id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (account, factor) = (row.get("account")?, row.get("factor")?);
        Ok(Self { id: row.get("id")?, account, factor, sealed: row.get("sealed")? })
    }
}

/// How many values of a column need a key.
struct Keyed(Vec<u8>, i64);

impl Record for Keyed {
    const TABLE: &'static str = "sealed values";
    const KEY: &'static str = "key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("key")?, row.get("count")?))
    }
}

impl SealedColumn {
    pub const ALL: &[Self] = &[
        Self::PersonalKey,
        Self::EnrollmentMaterial,
        Self::ChallengeMaterial,
        Self::FactorMaterial,
        Self::DeliveryPayload,
        Self::RecoveryMaterial,
        Self::SigningKey,
    ];

    const fn statements(self) -> (Select, Change) {
        match self {
            Self::PersonalKey => (PERSONAL_KEY_PAGE, PERSONAL_KEY_PUT),
            Self::EnrollmentMaterial => (ENROLLMENT_MATERIAL_PAGE, ENROLLMENT_MATERIAL_PUT),
            Self::ChallengeMaterial => (CHALLENGE_MATERIAL_PAGE, CHALLENGE_MATERIAL_PUT),
            Self::FactorMaterial => (FACTOR_MATERIAL_PAGE, FACTOR_MATERIAL_PUT),
            Self::DeliveryPayload => (DELIVERY_PAYLOAD_PAGE, DELIVERY_PAYLOAD_PUT),
            Self::RecoveryMaterial => (RECOVERY_MATERIAL_PAGE, RECOVERY_MATERIAL_PUT),
            Self::SigningKey => (SIGNING_KEY_PAGE, SIGNING_KEY_PUT),
        }
    }

    /// The next rows, in order. Values that begin with `header` are left out, their rows are not.
    pub async fn page(
        self,
        view: &mut View,
        after: SealedPlace,
        header: [u8; 5],
        limit: i64,
    ) -> Result<Vec<SealedRow>, Error> {
        view.select(self.statements().0).bind(after.0).bind(header.to_vec()).bind(limit).all().await
    }

    /// Replaces the value; `false` when it is another one by now, which wins.
    pub async fn replace(
        self,
        tx: &mut Tx,
        row: &SealedRow,
        old: &Sealed,
        new: Sealed,
    ) -> Result<bool, Error> {
        tx.change(self.statements().1).bind(row.id).bind(old.clone()).bind(new).hit().await
    }
}

/// Values of a column that need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedValues {
    pub column: &'static str,
    pub kind: KeyUse,
    pub key: KeyId,
    pub count: i64,
}

/// Which keys the values of the realm need, and how many. Reads whole tables.
pub async fn count(view: &mut View) -> Result<Vec<KeyedValues>, Error> {
    let mut counted = Vec::new();
    for (select, (column, kind)) in COUNTS.iter().zip(KEYED_COLUMNS) {
        for Keyed(key, count) in view.select(*select).all().await? {
            let Some(key) = key.first_chunk::<4>() else { continue };
            let key = KeyId(u32::from_be_bytes(*key));
            counted.push(KeyedValues { column, kind: *kind, key, count });
        }
    }
    Ok(counted)
}
