//! Table `installation`, which has one row for the whole database, and sqlx's own table of migrations.

use tidegate_core::{RealmId, Sealed, Timestamp};

use crate::{
    Engine, Error, Schema, Store, Tx,
    column::{Row, Unreadable},
    executor::{Across, Record},
    migrations,
    statement::sql,
};

sql! {
    Select APPLIED = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) AS version FROM _sqlx_migrations";
    Select HAS_TABLE = {
        sqlite: "SELECT CAST(COUNT(*) AS INTEGER) AS version FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
        postgres: "SELECT COUNT(*) AS version FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'"
    };
    Select FIND_IN_ANY_SCHEMA = {
        sqlite: "SELECT singleton, first_realm_id, min_binary, key_check, clock_floor, NULL AS timeline, NULL AS restore_began_at FROM installation",
        postgres: "SELECT singleton, first_realm_id, min_binary, key_check, clock_floor, CAST(NULL AS BIGINT) AS timeline, \
            CAST(NULL AS TIMESTAMPTZ) AS restore_began_at FROM installation"
    };
    Select FIND = "SELECT singleton, first_realm_id, min_binary, key_check, clock_floor, timeline, restore_began_at FROM installation";
    Change SET_KEY_CHECK = "UPDATE installation SET key_check = $3 WHERE first_realm_id = $1 AND key_check = $2";
    Change BEGIN_RESTORE = "UPDATE installation SET timeline = COALESCE(timeline, 0) + 1, restore_began_at = $2, \
        min_binary = CASE WHEN min_binary < $3 THEN $3 ELSE min_binary END WHERE first_realm_id = $1 AND restore_began_at IS NULL";
    Change END_RESTORE = "UPDATE installation SET restore_began_at = NULL WHERE first_realm_id = $1";
    Change INSERT = "INSERT INTO installation (singleton, first_realm_id, min_binary, key_check, clock_floor, created_at) VALUES (1, $1, $2, $3, $4, $4) \
        ON CONFLICT (singleton) DO NOTHING";
    Change LOCK = "UPDATE installation SET singleton = singleton WHERE EXISTS (SELECT 1 FROM realms WHERE realm_id = $1)";
    Change SET_FLOOR = "UPDATE installation SET clock_floor = $2 WHERE first_realm_id = $1";
    Select CLOCK = {
        sqlite: "SELECT CAST(0 AS INTEGER) AS at",
        postgres: "SELECT clock_timestamp() AS at"
    };
}

/// An earlier program would serve a database whose restore is not complete.
const KNOWS_RESTORES: i64 = 17;

struct Version(i64);

impl Record for Version {
    const TABLE: &'static str = "_sqlx_migrations";
    const KEY: &'static str = "version";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("version").map(Self)
    }
}

struct ClockRow(Timestamp);

impl Record for ClockRow {
    const TABLE: &'static str = "clock";
    const KEY: &'static str = "at";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("at").map(Self)
    }
}

#[derive(Debug, Clone)]
pub struct Installation {
    /// The realm that `init` made.
    pub first_realm: RealmId,
    pub min_binary: i64,
    /// A sealed value that only the right master key opens.
    pub key_check: Sealed,
    /// An instant that the authority clock showed. The clock must never show an earlier one (INV-54).
    pub clock_floor: Timestamp,
    /// How many times the database was restored from a copy.
    pub timeline: i64,
    /// When `tidegate restored` began; `None`: it has nothing to do, or is complete.
    pub restore_began_at: Option<Timestamp>,
}

impl Record for Installation {
    const TABLE: &'static str = "installation";
    const KEY: &'static str = "singleton";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            first_realm: row.get("first_realm_id")?,
            min_binary: row.get("min_binary")?,
            key_check: row.get("key_check")?,
            clock_floor: row.get("clock_floor")?,
            timeline: row.get::<Option<i64>>("timeline")?.unwrap_or_default(),
            restore_began_at: row.get("restore_began_at")?,
        })
    }
}

/// The number of the newest migration in the database; zero when there is none.
pub async fn applied(across: &mut Across) -> Result<i64, Error> {
    if across.select(HAS_TABLE).optional::<Version>().await?.is_none_or(|tables| tables.0 == 0) {
        return Ok(0);
    }
    Ok(across.select(APPLIED).optional::<Version>().await?.map_or(0, |version| version.0))
}

/// The columns that every schema has. `None`: the database is not initialised.
pub async fn find_in_any_schema(across: &mut Across) -> Result<Option<Installation>, Error> {
    if applied(across).await? == 0 {
        return Ok(None);
    }
    across.select(FIND_IN_ANY_SCHEMA).optional().await
}

/// How the database's schema compares to this program's.
pub async fn schema(across: &mut Across) -> Result<Schema, Error> {
    let applied = applied(across).await?;
    if applied == 0 {
        return Ok(Schema::Absent);
    }
    if applied < migrations::NEWEST {
        return Ok(Schema::Older { applied });
    }
    let min_binary = find(across).await?.map_or(0, |installation| installation.min_binary);
    if min_binary > migrations::NEWEST {
        return Ok(Schema::Newer { applied, min_binary });
    }
    Ok(Schema::Usable { applied })
}

pub async fn find(across: &mut Across) -> Result<Option<Installation>, Error> {
    across.select(FIND).optional().await
}

/// `false` when the database was initialised before. The transaction's realm becomes the first realm.
pub async fn insert(tx: &mut Tx, key_check: Sealed, now: Timestamp) -> Result<bool, Error> {
    tx.change(INSERT).bind(migrations::NEWEST).bind(key_check).bind(now).hit().await
}

/// Locks the row for the rest of the transaction, for what concerns all realms: one such transaction runs at a time.
pub async fn lock(tx: &mut Tx) -> Result<(), Error> {
    tx.change(LOCK).rows().await.map(drop)
}

/// Replaces the value that reveals a wrong master key; `false` when it is another one by now.
pub async fn set_key_check(tx: &mut Tx, old: &Sealed, new: Sealed) -> Result<bool, Error> {
    tx.change(SET_KEY_CHECK).bind(old.clone()).bind(new).hit().await
}

/// The database was restored from a copy: its time goes another way from here on. `false` when that was begun before.
pub async fn begin_restore(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    tx.change(BEGIN_RESTORE).bind(now).bind(KNOWS_RESTORES).hit().await
}

/// The restore is complete.
pub async fn end_restore(tx: &mut Tx) -> Result<(), Error> {
    tx.change(END_RESTORE).rows().await.map(drop)
}

impl Store {
    /// Replaces what was stored while the clock was wrong.
    pub async fn set_clock_floor(&self, installation: &Installation, to: Timestamp) -> Result<(), Error> {
        self.tx("set_clock_floor", installation.first_realm, async |tx| {
            tx.change(SET_FLOOR).bind(to).rows().await.map(drop)
        })
        .await
    }

    /// The database server's clock. `None` on SQLite, where the host's clock is the only one.
    pub async fn clock(&self) -> Result<Option<Timestamp>, Error> {
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        server_clock(&mut self.across("clock")).await
    }
}

/// The clock of the PostgreSQL server that is asked.
pub(crate) async fn server_clock(across: &mut Across) -> Result<Option<Timestamp>, Error> {
    Ok(across.select(CLOCK).optional::<ClockRow>().await?.map(|at| at.0))
}
