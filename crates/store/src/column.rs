//! How each type of `core` is written to and read from each engine.

use std::{fmt, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Arguments as _, Decode, Encode, Postgres, Row as _, Sqlite, Type,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};
use tidegate_core::{
    AccountState, Actor, ChainDigest, ChainTag, ChallengeState, Channel, Country, CustomerKey,
    DeliveryProblem, DeliveryState, DeviceId, EmailChangeState, EnrollmentState, ExternalId, Fact,
    FunnelStep, Id, Identifier, Issuers, KeyId, KeyedDigest, Kind, Labels, LaterProof, LinkTarget, Mark,
    MessagePurpose, Method, Ordinal, ProductKey, ProductSettings, Proof, Purpose, RealmKey, RequestId,
    Requirement, Revision, Role, Rollout, RolloutKey, Sealed, Sequence, SessionEnd, SignInState, Span,
    Timestamp, Title, TokenDigest, Word,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// A type that is stored as a type that each engine knows.
pub(crate) trait Column: Sized {
    type Sqlite: for<'q> Encode<'q, Sqlite> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> + 'static;
    type Postgres: for<'q> Encode<'q, Postgres> + for<'r> Decode<'r, Postgres> + Type<Postgres> + 'static;
    fn into_sqlite(self) -> Result<Self::Sqlite, BoxDynError>;
    fn into_postgres(self) -> Result<Self::Postgres, BoxDynError>;
    fn from_sqlite(native: Self::Sqlite) -> Result<Self, BoxDynError>;
    fn from_postgres(native: Self::Postgres) -> Result<Self, BoxDynError>;
}

pub(crate) enum Args {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Args {
    pub(crate) fn add<C: Column>(&mut self, value: C) -> Result<(), BoxDynError> {
        match self {
            Self::Sqlite(args) => args.add(value.into_sqlite()?),
            Self::Postgres(args) => args.add(value.into_postgres()?),
        }
    }

    pub(crate) fn add_only<C: Column>(
        &mut self,
        values: impl IntoIterator<Item = C>,
    ) -> Result<(), BoxDynError> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => self.add(value),
            _ => Err("not a single item".into()),
        }
    }

    pub(crate) fn add_each<C: Column>(
        &mut self,
        values: impl IntoIterator<Item = C>,
    ) -> Result<(), BoxDynError>
    where
        Vec<C::Postgres>: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(_) => Err("SQLite has no arrays".into()),
            Self::Postgres(args) => {
                args.add(values.into_iter().map(C::into_postgres).collect::<Result<Vec<_>, _>>()?)
            }
        }
    }
}

impl Row {
    pub(crate) fn get<C: Column>(&self, column: &'static str) -> Result<C, Unreadable> {
        let word = match self {
            Self::Sqlite(row) => row.try_get(column).map(C::from_sqlite),
            Self::Postgres(row) => row.try_get(column).map(C::from_postgres),
        };
        let word = word.map_err(|source| Unreadable { column, source })?;
        word.map_err(|source| Unreadable {
            column,
            source: sqlx::Error::ColumnDecode { index: column.into(), source },
        })
    }
}

impl Row {
    /// The row's key for an error text, whatever its type.
    pub(crate) fn key(&self, column: &'static str) -> Option<String> {
        let id = self.get::<Uuid>(column).map(|id| id.to_string());
        id.or_else(|_| self.get::<String>(column)).ok()
    }
}

impl<C: Column> Column for Option<C> {
    type Sqlite = Option<C::Sqlite>;
    type Postgres = Option<C::Postgres>;
    fn into_sqlite(self) -> Result<Self::Sqlite, BoxDynError> {
        self.map(C::into_sqlite).transpose()
    }
    fn into_postgres(self) -> Result<Self::Postgres, BoxDynError> {
        self.map(C::into_postgres).transpose()
    }
    fn from_sqlite(native: Self::Sqlite) -> Result<Self, BoxDynError> {
        native.map(C::from_sqlite).transpose()
    }
    fn from_postgres(native: Self::Postgres) -> Result<Self, BoxDynError> {
        native.map(C::from_postgres).transpose()
    }
}

/// A document has a field or a word that this version does not know: a newer one wrote it.
#[derive(Debug, thiserror::Error)]
#[error("a newer version wrote it")]
struct Newer;

/// A column whose content this version cannot read.
pub(crate) struct Unreadable {
    pub(crate) column: &'static str,
    pub(crate) source: sqlx::Error,
}

impl Unreadable {
    pub(crate) fn is_newer(&self) -> bool {
        matches!(&self.source, sqlx::Error::ColumnDecode { source, .. } if source.is::<Newer>())
    }

    pub(crate) fn new(column: &'static str, what: &'static str) -> Self {
        Self { column, source: sqlx::Error::ColumnDecode { index: column.into(), source: what.into() } }
    }
}

/// `column!(Type: Native, into, from)` for types that both engines store alike.
macro_rules! column {
    ($word:ty: $native:ty, $into:expr, $from:expr $(, $generic:ident: $bound:ident)?) => {
        impl$(<$generic: $bound>)? Column for $word {
            type Sqlite = $native;
            type Postgres = $native;
            fn into_sqlite(self) -> Result<$native, BoxDynError> { let into: fn(Self) -> Result<$native, BoxDynError> = $into; into(self) }
            fn into_postgres(self) -> Result<$native, BoxDynError> { let into: fn(Self) -> Result<$native, BoxDynError> = $into; into(self) }
            fn from_sqlite(native: $native) -> Result<Self, BoxDynError> { let from: fn($native) -> Result<Self, BoxDynError> = $from; from(native) }
            fn from_postgres(native: $native) -> Result<Self, BoxDynError> { let from: fn($native) -> Result<Self, BoxDynError> = $from; from(native) }
        }
    };
}
macro_rules! word_columns {
    ($($word:ty,)+) => { $(column!($word: String, |word| Ok(word.as_str().to_owned()), |text| Ok(Word::parse(&text)?));)+ };
}

/// Types with a text form of their own.
macro_rules! text_columns {
    ($($word:ty,)+) => { $(column!($word: String, |word| Ok(word.to_string()), parsed);)+ };
}
/// Values that no statement looks into; stored as JSON text.
macro_rules! json_columns {
    ($($word:ty,)+) => { $(column!($word: String, to_json, from_json);)+ };
}
/// Documents that refuse what they do not know; stored as JSON text.
macro_rules! document_columns {
    ($($word:ty,)+) => { $(column!($word: String, to_json, from_document);)+ };
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: String) -> Result<T, BoxDynError> {
    text.parse().map_err(|error: T::Err| error.to_string().into())
}
fn to_json<T: Serialize>(value: T) -> Result<String, BoxDynError> {
    Ok(serde_json::to_string(&value)?)
}
fn from_json<T: DeserializeOwned>(text: String) -> Result<T, BoxDynError> {
    Ok(serde_json::from_str(&text)?)
}
fn from_document<T: DeserializeOwned>(text: String) -> Result<T, BoxDynError> {
    serde_json::from_str(&text).map_err(|error| if is_unknown(&error) { Newer.into() } else { error.into() })
}

/// serde has no kind for it, only these words (`serde::de::Error::unknown_field` and `unknown_variant`).
fn is_unknown(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    error.is_data() && ["unknown field `", "unknown variant `"].iter().any(|words| text.starts_with(words))
}

column!(i64: i64, Ok, Ok);
column!(Uuid: Uuid, Ok, Ok);
column!(String: String, Ok, Ok);
column!(Vec<u8>: Vec<u8>, Ok, Ok);
column!(Id<K>: Uuid, |id| Ok(id.uuid()), |uuid| Ok(Id::from_uuid(uuid)), K: Kind);
column!(RequestId: Uuid, |id| Ok(id.0), |uuid| Ok(RequestId(uuid)));
column!(Mark: i64, |mark| Ok(mark.0), |number| Ok(Mark(number)));
column!(Span: i64, |span| Ok(span.micros()), |micros| Ok(Span::from_micros(micros)));
column!(Ordinal: i64, |ordinal| Ok(ordinal.0.into()), |number| Ok(Ordinal(number.try_into()?)));
column!(Sequence: i64, |sequence| Ok(sequence.0), |number| Ok(Sequence(number)));
column!(ChainDigest: Vec<u8>, |digest| Ok(digest.0.to_vec()), |bytes| Ok(ChainDigest(bytes.try_into().map_err(|_| "not 32 bytes")?)));
column!(KeyId: i64, |key| Ok(key.0.into()), |number| Ok(KeyId(number.try_into()?)));
column!(Revision: i64, |revision| Ok(revision.0), |number| Ok(Revision(number)));
column!(Sealed: Vec<u8>, |sealed| Ok(sealed.0), |bytes| Ok(Sealed(bytes)));
column!(TokenDigest: Vec<u8>, |digest| Ok(digest.0.to_vec()), |bytes| Ok(TokenDigest(bytes.try_into().map_err(|_| "not 32 bytes")?)));
column!(KeyedDigest: Vec<u8>, |digest| Ok([&digest.key.0.to_be_bytes()[..], &digest.mac].concat()), keyed_digest);
column!(Identifier: String, |identifier| Ok(identifier.as_str().to_owned()), |text| Ok(serde_json::from_value(text.into())?));
word_columns!(
    AccountState,
    ChainTag,
    ChallengeState,
    DeliveryState,
    EmailChangeState,
    EnrollmentState,
    FunnelStep,
    Method,
    Purpose,
    Requirement,
    Role,
    SessionEnd,
    SignInState,
    Channel,
    DeliveryProblem,
    MessagePurpose,
);
text_columns!(Actor, Country, CustomerKey, DeviceId, ExternalId, ProductKey, RealmKey, RolloutKey, Title,);
json_columns!(
    Fact,
    Issuers,
    Labels,
    LinkTarget,
    Vec<KeyId>,
    Vec<LaterProof>,
    Vec<Method>,
    Vec<ProductKey>,
    Vec<Proof>,
    Vec<Timestamp>,
);
document_columns!(ProductSettings, Rollout,);

fn keyed_digest(bytes: Vec<u8>) -> Result<KeyedDigest, BoxDynError> {
    let (key, mac) = bytes.split_first_chunk::<4>().ok_or("not 36 bytes")?;
    Ok(KeyedDigest { key: KeyId(u32::from_be_bytes(*key)), mac: mac.try_into().map_err(|_| "not 36 bytes")? })
}

/// BOOLEAN, or INTEGER on SQLite.
impl Column for bool {
    type Sqlite = i64;
    type Postgres = bool;
    fn into_sqlite(self) -> Result<i64, BoxDynError> {
        Ok(i64::from(self))
    }
    fn into_postgres(self) -> Result<bool, BoxDynError> {
        Ok(self)
    }
    fn from_sqlite(native: i64) -> Result<Self, BoxDynError> {
        Ok(native != 0)
    }
    fn from_postgres(native: bool) -> Result<Self, BoxDynError> {
        Ok(native)
    }
}

/// A set of keys that a statement looks up together: `IN (SELECT … FROM json_each($n))` on SQLite,
/// `= ANY($n)` on PostgreSQL.
#[derive(Debug, Clone)]
pub(crate) struct AnyOf<T>(pub Vec<T>);

impl<K: Kind> Column for AnyOf<Id<K>> {
    type Sqlite = String;
    type Postgres = Vec<Uuid>;
    fn into_sqlite(self) -> Result<String, BoxDynError> {
        to_json(self.0.iter().map(|id| id.uuid().simple().to_string()).collect::<Vec<_>>())
    }
    fn into_postgres(self) -> Result<Vec<Uuid>, BoxDynError> {
        Ok(self.0.iter().map(|id| id.uuid()).collect())
    }
    fn from_sqlite(_: String) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
    fn from_postgres(_: Vec<Uuid>) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
}

impl Column for AnyOf<ExternalId> {
    type Sqlite = String;
    type Postgres = Vec<String>;
    fn into_sqlite(self) -> Result<String, BoxDynError> {
        to_json(self.0)
    }
    fn into_postgres(self) -> Result<Vec<String>, BoxDynError> {
        Ok(self.0.into_iter().map(String::from).collect())
    }
    fn from_sqlite(_: String) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
    fn from_postgres(_: Vec<String>) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
}

impl Column for AnyOf<String> {
    type Sqlite = String;
    type Postgres = Vec<String>;
    fn into_sqlite(self) -> Result<String, BoxDynError> {
        to_json(self.0)
    }
    fn into_postgres(self) -> Result<Vec<String>, BoxDynError> {
        Ok(self.0)
    }
    fn from_sqlite(_: String) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
    fn from_postgres(_: Vec<String>) -> Result<Self, BoxDynError> {
        Err("a set of keys is never read back".into())
    }
}

impl Column for Timestamp {
    type Sqlite = i64;
    type Postgres = OffsetDateTime;
    fn into_sqlite(self) -> Result<i64, BoxDynError> {
        Ok(self.unix_micros())
    }
    fn into_postgres(self) -> Result<OffsetDateTime, BoxDynError> {
        Ok(OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.unix_micros()) * 1_000)?)
    }
    fn from_sqlite(micros: i64) -> Result<Self, BoxDynError> {
        Ok(Self::from_unix_micros(micros))
    }
    fn from_postgres(at: OffsetDateTime) -> Result<Self, BoxDynError> {
        Ok(Self::from_unix_micros(i64::try_from(at.unix_timestamp_nanos() / 1_000)?))
    }
}
