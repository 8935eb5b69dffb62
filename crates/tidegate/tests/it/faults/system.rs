//! The servers and their database, and what an operator does with them.

use tidegate_client::{Client, Settings};
use tidegate_core::Secret;
use tidegate_tests::postgres::{Durable, Line};

use super::{Means, caller::Door};
use crate::{
    database::Database,
    folder::{Engine, Folder},
    owner::Realm,
    program::{Program, Told, eventually},
    rolling::hosts,
    server::Server,
};

/// How long a caller waits for an answer before it calls again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

pub struct System {
    pub engine: Engine,
    pub means: Means,
    pub folder: Folder,
    hosts: Vec<String>,
    /// Of each server, whether the earlier version of the program serves.
    pub is_earlier: Vec<bool>,
    /// In the order of the hosts.
    pub servers: Vec<Server>,
    frontend: String,
    pub postgres: Option<Postgres>,
}

/// A primary and a synchronous standby. Each server has a line of its own to each of them.
pub struct Postgres {
    /// Which of the two places is the primary's.
    pub primary: usize,
    pub places: [Option<Durable>; 2],
    /// Of each server, to each place.
    pub lines: [[Line; 2]; 2],
}

impl System {
    pub async fn set_up(engine: Engine, means: Means) -> Self {
        let (folder, hosts, postgres) = match engine {
            Engine::Sqlite => (Folder::empty(), hosts(3)[..1].to_vec(), None),
            Engine::Postgres => {
                let postgres = Postgres::start().await;
                (Folder::with(&postgres.url()), hosts(4).to_vec(), Some(postgres))
            }
        };
        let mut system = Self {
            engine,
            folder: folder.with_usual_timeouts(),
            is_earlier: vec![means.earlier.is_some(); hosts.len()],
            means,
            hosts,
            servers: Vec::new(),
            frontend: String::new(),
            postgres,
        };
        assert_eq!(system.program(0, &["init"], Vec::new()).ended().await.code, Some(0));
        if let Some(postgres) = &system.postgres {
            // The clock of the database's server, as the program asks for it: see `clock.rs`.
            crate::clock::make_movable(&system.folder.database, "postgres").await;
            postgres.replicates().await;
        }
        system.sets_clock(0).await;
        for at in 0..system.hosts.len() {
            let server = system.serve(at).await;
            system.servers.push(server);
        }
        system.frontend = Realm::set_up(&system.servers[0], &[]).await.frontend_token;
        if system.means.earlier.is_some() {
            // As before every upgrade: the earlier version serves meanwhile.
            assert_eq!(system.folder.run(&["migrate"]).await.code, Some(0));
        }
        system
    }

    async fn serve(&self, at: usize) -> Server {
        let mut set = vec!["serve".to_owned(), "--set".to_owned()];
        set.push(format!("grpc.listen={}:50051", self.hosts[at]));
        if let Some(postgres) = &self.postgres {
            // Earlier programs know one host.
            let url = match &self.means.earlier {
                Some(_) => postgres.lines[at][postgres.primary].url().to_owned(),
                None => postgres.url_of(at),
            };
            set.extend(["--set".to_owned(), format!("database.url={url}")]);
        }
        let clock = self.clock_file();
        let mut environment = Vec::new();
        if let (Engine::Sqlite, Some(library)) = (self.engine, &self.means.clock) {
            environment.extend([
                ("LD_PRELOAD", library.to_str().unwrap()),
                ("FAKETIME_TIMESTAMP_FILE", &clock),
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ]);
        }
        let words: Vec<_> = set.iter().map(String::as_str).collect();
        Server::ready(self.program(at, &words, environment), self.folder.path()).await
    }

    /// Runs the version of the program that serves at this place.
    fn program(&self, at: usize, words: &[&str], environment: Vec<(&str, &str)>) -> Program {
        let program = self.means.earlier.as_ref().filter(|_| self.is_earlier[at]);
        let program = program.map_or(env!("CARGO_BIN_EXE_tidegate"), |path| path.to_str().unwrap());
        // A file that cannot grow is an error of a write, and not the end of the process.
        let script = r#"trap "" XFSZ; exec "$@""#;
        let settings = self.folder.settings_with(&[]);
        let mut all = vec!["-c", script, "sh", program, words[0]];
        all.extend(settings.iter().map(String::as_str).chain(words[1..].iter().copied()));
        Program::start_other(
            "/bin/sh",
            self.folder.path(),
            &Told { words: all, environment, ..Told::default() },
        )
    }

    fn clock_file(&self) -> String {
        self.folder.file("clock").display().to_string()
    }

    /// Where the back ends call. The doors stay when servers are started again.
    pub fn doors(&self) -> Vec<Door> {
        let operator = self.servers[0].credential();
        let door = |host: &String| {
            let client = |credential: &str| {
                let credential = Secret::new(credential.trim().to_owned());
                let settings = Settings {
                    address: format!("http://{host}:50051"),
                    deadline: PATIENCE,
                    ..Settings::new(credential)
                };
                Client::lazy(&settings).unwrap()
            };
            Door { frontend: client(&self.frontend), operator: client(&operator) }
        };
        self.hosts.iter().map(door).collect()
    }

    pub async fn killed(&mut self, at: usize) {
        self.servers.remove(at).killed().await;
    }

    pub async fn stopped(&mut self, at: usize) {
        let ended = self.servers.remove(at).stopped().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    pub async fn started(&mut self, at: usize) {
        let server = self.serve(at).await;
        self.servers.insert(at, server);
    }

    /// Readers of the record go on where this version serves: the earlier one cannot read its tokens.
    pub async fn ends_with_this_version(&mut self) {
        for at in 0..self.hosts.len() {
            if std::mem::take(&mut self.is_earlier[at]) {
                self.stopped(at).await;
                self.started(at).await;
            }
        }
    }

    pub async fn stop_all(&mut self) {
        while !self.servers.is_empty() {
            self.stopped(0).await;
        }
    }

    /// Waits until every server says that it is ready.
    pub async fn is_whole(&self) {
        for server in &self.servers {
            let ready = async || (server.page("/readyz").await.0 == 200).then_some(());
            eventually("a ready server", ready).await;
        }
    }

    /// `tidegate events verify` finds nothing wrong.
    pub async fn verifies(&self) {
        let address = format!("http://{}", self.servers[0].grpc);
        let words = ["events", "verify", "--address", &address, "--credential-file", "operator.credential"];
        let ended = self.folder.run(&words).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// Moves the clock that the servers go by to so many minutes ahead of the true time.
    pub async fn sets_clock(&self, minutes: u32) {
        match self.engine {
            Engine::Sqlite => std::fs::write(self.clock_file(), format!("+{}\n", minutes * 60)).unwrap(),
            Engine::Postgres => {
                crate::clock::moved(&self.folder.database, &format!("{minutes} minutes")).await;
            }
        }
    }

    /// With every server stopped, as the command asks.
    pub async fn forgets_clock(&mut self) {
        self.stop_all().await;
        let url = self.postgres.as_ref().map(|postgres| format!("database.url={}", postgres.url()));
        let set = url.iter().flat_map(|url| ["--set", url]);
        let words: Vec<_> = std::iter::once("forget-clock").chain(set).collect();
        let forgotten = self.folder.run(&words).await;
        assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
        for at in 0..self.hosts.len() {
            self.started(at).await;
        }
    }

    /// The files of the only server cannot grow any more.
    pub fn limits_files(&self, limited: bool) {
        let log = std::fs::metadata(self.folder.file("tidegate.db-wal")).map_or(0, |file| file.len());
        let limit = if limited { log.to_string() } else { "unlimited".to_owned() };
        self.servers[0].program.limit_files(&limit);
    }

    /// The PostgreSQL that is written to.
    pub fn primary(&self) -> &Durable {
        self.postgres.as_ref().unwrap().now()
    }

    /// The standby is promoted while the primary says nothing. The old primary comes back, and is not written to.
    pub async fn fails_over(&mut self) -> Durable {
        let postgres = self.postgres.as_mut().unwrap();
        let old = postgres.places[postgres.primary].take().unwrap();
        old.pause();
        postgres.primary = 1 - postgres.primary;
        self.folder.database = Database::Postgres(postgres.url());
        self.folder.database.run("SELECT pg_promote()").await;
        old
    }

    /// A new standby takes the place of the old primary.
    pub async fn has_standby_again(&mut self, old: Durable) {
        let postgres = self.postgres.as_mut().unwrap();
        let place = 1 - postgres.primary;
        let primary = postgres.places[postgres.primary].take().unwrap();
        let (primary, standby) = tokio::task::spawn_blocking(move || {
            drop(old);
            let standby = primary.standby().unwrap();
            (primary, standby)
        })
        .await
        .unwrap();
        for lines in &postgres.lines {
            lines[place].lead_to(&standby.url("postgres")).await;
            lines[place].mend().await;
        }
        postgres.places[postgres.primary] = Some(primary);
        postgres.places[place] = Some(standby);
        postgres.replicates().await;
    }
}

impl Postgres {
    async fn start() -> Self {
        let both = tokio::task::spawn_blocking(|| {
            let primary = Durable::start().unwrap();
            let standby = primary.standby().unwrap();
            [primary, standby]
        });
        let places = both.await.unwrap();
        let urls = places.each_ref().map(|place| place.url("postgres"));
        let lines = [
            [Line::to(&urls[0]).await, Line::to(&urls[1]).await],
            [Line::to(&urls[0]).await, Line::to(&urls[1]).await],
        ];
        Self { primary: 0, places: places.map(Some), lines }
    }

    fn now(&self) -> &Durable {
        self.places[self.primary].as_ref().unwrap()
    }

    fn url(&self) -> String {
        self.now().url("postgres")
    }

    /// How one of the servers reaches both.
    fn url_of(&self, server: usize) -> String {
        let [one, two] = self.lines[server].each_ref().map(|line| line.host().display());
        format!("postgres:///postgres?host={one},{two}&port=5432&user=postgres")
    }

    /// From now on a commit is confirmed when the standby has it.
    async fn replicates(&self) {
        let database = Database::Postgres(self.url());
        database.run("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        database.run("SELECT pg_reload_conf()").await;
        let following = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        eventually("a synchronous standby", async || (database.number(following).await == 1).then_some(()))
            .await;
    }
}
