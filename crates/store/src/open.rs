//! Opens a store, and compares its schema to this program's.

use std::{
    error::Error as StdError,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tidegate_core::RealmId;
use tidegate_metrics::Metrics;

use crate::{
    Across, Pooler, PostgresUrlError, Share, SqliteUrlError, Timeouts, View,
    answers::Answering,
    connect_failure::ConnectFailure,
    connection_pool::ConnectionPool,
    error,
    executor::{SqliteReaders, Via},
    liveness::Liveness,
    lock::{FileLock, unusable},
    migrations,
    postgres_servers::Servers,
    postgres_url::{self, SCHEMES},
    sqlite_file,
    sqlite_writer::SqliteWriter,
};

#[derive(Clone)]
pub struct Settings {
    /// `sqlite:<path>` or `postgres://…`.
    pub url: String,
    /// Readers on SQLite, all connections on PostgreSQL.
    pub connections: u32,
    pub timeouts: Timeouts,
    /// What is between the program and PostgreSQL.
    pub pooler: Pooler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

#[derive(Clone)]
pub(crate) enum Db {
    Sqlite { read: SqliteReaders, write: SqliteWriter },
    Postgres(ConnectionPool),
}

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    /// The answers in progress, for batching.
    pub(crate) answering: Arc<Answering>,
    pooler: Pooler,
    /// What statements by this handle may take of the connections.
    pub(crate) share: Share,
    pub(crate) liveness: Liveness,
    metrics: Arc<Metrics>,
}

/// Why a store cannot be opened or served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database URL must begin with sqlite:, postgres:// or postgresql://")]
    Url,
    #[error("the address {0}")]
    SqliteUrl(#[from] SqliteUrlError),
    #[error("another program is using {path}: only one at a time can")]
    InUse { path: String },
    #[error("the folder {folder} of the database does not exist: make it, or mount the volume that holds it")]
    NoFolder { folder: String },
    #[error("{path} is a folder: add the name of the file, such as {path}/tidegate.db")]
    Folder { path: String },
    #[error("{path} is no regular file: name a file, which is made if it is missing")]
    NoFile { path: String },
    #[error(
        "{path} cannot be written, and SQLite also writes beside it: give the file and its folder to the user of the \
         program (`chown`, `chmod u+w`), or mount the file system writable"
    )]
    ReadOnly { path: String, source: Box<dyn StdError + Send + Sync> },
    #[error("{path} is no SQLite database: correct the path, or restore a backup, as docs/RESTORE.md says")]
    Damaged { path: String, source: sqlx::Error },
    #[error("{path} cannot be opened")]
    Unusable { path: String, source: std::io::Error },
    #[error("database.url: {0}")]
    Address(#[from] PostgresUrlError),
    /// The text names the server and the last cause.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    #[error(
        "a schema cannot be migrated through a pooler: name PostgreSQL itself in database.url, and set database.pooler to \
         \"none\", for this command"
    )]
    Pooled,
    #[error("another program migrates the schema, and does not end")]
    Turn(#[source] sqlx::Error),
    #[error("the schema cannot be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// How a schema compares to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The database has none.
    Absent,
    /// It lacks migrations that this program brings.
    Older { applied: i64 },
    /// This program can serve it; a newer one that allows older programs included.
    Usable { applied: i64 },
    /// It is newer, and demands a newer program.
    Newer { applied: i64, min_binary: i64 },
}

/// Pages in SQLite's write-ahead log before a checkpoint, 64 MiB. Pages that are written often,
/// such as those of counters and of the newest events, are then copied to the database file once.
const CHECKPOINT: &str = "16000";
/// Bytes to which the write-ahead log shrinks again after a burst: as many as those pages take.
const JOURNAL_SIZE: &str = "65536000";

/// Between two looks at the files of SQLite.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Store {
    /// Connects and changes nothing. On SQLite, creates the file if it is missing, and locks it.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        Self::measured(settings, Arc::new(Metrics::new(""))).await
    }

    /// The same; the waits for a connection of PostgreSQL are counted.
    pub async fn measured(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let db = if let Some(path) = sqlite_file(&settings.url)? {
            sqlite(path, settings).await?
        } else {
            Db::Postgres(postgres(servers(settings).await?, settings, metrics.clone()).await?)
        };
        let (answering, pooler) = (Arc::new(Answering::new(settings.timeouts.leader)), settings.pooler);
        Ok(Self { db, answering, pooler, share: Share::Hot, liveness: Liveness::default(), metrics })
    }

    /// The same store for work of this kind, which may take so much of the connections.
    #[must_use]
    pub fn sharing(&self, share: Share) -> Self {
        Self { share, ..self.clone() }
    }

    /// The same store and process, with a connection of its own on PostgreSQL: calls that keep all connections busy must not
    /// make this process look dead. It is opened at its first use, and nothing on it takes longer than `within`.
    #[must_use]
    pub fn apart(&self, within: Duration) -> Self {
        let db = match &self.db {
            Db::Postgres(pool) => Db::Postgres(pool.apart(within)),
            sqlite @ Db::Sqlite { .. } => sqlite.clone(),
        };
        Self { db, ..self.clone() }
    }

    /// Brings the schema up to this program's; does nothing when it is up to date. On PostgreSQL one program migrates at a
    /// time: the others wait for it.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        match &self.db {
            Db::Sqlite { write, .. } => {
                let mut writer = write.lock(false).await.map_err(|error| unreachable(None, error))?;
                let connection = writer.connection().map_err(|error| unreachable(None, error))?;
                migrations::sqlite().run_direct(None, connection, false).await?;
                writer.ended(true).map_err(|error| unreachable(None, error))?;
            }
            Db::Postgres(pool) => {
                if self.pooler == Pooler::Transaction {
                    return Err(OpenError::Pooled);
                }
                let mut pooled =
                    pool.take(Share::Hot, true).await.map_err(|error| unreachable(None, error))?;
                let connection = pooled.connection().map_err(|error| unreachable(None, error))?;
                let turn = sqlx::raw_sql(migrations::TURN).execute(&mut *connection).await;
                turn.map_err(OpenError::Turn)?;
                // The connection is not given back, so that it ends with its lock and its timeouts.
                migrations::postgres().run(connection).await?;
            }
        }
        Ok(())
    }

    pub fn engine(&self) -> Engine {
        match &self.db {
            Db::Sqlite { .. } => Engine::Sqlite,
            Db::Postgres(..) => Engine::Postgres,
        }
    }

    /// Where the waits for a connection are counted.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Connections in use, idle ones, and callers that wait for one; on SQLite those of readers.
    pub fn connections(&self) -> [usize; 3] {
        match &self.db {
            Db::Sqlite { read, .. } => {
                let (open, idle) = (read.pool.size(), read.pool.num_idle());
                let open = usize::try_from(open).unwrap_or(usize::MAX);
                [open.saturating_sub(idle), idle, 0]
            }
            Db::Postgres(pool) => pool.connections(),
        }
    }

    /// From now on only connections to the database of this installation are used, which its first realm names. On SQLite
    /// the file stays the same.
    pub fn serve_only(&self, first_realm: RealmId) {
        if let Db::Postgres(pool) = &self.db {
            pool.serve_only(first_realm);
        }
    }

    /// How often a connection broke, or led to another server than before. Behind a new connection may be a database that
    /// was restored.
    pub fn breaks(&self) -> u64 {
        match &self.db {
            Db::Sqlite { .. } => 0,
            Db::Postgres(pool) => pool.breaks(),
        }
    }

    /// Reads of one realm.
    pub fn view(&self, name: &'static str, realm: RealmId) -> View {
        View { via: self.read(), realm, name }
    }

    /// Reads of all realms.
    pub fn across(&self, name: &'static str) -> Across {
        Across { via: self.read(), name }
    }

    /// Closes every connection. A connection in use is closed when its user returns it. On SQLite the readers are closed
    /// first, and the writer last: it leaves the whole database in its one file, without a log beside it.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { read, write } => {
                read.pool.close().await;
                if let Err(error) = write.close().await {
                    tracing::warn!(%error, "the log of SQLite was not copied into the database; it stays beside the file");
                }
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }

    /// Ends when the SQLite file, or the log beside it, was deleted or replaced: what is written is lost from then on.
    /// Names the file.
    pub async fn lost(&self) -> PathBuf {
        loop {
            if let Db::Sqlite { write, .. } = &self.db
                && let Some(path) = write.lost()
            {
                return path;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn read(&self) -> Via {
        match &self.db {
            Db::Sqlite { read, .. } => Via::SqliteReaders(read.clone(), self.share),
            Db::Postgres(pool) => Via::Postgres(pool.clone(), self.share),
        }
    }
}

async fn sqlite(path: PathBuf, settings: &Settings) -> Result<Db, OpenError> {
    let timeouts = settings.timeouts;
    is_a_file(&path)?;
    make_private(&path).map_err(|source| unusable(&path, source))?;
    let lock = FileLock::take(&path)?;
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        .pragma("journal_size_limit", JOURNAL_SIZE)
        .busy_timeout(timeouts.lock);
    let failed = |source| not_opened(&path, source);
    let mut write = options.connect().await.map_err(failed)?;
    // A file that SQLite could open for reading alone fails here. It is written by nothing else yet, but perhaps by a tool.
    match sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut write).await {
        Err(source) if !error::is_busy(&source) => return Err(failed(source)),
        _ => {}
    }
    lock.watch(&path).map_err(|source| unusable(&path, source))?;
    let read = SqlitePoolOptions::new()
        .max_connections(settings.connections)
        .acquire_timeout(timeouts.acquire)
        .connect_with(options.pragma("query_only", "on"))
        .await
        .map_err(failed)?;
    let read = SqliteReaders::new(read, settings.connections, &timeouts);
    Ok(Db::Sqlite { read, write: SqliteWriter::new(write, Arc::new(lock), timeouts) })
}

/// What is not a regular file would hang, or become a file of an odd name.
fn is_a_file(path: &Path) -> Result<(), OpenError> {
    let shown = || path.display().to_string();
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_dir() => Err(OpenError::Folder { path: shown() }),
        Ok(_) => Err(OpenError::NoFile { path: shown() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if folder.is_dir() {
                return Ok(());
            }
            Err(OpenError::NoFolder { folder: folder.display().to_string() })
        }
        Err(source) => Err(unusable(path, source)),
    }
}

/// Why SQLite does not open the file, in words.
fn not_opened(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.display().to_string();
    match error::sqlite_primary(&source) {
        // READONLY, CANTOPEN: the file was opened before, so it is the folder that cannot be written.
        Some(8 | 14) => OpenError::ReadOnly { path, source: source.into() },
        // CORRUPT, NOTADB.
        Some(11 | 26) => OpenError::Damaged { path, source },
        _ => unreachable(None, source),
    }
}

/// The file holds people's addresses, so only its owner may read it.
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if path.exists() {
        return Ok(());
    }
    std::fs::File::options().create_new(true).write(true).mode(0o600).open(path).map(drop)
}

/// The servers of an address, with the files that it names.
pub(crate) async fn servers(settings: &Settings) -> Result<Servers, OpenError> {
    if !SCHEMES.iter().any(|scheme| settings.url.starts_with(scheme)) {
        return Err(OpenError::Url);
    }
    let (servers, files) = postgres_url::read(&settings.url)?;
    for path in files {
        let opened = tokio::fs::File::open(&path).await;
        opened.map_err(|source| OpenError::Unusable { path: path.display().to_string(), source })?;
    }
    Ok(Servers::new(servers))
}

/// The pool, of which one connection is open.
pub(crate) async fn postgres(
    servers: Servers,
    settings: &Settings,
    metrics: Arc<Metrics>,
) -> Result<ConnectionPool, OpenError> {
    let pool = ConnectionPool::new(servers, settings, metrics).map_err(|error| unreachable(None, error))?;
    let opened = pool.open_one(settings.timeouts.connect).await;
    opened.map(|()| pool.clone()).map_err(|error| unreachable(pool.failure(), error))
}

/// The failure names the server, where there is one.
pub(crate) fn unreachable(failure: Option<ConnectFailure>, error: sqlx::Error) -> OpenError {
    OpenError::Unreachable(
        failure.map_or_else(|| ConnectFailure::last_cause(&error), |failure| failure.to_string()),
    )
}
