//! What `tidegate doctor` asks of a database: whether it can be reached, how the server is set, whether the file is sound.
//!
//! It reads only, takes no lock, and creates no file, so it may run beside a server that is in use. The statements read
//! the catalogs of PostgreSQL and pragmas of SQLite, and no table of the schema.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tidegate_core::Timestamp;
use tidegate_metrics::Metrics;

use crate::{
    Across, Engine, Error, OpenError, Settings,
    column::{Row, Unreadable},
    connection_pool::ConnectionPool,
    executor::{Record, SqliteReaders, Via},
    installation, open,
    shares::Share,
    sqlite_url::sqlite_file,
    statement::sql,
};

sql! {
    Select SERVER = {
        sqlite: "SELECT 0 AS version, 'UTF8' AS encoding, '' AS user_name, 0 AS is_superuser, '' AS schema_name, 0 AS may_create, \
            0 AS is_standby, 'off' AS read_only, '' AS isolation, 'on' AS fsync, 'on' AS full_page_writes, 'on' AS synchronous_commit, \
            0 AS standbys, 0 AS synchronous_standbys, 0 AS hidden_standbys, '' AS standby_names, 0 AS max_connections, 0 AS reserved_connections, \
            0 AS connections, -1 AS database_limit, -1 AS role_limit",
        postgres: "SELECT current_setting('server_version_num')::INT8 AS version, \
            pg_encoding_to_char(database.encoding)::TEXT AS encoding, role.rolname::TEXT AS user_name, \
            role.rolsuper AS is_superuser, current_schema()::TEXT AS schema_name, \
            COALESCE(has_schema_privilege(current_schema()::TEXT, 'CREATE'), FALSE) AS may_create, \
            pg_is_in_recovery() AS is_standby, current_setting('default_transaction_read_only') AS read_only, \
            current_setting('default_transaction_isolation') AS isolation, current_setting('fsync') AS fsync, \
            current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS synchronous_commit, \
            (SELECT COUNT(*) FROM pg_stat_replication) AS standbys, \
            (SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS synchronous_standbys, \
            (SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IS NULL) AS hidden_standbys, \
            current_setting('synchronous_standby_names') AS standby_names, \
            current_setting('max_connections')::INT8 AS max_connections, \
            current_setting('superuser_reserved_connections')::INT8 AS reserved_connections, \
            (SELECT COALESCE(SUM(numbackends), 0)::INT8 FROM pg_stat_database) AS connections, \
            database.datconnlimit::INT8 AS database_limit, role.rolconnlimit::INT8 AS role_limit \
            FROM pg_database AS database, pg_roles AS role \
            WHERE database.datname = current_database() AND role.rolname = current_user"
    };
    // The tables of the one who owns `installation`: others may share the schema. `migrate` writes the table of migrations.
    Select UNWRITABLE = {
        sqlite: "SELECT '' AS name WHERE 0 = 1",
        postgres: "SELECT relname::TEXT AS name FROM pg_class \
            WHERE relkind IN ('r', 'p') AND relname <> '_sqlx_migrations' \
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
            AND relowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('installation')) \
            AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') \
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')) ORDER BY relname"
    };
    Select DAMAGE = {
        sqlite: "SELECT quick_check AS name FROM pragma_quick_check LIMIT 3",
        postgres: "SELECT '' AS name WHERE FALSE"
    };
}

/// How a PostgreSQL server is set, as the program's user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// 150004 for 15.4.
    pub version: i64,
    pub encoding: String,
    pub user: PostgresUser,
    /// Where tables are made; `None`: no schema of the search path exists.
    pub schema: Option<String>,
    /// Why nothing can be written.
    pub bar: Option<WriteBar>,
    /// `default_transaction_isolation`.
    pub isolation: String,
    /// The settings that are off, so that a crash loses what was committed, or breaks the database.
    pub lossy: Vec<&'static str>,
    pub standbys: Standbys,
    pub connections: ServerConnections,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUser {
    pub name: String,
    pub is_superuser: bool,
    /// Whether the user may create tables, as `init` and `migrate` do.
    pub may_create: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBar {
    /// The server is a standby, which follows another one.
    Standby,
    /// `default_transaction_read_only` is on.
    ReadOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standbys {
    pub connected: i64,
    /// Those that commits wait for.
    pub synchronous: i64,
    /// Those whose state the user may not see.
    pub hidden: i64,
    /// Whether commits wait for standbys that `synchronous_standby_names` names.
    pub waited_for: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerConnections {
    /// `max_connections`.
    pub allowed: i64,
    /// Of these, for superusers alone.
    pub reserved: i64,
    /// Open now, of all users and databases.
    pub open: i64,
    /// The limit of the database or of the user, whichever is lower.
    pub own_limit: Option<i64>,
}

/// The oldest version that the tests run on.
pub const OLDEST_POSTGRES: i64 = 140_000;

/// Settings that must not be off.
const DURABILITY: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

impl Record for PostgresServer {
    const TABLE: &'static str = "pg_settings";
    const KEY: &'static str = "user_name";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let text = |column| row.get::<String>(column);
        let is_on = |column| text(column).map(|word| word == "on");
        let mut lossy = Vec::new();
        for setting in DURABILITY {
            if text(setting)? == "off" {
                lossy.push(setting);
            }
        }
        let bar = match (row.get("is_standby")?, is_on("read_only")?) {
            (true, _) => Some(WriteBar::Standby),
            (false, true) => Some(WriteBar::ReadOnly),
            (false, false) => None,
        };
        let waits = !["off", "local"].contains(&text("synchronous_commit")?.as_str());
        let limits = [row.get::<i64>("database_limit")?, row.get("role_limit")?];
        Ok(Self {
            version: row.get("version")?,
            encoding: row.get("encoding")?,
            user: PostgresUser {
                name: row.get("user_name")?,
                is_superuser: row.get("is_superuser")?,
                may_create: row.get("may_create")?,
            },
            schema: row.get("schema_name")?,
            bar,
            isolation: row.get("isolation")?,
            lossy,
            standbys: Standbys {
                connected: row.get("standbys")?,
                synchronous: row.get("synchronous_standbys")?,
                hidden: row.get("hidden_standbys")?,
                waited_for: waits && !text("standby_names")?.is_empty(),
            },
            connections: ServerConnections {
                allowed: row.get("max_connections")?,
                reserved: row.get("reserved_connections")?,
                open: row.get("connections")?,
                own_limit: limits.into_iter().filter(|limit| *limit >= 0).min(),
            },
        })
    }
}

struct Named(String);

impl Record for Named {
    const TABLE: &'static str = "pg_class";
    const KEY: &'static str = "name";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("name").map(Self)
    }
}

/// A database that is looked at, and not served.
pub struct Inspection(Opened);

enum Opened {
    Sqlite(SqliteFile),
    Postgres(ConnectionPool),
}

struct SqliteFile {
    path: PathBuf,
    settings: Settings,
    pool: SqlitePool,
    /// Nothing wrote to the file when it was opened, so SQLite was told to make no files beside it.
    immutable: bool,
}

impl SqliteFile {
    /// A check reads the whole file, so its statements are not bounded here.
    fn readers(&self, pool: &SqlitePool) -> Via {
        let readers = SqliteReaders::new(pool.clone(), CONNECTIONS, &self.settings.timeouts);
        Via::SqliteReaders(readers.unbounded(), Share::Hot)
    }
}

impl Inspection {
    /// Connects once: unlike `Store::open` it does not wait for a server that is away, and reports why it is. A missing
    /// SQLite file is an error too.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        if let Some(path) = sqlite_file(&settings.url)? {
            // SQLite keeps its log beside the file itself, not beside a link to it.
            let path = path.canonicalize().unwrap_or(path);
            let immutable = !has_log(&path);
            let pool =
                sqlite(&path, settings, immutable).await.map_err(|error| open::unreachable(None, error))?;
            let file = SqliteFile { path, settings: settings.clone(), pool, immutable };
            return Ok(Self(Opened::Sqlite(file)));
        }
        postgres(settings).await.map(|pool| Self(Opened::Postgres(pool)))
    }

    pub const fn engine(&self) -> Engine {
        match &self.0 {
            Opened::Sqlite(_) => Engine::Sqlite,
            Opened::Postgres(_) => Engine::Postgres,
        }
    }

    pub fn across(&self) -> Across {
        let via = match &self.0 {
            Opened::Sqlite(file) => file.readers(&file.pool),
            Opened::Postgres(pool) => Via::Postgres(pool.clone(), Share::Hot),
        };
        Across { via, name: "doctor" }
    }

    /// `None` on SQLite.
    pub async fn server(&self) -> Result<Option<PostgresServer>, Error> {
        match self.engine() {
            Engine::Sqlite => Ok(None),
            Engine::Postgres => self.across().select(SERVER).optional().await,
        }
    }

    /// The tables that the user may not read and write.
    pub async fn unwritable(&self) -> Result<Vec<String>, Error> {
        Ok(named(self.across().select(UNWRITABLE).all().await?))
    }

    /// The database server's clock. `None` on SQLite.
    pub async fn clock(&self) -> Result<Option<Timestamp>, Error> {
        match self.engine() {
            Engine::Sqlite => Ok(None),
            Engine::Postgres => installation::server_clock(&mut self.across()).await,
        }
    }

    /// What SQLite's quick check finds wrong with the file, in SQLite's words, three lines at most.
    pub async fn damage(&self) -> Result<Vec<String>, Error> {
        let found = damage(self.across()).await?;
        match &self.0 {
            // A program has begun to write meanwhile: the check may have read a mixture of old and new pages.
            Opened::Sqlite(file) if !found.is_empty() && file.immutable && has_log(&file.path) => {
                let pool = sqlite(&file.path, &file.settings, false).await;
                let pool = pool.map_err(|source| Error::of("doctor", source))?;
                let found = damage(Across { via: file.readers(&pool), name: "doctor" }).await;
                pool.close().await;
                found
            }
            Opened::Sqlite(_) | Opened::Postgres(_) => Ok(found),
        }
    }

    pub async fn close(&self) {
        match &self.0 {
            Opened::Sqlite(file) => file.pool.close().await,
            Opened::Postgres(pool) => pool.close().await,
        }
    }
}

async fn damage(mut across: Across) -> Result<Vec<String>, Error> {
    let found = named(across.select(DAMAGE).all().await?);
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

fn named(rows: Vec<Named>) -> Vec<String> {
    rows.into_iter().map(|row| row.0).collect()
}

/// Whether a program uses the file, or ended without closing it: SQLite keeps its write-ahead log beside it then.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

/// A file that nothing uses is opened as immutable. Otherwise even a reader makes a log and its index beside the file,
/// and leaves them there.
async fn sqlite(path: &Path, settings: &Settings, immutable: bool) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(immutable)
        .busy_timeout(settings.timeouts.lock)
        .pragma("query_only", "on");
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
    pool.acquire_timeout(settings.timeouts.acquire).connect_with(options).await
}

/// The statements of one run that run at once.
const CONNECTIONS: u32 = 2;

async fn postgres(settings: &Settings) -> Result<ConnectionPool, OpenError> {
    // Whatever is wrong with the server is what the doctor looks for.
    let settings = Settings { connections: CONNECTIONS, ..settings.clone() };
    let servers = open::servers(&settings).await?.of_any_kind();
    // The pool waits for a server that is away.
    let connection = servers.connect(settings.timeouts.connect).await;
    connection.map_err(|error| open::unreachable(servers.failure(), error))?;
    open::postgres(servers, &settings, Arc::new(Metrics::new(""))).await
}
