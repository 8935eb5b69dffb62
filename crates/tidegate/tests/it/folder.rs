//! A folder in which the program runs, with the settings that every run in it gets.

use std::{
    collections::BTreeSet,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tidegate_tests::{TIMEOUT, postgres};

use crate::{
    database::Database,
    program::{Ended, Program, Told},
    server::Server,
};

/// Every timeout is as long as `TIMEOUT`, so that a slow machine changes nothing. A test that is about a
/// timeout sets that one short.
const TIMEOUTS: [&str; 13] = [
    "grpc.max_deadline_ms",
    "grpc.drain_ms",
    "grpc.linger_ms",
    "grpc.close_ms",
    "grpc.handshake_timeout_ms",
    "grpc.stranger_idle_timeout_ms",
    "admin.check_timeout_ms",
    "database.acquire_timeout_ms",
    "database.connect_timeout_ms",
    "database.lock_timeout_ms",
    "database.statement_timeout_ms",
    "database.idle_in_transaction_timeout_ms",
    "limits.queue_timeout_ms",
];

/// The same, as far as its rule allows.
const OTLP_TIMEOUT: &str = "otlp.timeout_ms=60000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub struct Folder {
    place: TempDir,
    settings: Vec<String>,
    pub database: Database,
}

impl Folder {
    /// An empty folder, and the SQLite file that the defaults put into it.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("tidegate-it-").tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("tidegate.db"));
        let settings = ["grpc.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "mail.poll_ms=10"];
        let timeouts = TIMEOUTS.map(|name| format!("{name}={}", TIMEOUT.as_millis()));
        let settings = settings.map(str::to_owned).into_iter().chain(timeouts);
        let settings = settings.chain([OTLP_TIMEOUT.to_owned()]).collect();
        Self { place: folder, settings, database }
    }

    /// An empty folder, and an empty database elsewhere.
    pub fn with(url: &str) -> Self {
        let mut folder = Self::empty();
        folder.settings.push(format!("database.url={url}"));
        folder.database = Database::Postgres(url.to_owned());
        folder
    }

    /// With the timeouts of production, for what must hold whenever they end something.
    pub fn with_usual_timeouts(mut self) -> Self {
        self.settings.retain(|setting| !TIMEOUTS.iter().any(|name| setting.starts_with(name)));
        self
    }

    /// A folder and a database that are not initialised.
    pub async fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::empty(),
            Engine::Postgres => Self::with(&postgres::database().await),
        }
    }

    /// Initialised, and not served.
    pub async fn installed(engine: Engine) -> Self {
        let folder = Self::on(engine).await;
        let ended = folder.run(&["init"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        folder
    }

    /// Starts the program. Settings in `words` override the folder's.
    pub fn start(&self, words: &[&str]) -> Program {
        self.start_told(&Told { words: words.to_vec(), ..Told::default() })
    }

    pub fn start_told(&self, told: &Told<'_>) -> Program {
        let words = self.with_settings(&told.words);
        Program::start(self.path(), &Told { words, environment: told.environment.clone(), input: told.input })
    }

    /// Starts the program in a shell, after these commands.
    pub fn start_after(&self, commands: &str, words: &[&str]) -> Program {
        let script = format!("{commands} && exec \"$0\" \"$@\"");
        let mut all = vec!["-c", &script, env!("CARGO_BIN_EXE_tidegate")];
        all.extend(self.with_settings(words));
        Program::start_other("/bin/sh", self.path(), &Told { words: all, ..Told::default() })
    }

    fn with_settings<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        let settings = self.settings.iter().flat_map(|setting| ["--set", setting]);
        let mut words = words.to_vec();
        // Before the first option: a later `--set` overrides an earlier one, so the words win.
        let options = words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len());
        words.splice(options..options, settings);
        words
    }

    /// The folder's settings and these, as words of a command.
    pub fn settings_with(&self, set: &[&str]) -> Vec<String> {
        let all = self.settings.iter().map(String::as_str).chain(set.iter().copied());
        all.flat_map(|setting| ["--set".to_owned(), setting.to_owned()]).collect()
    }

    /// Runs a command that ends by itself.
    pub async fn run(&self, words: &[&str]) -> Ended {
        self.start(words).ended().await
    }

    pub async fn serve(&self, set: &[&str]) -> Server {
        let settings = set.iter().flat_map(|setting| ["--set", setting]);
        let words: Vec<&str> = std::iter::once("serve").chain(settings).collect();
        Server::ready(self.start(&words), self.path()).await
    }

    pub fn path(&self) -> &Path {
        self.place.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// The permission bits of a file.
    pub fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.file(name)).unwrap().permissions().mode() & 0o777
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.file(name), Permissions::from_mode(mode)).unwrap();
    }

    /// The names of its files.
    pub fn names(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Runs each of these tests once on SQLite and once on PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* $test:ident,)+) => {
        mod sqlite {
            $($(#[$attribute])* #[tokio::test] async fn $test() {
                super::$test($crate::folder::Engine::Sqlite).await;
            })+
        }
        mod postgres {
            $($(#[$attribute])* #[tokio::test] async fn $test() {
                super::$test($crate::folder::Engine::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both_engines;
