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

sql! {
    Select PERSONAL_KEY_PAGE = "SELECT account_id AS id, account_id AS account, account_id AS factor, CASE WHEN substr(personal_key, 1, 5) <> $3 THEN personal_key END AS sealed \
        FROM accounts WHERE realm_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $4";
    Change PERSONAL_KEY_PUT = "UPDATE accounts SET personal_key = $4 WHERE realm_id = $1 AND account_id = $2 AND personal_key = $3";
    Select ENROLLMENT_MATERIAL_PAGE = "SELECT enrollment_id AS id, account_id AS account, factor_id AS factor, CASE WHEN substr(material, 1, 5) <> $3 THEN material END AS sealed \
        FROM enrollments WHERE realm_id = $1 AND enrollment_id > $2 ORDER BY enrollment_id LIMIT $4";
    Change ENROLLMENT_MATERIAL_PUT = "UPDATE enrollments SET material = $4 WHERE realm_id = $1 AND enrollment_id = $2 AND material = $3";
    Select CHALLENGE_MATERIAL_PAGE = "SELECT challenge_id AS id, account_id AS account, challenge_id AS factor, CASE WHEN substr(material, 1, 5) <> $3 THEN material END AS sealed \
        FROM challenges WHERE realm_id = $1 AND challenge_id > $2 ORDER BY challenge_id LIMIT $4";
    Change CHALLENGE_MATERIAL_PUT = "UPDATE challenges SET material = $4 WHERE realm_id = $1 AND challenge_id = $2 AND material = $3";
    Select FACTOR_MATERIAL_PAGE = "SELECT factor_id AS id, account_id AS account, factor_id AS factor, CASE WHEN substr(material, 1, 5) <> $3 THEN material END AS sealed \
        FROM factors WHERE realm_id = $1 AND factor_id > $2 ORDER BY factor_id LIMIT $4";
    Change FACTOR_MATERIAL_PUT = "UPDATE factors SET material = $4 WHERE realm_id = $1 AND factor_id = $2 AND material = $3";
    Select DELIVERY_PAYLOAD_PAGE = "SELECT delivery_id AS id, account_id AS account, delivery_id AS factor, CASE WHEN substr(payload, 1, 5) <> $3 THEN payload END AS sealed \
        FROM deliveries WHERE realm_id = $1 AND delivery_id > $2 ORDER BY delivery_id LIMIT $4";
    Change DELIVERY_PAYLOAD_PUT = "UPDATE deliveries SET payload = $4 WHERE realm_id = $1 AND delivery_id = $2 AND payload = $3";
    Select RECOVERY_MATERIAL_PAGE = "SELECT recovery_id AS id, recovery_id AS account, recovery_id AS factor, CASE WHEN substr(material, 1, 5) <> $3 THEN material END AS sealed \
        FROM recoveries WHERE realm_id = $1 AND recovery_id > $2 ORDER BY recovery_id LIMIT $4";
    Change RECOVERY_MATERIAL_PUT = "UPDATE recoveries SET material = $4 WHERE realm_id = $1 AND recovery_id = $2 AND material = $3";
    Select SIGNING_KEY_PAGE = "SELECT key_id AS id, key_id AS account, key_id AS factor, CASE WHEN substr(sealed_key, 1, 5) <> $3 THEN sealed_key END AS sealed \
        FROM signing_keys WHERE realm_id = $1 AND key_id > $2 ORDER BY key_id LIMIT $4";
    Change SIGNING_KEY_PUT = "UPDATE signing_keys SET sealed_key = $4 WHERE realm_id = $1 AND key_id = $2 AND sealed_key = $3";
    Select ACCOUNTS_PERSONAL_KEY_KEYS = "SELECT substr(personal_key, 2, 4) AS key, COUNT(*) AS count FROM accounts WHERE realm_id = $1 AND length(personal_key) > 4 GROUP BY substr(personal_key, 2, 4)";
    Select ENROLLMENTS_MATERIAL_KEYS = "SELECT substr(material, 2, 4) AS key, COUNT(*) AS count FROM enrollments WHERE realm_id = $1 AND length(material) > 4 GROUP BY substr(material, 2, 4)";
    Select CHALLENGES_MATERIAL_KEYS = "SELECT substr(material, 2, 4) AS key, COUNT(*) AS count FROM challenges WHERE realm_id = $1 AND length(material) > 4 GROUP BY substr(material, 2, 4)";
    Select FACTORS_MATERIAL_KEYS = "SELECT substr(material, 2, 4) AS key, COUNT(*) AS count FROM factors WHERE realm_id = $1 AND length(material) > 4 GROUP BY substr(material, 2, 4)";
    Select DELIVERIES_PAYLOAD_KEYS = "SELECT substr(payload, 2, 4) AS key, COUNT(*) AS count FROM deliveries WHERE realm_id = $1 AND length(payload) > 4 GROUP BY substr(payload, 2, 4)";
    Select RECOVERIES_MATERIAL_KEYS = "SELECT substr(material, 2, 4) AS key, COUNT(*) AS count FROM recoveries WHERE realm_id = $1 AND length(material) > 4 GROUP BY substr(material, 2, 4)";
    Select SIGNING_KEYS_SEALED_KEY_KEYS = "SELECT substr(sealed_key, 2, 4) AS key, COUNT(*) AS count FROM signing_keys WHERE realm_id = $1 AND length(sealed_key) > 4 GROUP BY substr(sealed_key, 2, 4)";
    Select PASSKEY_REQUESTS_MATERIAL_KEYS = "SELECT substr(material, 2, 4) AS key, COUNT(*) AS count FROM passkey_requests WHERE realm_id = $1 AND length(material) > 4 GROUP BY substr(material, 2, 4)";
    Select REQUESTS_OUTCOME_KEYS = "SELECT substr(outcome, 2, 4) AS key, COUNT(*) AS count FROM requests WHERE realm_id = $1 AND length(outcome) > 4 GROUP BY substr(outcome, 2, 4)";
    Select REQUESTS_SECRETS_KEYS = "SELECT substr(secrets, 2, 4) AS key, COUNT(*) AS count FROM requests WHERE realm_id = $1 AND length(secrets) > 4 GROUP BY substr(secrets, 2, 4)";
    Select REQUESTS_BODY_DIGEST_KEYS = "SELECT substr(body_digest, 1, 4) AS key, COUNT(*) AS count FROM requests WHERE realm_id = $1 AND length(body_digest) > 4 GROUP BY substr(body_digest, 1, 4)";
    Select ACCOUNTS_IMPORT_DIGEST_KEYS = "SELECT substr(import_digest, 1, 4) AS key, COUNT(*) AS count FROM accounts WHERE realm_id = $1 AND length(import_digest) > 4 GROUP BY substr(import_digest, 1, 4)";
    Select RECOVERY_CODES_DIGEST_KEYS = "SELECT substr(digest, 1, 4) AS key, COUNT(*) AS count FROM recovery_codes WHERE realm_id = $1 AND length(digest) > 4 GROUP BY substr(digest, 1, 4)";
    Select CHAIN_SEAL_KEYS = "SELECT substr(seal, 1, 4) AS key, COUNT(*) AS count FROM chain WHERE realm_id = $1 AND length(seal) > 4 GROUP BY substr(seal, 1, 4)";
    Select CHAIN_CUTS_SEAL_KEYS = "SELECT substr(seal, 1, 4) AS key, COUNT(*) AS count FROM chain_cuts WHERE realm_id = $1 AND length(seal) > 4 GROUP BY substr(seal, 1, 4)";
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
