//! A PgBouncer in front of PostgreSQL, which gives each transaction any of a few connections.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::{fs::chown, process::CommandExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::{cluster::servant, postgres::options};

/// Stops when it is dropped.
pub struct PgBouncer {
    folder: TempDir,
    database: String,
    child: Child,
}

/// So few that statements of one caller meet those of another on a connection.
const CONNECTIONS: u32 = 3;

impl PgBouncer {
    /// In front of one database, with `pool_mode = transaction`.
    ///
    /// # Panics
    /// There is no PgBouncer, or it does not start.
    #[expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up fails")]
    pub fn to(url: &str) -> Self {
        let target = options(url);
        let database = target.get_database().unwrap_or("postgres").to_owned();
        let folder = tempfile::Builder::new().prefix("tgbouncer").tempdir().expect("a temporary folder");
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings(&target, &folder.path().display().to_string())).expect("a file");
        let program = program().unwrap_or_else(|| panic!("PgBouncer is needed: install Debian's pgbouncer"));
        let mut command = Command::new(program);
        command.arg(&file).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Ctrl-C at the terminal interrupts the tests, and not the pooler before them.
        command.process_group(0);
        if let Some((uid, gid)) = servant() {
            // It refuses to run as root.
            for path in [folder.path().to_owned(), file] {
                chown(path, Some(uid), Some(gid)).expect("a file of another user");
            }
            command.uid(uid).gid(gid);
        }
        let mut child = command.spawn().expect("PgBouncer starts");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error is a pipe")).lines();
        let begun = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains("process up") || line.contains("FATAL"));
        let begun = begun.unwrap_or_default();
        assert!(begun.contains("process up"), "PgBouncer does not start: {begun}");
        // Standard error is read all along, so that it never blocks on a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { folder, database, child }
    }

    /// The database, through it.
    pub fn url(&self) -> String {
        format!("postgres:///{}?host={}&port=6432&user=postgres", self.database, self.folder.path().display())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Statements of one session are not seen by the next one: nothing is reset in this mode.
fn settings(target: &PgConnectOptions, folder: &str) -> String {
    let host =
        target.get_socket().map_or_else(|| target.get_host().to_owned(), |path| path.display().to_string());
    format!(
        "[databases]\n* = host={host} port={} user={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
         unix_socket_dir = {folder}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n\
         max_client_conn = 200\nlogfile =\npidfile =\n",
        target.get_port(),
        target.get_username(),
    )
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(PathBuf::from).into_iter().find(|path| path.exists())
}
