//! The running server that a command calls.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tidegate_client::{Client, Settings};
use tidegate_core::Secret;

use crate::files;

#[derive(Args)]
pub struct Server {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    address: String,
    /// The file that holds the credential. Its role: admin or operator; auditor too, to read events.
    #[arg(long, default_value = "operator.credential")]
    credential_file: PathBuf,
    /// Key of the realm, for an operator; else the credential's own.
    #[arg(long)]
    realm: Option<String>,
    /// Seconds that a call may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    deadline: u64,
}

impl Server {
    pub async fn connect(&self) -> anyhow::Result<Client> {
        let credential = files::read_secret(&self.credential_file)?;
        let credential = Secret::new(credential.expose().trim().to_owned());
        let realm = self.realm.as_deref().map(str::parse).transpose();
        let settings = Settings {
            address: self.address.clone(),
            deadline: Duration::from_secs(self.deadline),
            realm: realm.map_err(|error| anyhow::anyhow!("--realm {error}"))?,
            ..Settings::new(credential)
        };
        Client::connect(&settings).await.context("failed to reach the server")
    }
}
