//! A real PostgreSQL for tests: a fresh database for each test, and lines to it that can be cut.
//!
//! `TIDEGATE_TEST_POSTGRES` names a running server: the `postgres://` URL of a superuser. Without it a server
//! is started for this program and stopped with it. Where neither is possible, tests fail; they are never
//! skipped. Databases on a named server are not dropped, so it should be a server to throw away.

use std::{
    fs::Permissions,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, ConnectOptions as _, postgres::PgConnectOptions};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub use crate::line::Line;
use crate::{
    cluster::{self, Cluster, Durability, connections_needed, servant},
    pki::Issued,
};

/// Names a running server.
pub const VARIABLE: &str = "TIDEGATE_TEST_POSTGRES";

struct Server {
    /// The URL of a database on it.
    url: String,
    _cluster: Option<Cluster>,
}

/// The URL of a fresh, empty database.
///
/// # Panics
/// There is no PostgreSQL.
pub async fn database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tidegate_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    run(&format!("CREATE DATABASE {name}")).await;
    renamed(&server().await.url, &name)
}

/// One of PostgreSQL's programs, such as `pg_dump`.
pub fn tool(name: &str) -> PathBuf {
    cluster::programs().map_or_else(|| PathBuf::from(name), |bin| bin.join(name))
}

/// Ends every connection to one database, as a server does that shuts down. New connections are accepted.
///
/// # Panics
/// The server does not do it.
pub async fn hang_up(url: &str) {
    let name = options(url).get_database().unwrap_or_default().to_owned();
    run(&format!("SELECT pg_terminate_backend(pid, 600000) FROM pg_stat_activity WHERE datname = '{name}'"))
        .await;
}

/// A separate server whose commits wait for fsync as in production, for measurements and for tests of such a server. It
/// stops when it is dropped.
pub struct Durable(Cluster);

impl Durable {
    /// # Errors
    /// There is no PostgreSQL; the text says why.
    pub fn start() -> Result<Self, String> {
        Cluster::start(Durability::Full).map(Self).map_err(|why| why.to_string())
    }

    /// A standby that follows it.
    ///
    /// # Errors
    /// The text says why there is none.
    pub fn standby(&self) -> Result<Self, String> {
        self.0.standby(Durability::Full).map(Self).map_err(|why| why.to_string())
    }

    /// Stops every process of it where it stands. Connections stay up, and nothing is answered.
    ///
    /// # Panics
    /// It does not run.
    pub fn pause(&self) {
        assert!(self.0.signal("STOP"), "PostgreSQL runs");
    }

    /// # Panics
    /// It does not run.
    pub fn go_on(&self) {
        assert!(self.0.signal("CONT"), "PostgreSQL runs");
    }

    /// Ends it as a loss of power does, and starts it again. It may have ended by itself before.
    ///
    /// # Panics
    /// It does not start.
    pub fn crash(&self) {
        let _ = self.0.tell("crash");
        assert!(self.0.tell("start"), "PostgreSQL starts again");
    }

    /// The folder of its socket: the host that an address names.
    pub fn host(&self) -> &Path {
        self.0.folder()
    }

    /// The URL of one of its databases. `postgres` exists from the beginning.
    pub fn url(&self, database: &str) -> String {
        self.0.url(database)
    }
}

/// A server that takes connections over TCP, with TLS. It stops when it is dropped.
pub struct TlsServer {
    port: u16,
    _cluster: Cluster,
    _folder: TempDir,
}

impl TlsServer {
    /// # Errors
    /// There is no PostgreSQL; the text says why.
    ///
    /// # Panics
    /// The files cannot be written.
    #[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
    pub fn start(certificate: &Issued) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("tgtls").tempdir().expect("a temporary folder");
        certificate.write(folder.path());
        let (chain, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a private key");
        if let Some((uid, gid)) = servant() {
            for path in [folder.path(), &chain, &key] {
                chown(path, Some(uid), Some(gid)).expect("a file of another user");
            }
        }
        // Free until the server takes it, unless another program is quicker.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let cluster = Cluster::start_with(&format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
            chain.display(),
            key.display()
        ));
        let cluster = cluster.map_err(|why| why.to_string())?;
        Ok(Self { port, _cluster: cluster, _folder: folder })
    }

    /// The URL with these parameters of TLS.
    pub fn url(&self, parameters: &str) -> String {
        format!("postgres://postgres@localhost:{}/postgres?{parameters}", self.port)
    }
}

async fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static ROOM: OnceCell<()> = OnceCell::const_new();
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(find)).await;
    #[expect(clippy::panic, reason = "without PostgreSQL tests fail, and say why")]
    let server = server.unwrap_or_else(|_| panic!("there is no PostgreSQL: see above"));
    ROOM.get_or_init(|| has_room(&server.url)).await;
    server
}

/// With too few connections some tests would fail by chance. Instead all of them fail, and say why.
#[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
async fn has_room(url: &str) {
    let mut server = options(url).connect().await.expect("a connection to PostgreSQL");
    let setting = sqlx::query_scalar("SELECT current_setting('max_connections')::INT8");
    let allowed: i64 = setting.fetch_one(&mut server).await.expect("PostgreSQL says how it is set");
    let needed = connections_needed();
    assert!(
        usize::try_from(allowed).is_ok_and(|allowed| needed < allowed),
        "PostgreSQL allows {allowed} connections, and the tests need {needed}: raise max_connections, or run fewer \
         tests at once (RUST_TEST_THREADS)"
    );
}

#[expect(clippy::disallowed_methods, reason = "where the server is, is told from outside")]
fn find() -> Server {
    if let Ok(url) = std::env::var(VARIABLE) {
        return Server { url, _cluster: None };
    }
    match Cluster::start(Durability::Lax) {
        Ok(cluster) => Server { url: cluster.url("postgres"), _cluster: Some(cluster) },
        #[expect(clippy::panic, reason = "without PostgreSQL tests fail, and say why")]
        Err(why) => panic!("{why}"),
    }
}

#[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
async fn run(sql: &str) {
    let mut server = options(&server().await.url).connect().await.expect("a connection to PostgreSQL");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.expect("PostgreSQL does what the tests ask");
}

#[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
pub(crate) fn options(url: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(url).expect("a postgres:// URL")
}

/// The URL of another database on the same server.
fn renamed(url: &str, name: &str) -> String {
    let (address, parameters) = url
        .split_once('?')
        .map_or((url, String::new()), |(address, parameters)| (address, format!("?{parameters}")));
    let (scheme, authority) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = authority.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection};

    use super::*;

    #[test]
    fn only_the_name_changes() {
        for (url, other) in [
            ("postgres://u:p@h:5433/a?sslmode=disable", "postgres://u:p@h:5433/b?sslmode=disable"),
            ("postgres:///a?host=/tmp/x&user=u", "postgres:///b?host=/tmp/x&user=u"),
            ("postgresql://h", "postgresql://h/b"),
        ] {
            assert_eq!(renamed(url, "b"), other);
        }
    }

    #[tokio::test]
    async fn a_client_that_was_disconnected_may_connect_again() {
        let (url, other) = (database().await, database().await);
        let mut here = PgConnection::connect(&url).await.unwrap();
        let mut there = PgConnection::connect(&other).await.unwrap();
        hang_up(&url).await;
        assert!(here.ping().await.is_err());
        there.ping().await.unwrap();
        PgConnection::connect(&url).await.unwrap().ping().await.unwrap();
    }
}
