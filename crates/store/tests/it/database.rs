//! An empty database, and statements that are written once for both engines.

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
};
use tempfile::TempDir;
use tidegate_core::{Id, Kind, RealmId, Timestamp};
use tidegate_store::{Pooler, Settings, Store, Timeouts};
use tidegate_tests::postgres;
use uuid::Uuid;

pub struct Database {
    url: String,
    _folder: Option<TempDir>,
}

/// 2026-03-02T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_unix_micros(1_772_409_600_000_000);

/// The id that `ID1` to `ID9` stand for in a statement.
pub fn id<K: Kind>(number: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(number))
}

pub fn realm() -> RealmId {
    id(1)
}

macro_rules! before_methods {
    ($engine:literal: $($number:literal $name:literal,)+) => {
        Migrator::with_migrations(vec![$(Migration::new(
            $number,
            $name.into(),
            MigrationType::Simple,
            include_str!(concat!("../../../../migrations/", $engine, "/", $name, ".sql")).into_sql_str(),
            false,
        ),)+])
    };
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("tidegate.db").display()), _folder: Some(folder) }
    }

    pub async fn postgres() -> Self {
        Self { url: postgres::database().await, _folder: None }
    }

    fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Migrates up to 0005.
    pub async fn migrate_to_5(&self) {
        if self.is_sqlite() {
            let mut db = SqliteConnection::connect(&format!("{}?mode=rwc", self.url)).await.unwrap();
            let migrator = before_methods!("sqlite": 1 "0001_init", 2 "0002_rollouts", 3 "0003_record", 4 "0004_switch", 5 "0005_room",);
            migrator.run_direct(None, &mut db, false).await.unwrap();
        } else {
            let mut db = PgConnection::connect(&self.url).await.unwrap();
            let migrator = before_methods!("postgres": 1 "0001_init", 2 "0002_rollouts", 3 "0003_record", 4 "0004_switch", 5 "0005_room",);
            migrator.run(&mut db).await.unwrap();
        }
    }

    /// Migrates to the newest.
    pub async fn store(&self) -> Store {
        let store = Store::open(&Settings {
            url: self.url.clone(),
            connections: 4,
            timeouts: Timeouts::default(),
            pooler: Pooler::None,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// Replaces `ID1` to `ID9` by ids, `AT` by `NOW`, `LATER` by the day after it, and `BYTES` by
    /// two bytes.
    fn text(&self, statements: &str) -> String {
        let (at, later, bytes) = if self.is_sqlite() {
            ("1772409600000000", "1772496000000000", "x'0102'")
        } else {
            ("'2026-03-02T00:00:00Z'", "'2026-03-03T00:00:00Z'", "'\\x0102'")
        };
        let text = statements.replace("AT ", at).replace("LATER", later).replace("BYTES", bytes);
        (1..10_u128).fold(text, |text, number| text.replace(&format!("ID{number}"), &self.id(number)))
    }

    pub fn id(&self, number: u128) -> String {
        let id = Uuid::from_u128(number);
        if self.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'::uuid") }
    }

    /// 32 times the same byte.
    pub fn digest(&self, byte: u8) -> String {
        let digest = format!("{byte:02x}").repeat(32);
        if self.is_sqlite() { format!("x'{digest}'") } else { format!("'\\x{digest}'::bytea") }
    }

    pub async fn run(&self, statements: &str) {
        let text = AssertSqlSafe(self.text(statements));
        if self.is_sqlite() {
            SqliteConnection::connect(&self.url).await.unwrap().execute(text).await.unwrap();
        } else {
            PgConnection::connect(&self.url).await.unwrap().execute(text).await.unwrap();
        }
    }

    pub async fn value(&self, select: &str) -> String {
        let text = AssertSqlSafe(self.text(select));
        if self.is_sqlite() {
            let mut db = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(text).fetch_one(&mut db).await.unwrap()
        } else {
            let mut db = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(text).fetch_one(&mut db).await.unwrap()
        }
    }
}
