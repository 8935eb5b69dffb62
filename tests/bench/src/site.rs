//! An installation in a folder of its own, and the program that serves it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tempfile::TempDir;
use tidegate_client::{Client, Settings};
use tidegate_core::{RealmId, Secret};
use tidegate_keyring::{Keyring, MasterFile};
use tidegate_store::{Store, Timeouts, realms};
use tonic::transport::{Channel, Endpoint};

use crate::process::Process;

/// The program that serves, and where.
pub struct Serving {
    pub process: Process,
    pub address: SocketAddr,
    /// From its start until it said that it serves.
    pub ready: Duration,
}

pub struct Site {
    pub url: String,
    folder: TempDir,
    serving: Option<Serving>,
}

/// Direct access to a database that no program serves.
pub struct Closed {
    pub store: Store,
    pub keyring: Keyring,
    pub realm: RealmId,
    pub url: String,
}

impl Serving {
    pub fn start(words: &[&str], folder: &Path) -> anyhow::Result<Self> {
        let mut process = Process::start(words, folder)?;
        let (line, ready) = process.says("serves gRPC on ")?;
        let (_, address) = line.split_once("serves gRPC on ").context("no address")?;
        Ok(Self { process, address: address.trim_end_matches('.').parse()?, ready })
    }

    /// New connections to it.
    pub async fn channels(&self, count: usize) -> anyhow::Result<Vec<Channel>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        let mut channels = Vec::new();
        for _ in 0..count {
            channels.push(endpoint.connect().await?);
        }
        Ok(channels)
    }
}

impl Site {
    /// Makes an installation on an empty database, and serves it.
    pub fn make(url: Option<String>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tgbench").tempdir()?;
        let file = || format!("sqlite:{}", folder.path().join("tidegate.db").display());
        let mut site = Self { url: url.unwrap_or_else(file), folder, serving: None };
        let init = site.words("init");
        Process::start(&borrowed(&init), site.folder.path())?.ended().context("failed to initialise")?;
        site.start()?;
        Ok(site)
    }

    pub fn serving(&self) -> anyhow::Result<&Serving> {
        self.serving.as_ref().context("nobody serves")
    }

    /// Another process that serves the same database.
    pub fn replica(&self) -> anyhow::Result<Serving> {
        Serving::start(&borrowed(&self.words("serve")), self.folder.path())
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.serving = Some(self.replica()?);
        Ok(())
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.serving.take().map_or(Ok(()), |serving| serving.process.stop())
    }

    /// Opens the database directly. The program must have been stopped.
    pub async fn closed(&self) -> anyhow::Result<Closed> {
        let settings = tidegate_store::Settings {
            url: self.url.clone(),
            connections: 4,
            timeouts: Timeouts::default(),
            pooler: tidegate_store::Pooler::None,
        };
        let store = Store::open(&settings).await?;
        let master = std::fs::read_to_string(self.folder.path().join("master.key"))?;
        let keyring = Keyring::new(&MasterFile::parse(&Secret::new(master))?);
        let realm = realms::find(&mut store.across("bench"), &"main".parse()?).await?;
        Ok(Closed { store, keyring, realm: realm.context("no realm")?.id, url: self.url.clone() })
    }

    /// The operator's credential.
    pub fn operator(&self) -> anyhow::Result<Secret<String>> {
        let text = std::fs::read_to_string(self.folder.path().join("operator.credential"))?;
        Ok(Secret::new(text.trim().to_owned()))
    }

    pub async fn client(&self) -> anyhow::Result<Client> {
        let settings = Settings {
            address: format!("http://{}", self.serving()?.address),
            deadline: Duration::from_secs(30),
            ..Settings::new(self.operator()?)
        };
        Ok(Client::connect(&settings).await?)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn words(&self, command: &str) -> Vec<String> {
        let mut words = vec!["serve-tidegate".to_owned(), command.to_owned()];
        let url = format!("database.url={}", self.url);
        for set in ["grpc.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.level=warn", &url] {
            words.extend(["--set".to_owned(), set.to_owned()]);
        }
        words
    }
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
