//! The running server that a command calls.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use tidegate_client::{Client, ClientCertificate, Settings, Tls};
use tidegate_core::Secret;

use crate::files;

/// Where a server is, and how it is reached.
#[derive(Args)]
pub struct Reach {
    /// The server: https://host:port, or http://host:port on this machine.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    address: String,
    /// Certificates (PEM) that are trusted in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate (PEM) to show to the server.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Seconds that a call may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    deadline: u64,
}

#[derive(Args)]
pub struct Server {
    #[command(flatten)]
    reach: Reach,
    /// The file that holds the credential. Its role: admin or operator; auditor too, to read events.
    #[arg(long, default_value = "operator.credential")]
    credential_file: PathBuf,
    /// Key of the realm, for an operator; else the credential's own.
    #[arg(long)]
    realm: Option<String>,
}

impl Server {
    pub async fn connect(&self) -> anyhow::Result<Client> {
        let credential = files::read_secret(&self.credential_file)?;
        let credential = Secret::new(credential.expose().trim().to_owned());
        let realm = self.realm.as_deref().map(str::parse).transpose();
        let realm = realm.map_err(|error| anyhow::anyhow!("--realm {error}"))?;
        connect(&Settings { realm, ..self.reach.settings(credential)? }).await
    }
}

impl Reach {
    /// For calls that need no credential.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        connect(&self.settings(Secret::new(String::new()))?).await
    }

    fn settings(&self, credential: Secret<String>) -> anyhow::Result<Settings> {
        let certificate = self.client_cert.as_deref().zip(self.client_key.as_deref());
        let certificate = certificate.map(|(chain, key)| {
            anyhow::Ok(ClientCertificate { chain: read(chain)?, key: Secret::new(read(key)?) })
        });
        let tls = Tls {
            authorities: self.ca_file.as_deref().map(read).transpose()?.unwrap_or_default(),
            certificate: certificate.transpose()?,
        };
        let deadline = Duration::from_secs(self.deadline);
        Ok(Settings { address: self.address.clone(), tls, deadline, ..Settings::new(credential) })
    }
}

async fn connect(settings: &Settings) -> anyhow::Result<Client> {
    Client::connect(settings).await.context("failed to reach the server")
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}
