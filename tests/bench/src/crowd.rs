//! Very many accounts, put into the table by the engine itself.

use std::str::FromStr as _;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
    types::time::OffsetDateTime,
};
use tidegate_core::{AccountId, Id, RealmId};
use uuid::Uuid;

use crate::{ambient, site::Closed};

/// Accounts of one statement.
const CHUNK: i64 = 50_000;

const SQLITE: &str = "INSERT INTO accounts (realm_id, account_id, external_id, email, email_canonical, \
    email_since, email_verified_at, country, state, personal_key, created_at) \
    WITH RECURSIVE crowd(n) AS (SELECT $2 UNION ALL SELECT n + 1 FROM crowd WHERE n + 1 < $3) \
    SELECT $1, unhex(printf('01900000000070008000%012x', n)), 'u-' || n, 'u' || n || '@example.com', \
    'u' || n || '@example.com', $4, $4, 'DE', 'active', x'00', $4 FROM crowd";

const POSTGRES: &str = "INSERT INTO accounts (realm_id, account_id, external_id, email, email_canonical, \
    email_since, email_verified_at, country, state, personal_key, created_at) \
    SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'u-' || n, \
    'u' || n || '@example.com', 'u' || n || '@example.com', $4, $4, 'DE', 'active', '\\x00'::bytea, $4 \
    FROM generate_series($2, $3 - 1) AS n";

/// The account at one place of the crowd.
pub fn account(place: u64) -> AccountId {
    Id::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(place)))
}

/// How the product names that account.
pub fn external(place: u64) -> String {
    format!("u-{place}")
}

/// Accounts 0 to `count`, with a verified address and without a password.
pub async fn gather(closed: &Closed, count: u64) -> anyhow::Result<()> {
    let count = i64::try_from(count)?;
    let chunks = (0..count).step_by(usize::try_from(CHUNK)?).map(|from| (from, count.min(from + CHUNK)));
    match closed.url.strip_prefix("sqlite:") {
        Some(path) => sqlite(path, closed.realm, chunks).await,
        None => postgres(&closed.url, closed.realm, chunks).await,
    }
}

async fn sqlite(path: &str, realm: RealmId, chunks: impl Iterator<Item = (i64, i64)>) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Wal);
    let mut connection = options.connect().await?;
    let now = ambient::now().unix_micros();
    for (from, to) in chunks {
        sqlx::query(SQLITE).bind(realm.uuid()).bind(from).bind(to).bind(now).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

async fn postgres(url: &str, realm: RealmId, chunks: impl Iterator<Item = (i64, i64)>) -> anyhow::Result<()> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    let now = OffsetDateTime::from_unix_timestamp(ambient::now().unix_seconds())?;
    for (from, to) in chunks {
        let insert = sqlx::query(POSTGRES).bind(realm.uuid()).bind(from).bind(to).bind(now);
        insert.execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Tables whose rows are there before anything is measured.
const FILLED: &[&str] =
    &["accounts", "passwords", "sign_ins", "sessions", "challenges", "factors", "attempts", "events"];

/// Leaves the database as one that has been running for a while. On PostgreSQL, filled tables get the planner
/// statistics that autovacuum would collect; an empty table gets none, or queries would be planned for an
/// empty one. SQLite collects statistics only on request, and the program requests none.
pub async fn settle(closed: &Closed) -> anyhow::Result<()> {
    if let Some(path) = closed.url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
        return Ok(connection.close().await?);
    }
    let mut connection = PgConnectOptions::from_str(&closed.url)?.connect().await?;
    for table in FILLED {
        let any = AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1"));
        if sqlx::query(any).fetch_optional(&mut connection).await?.is_some() {
            let look = AssertSqlSafe(format!("VACUUM ANALYZE {table}"));
            sqlx::raw_sql(look).execute(&mut connection).await?;
        }
    }
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    Ok(connection.close().await?)
}
