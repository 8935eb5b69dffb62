//! The running server that a command calls.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use tidegate_client::{Client, ClientCertificate, Settings, Tls};
use tidegate_core::Secret;

use crate::{
    context::{SavedContext, SavedContexts},
    failure::Usage,
    files,
};

pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:50051";

/// Where a server is, and how it is reached.
#[derive(Args)]
pub struct Reach {
    /// The server: https://host:port, or http://host:port on this machine. Without it, the context's, else
    /// `http://127.0.0.1:50051`.
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// The context of `tidegate context` to take what is not given from. Without it, the current one, if there is one.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_CONTEXT", hide_env_values = true)]
    context: Option<String>,
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

/// The address with its scheme. Without one, http is meant on this machine only: a credential must not travel in clear text
/// because a person left eight characters out.
pub fn with_scheme(address: &str) -> Result<String, Usage> {
    if address.contains("://") {
        return Ok(address.to_owned());
    }
    let host = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => address.split([':', '/']).next().unwrap_or_default(),
    };
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if is_loopback || host.eq_ignore_ascii_case("localhost") {
        return Ok(format!("http://{address}"));
    }
    Err(Usage::new(format!(
        "the address `{address}` says no scheme: write https://{address}, or http://{address} where the connection is \
         protected otherwise"
    )))
}

#[derive(Args)]
pub struct Server {
    #[command(flatten)]
    reach: Reach,
    /// The file that holds the credential. Its role: admin or operator; auditor too, to read events. Without it, the
    /// context's, else operator.credential.
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    /// Key of the realm, for an operator; else the credential's own.
    #[arg(long)]
    realm: Option<String>,
}

impl Server {
    pub async fn connect(&self) -> anyhow::Result<Client> {
        let context = self.reach.context()?;
        let file = self.credential_file(context.as_ref())?;
        let credential = files::read_secret(&file)?;
        let credential = Secret::new(credential.expose().trim().to_owned());
        let realm = self.realm.clone().or_else(|| context.as_ref()?.realm.clone());
        let realm = realm.as_deref().map(str::parse).transpose();
        let realm = realm.map_err(|error| Usage::new(format!("--realm {error}")))?;
        connect(&Settings { realm, ..self.reach.settings(context.as_ref(), credential)? }).await
    }

    /// The credential of a context goes to the context's own server only: an address that was mistyped, or that another
    /// person proposed, must not get it.
    fn credential_file(&self, context: Option<&SavedContext>) -> anyhow::Result<PathBuf> {
        match (&self.credential_file, context) {
            (Some(file), _) => Ok(file.clone()),
            (None, None) => Ok("operator.credential".into()),
            (None, Some(context)) if self.reach.address(Some(context))? == with_scheme(&context.address)? => {
                Ok(context.credential_file.clone())
            }
            (None, Some(_)) => {
                let text = "--address is not the server of the context: give --credential-file too";
                Err(Usage::new(text).into())
            }
        }
    }
}

impl Reach {
    /// For calls that need no credential.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        connect(&self.settings(self.context()?.as_ref(), Secret::new(String::new()))?).await
    }

    fn context(&self) -> anyhow::Result<Option<SavedContext>> {
        SavedContexts::read()?.chosen(self.context.as_deref().filter(|name| !name.is_empty()))
    }

    fn address(&self, context: Option<&SavedContext>) -> Result<String, Usage> {
        let given = self.address.as_deref();
        let given = given.or_else(|| context.map(|context| context.address.as_str()));
        with_scheme(given.unwrap_or(DEFAULT_ADDRESS))
    }

    fn settings(
        &self,
        context: Option<&SavedContext>,
        credential: Secret<String>,
    ) -> anyhow::Result<Settings> {
        let certificate = self.client_cert.as_deref().zip(self.client_key.as_deref());
        let certificate = certificate.map(|(chain, key)| {
            anyhow::Ok(ClientCertificate { chain: read(chain)?, key: Secret::new(read(key)?) })
        });
        let ca_file = self.ca_file.as_deref().or_else(|| context?.ca_file.as_deref());
        let tls = Tls {
            authorities: ca_file.map(read).transpose()?.unwrap_or_default(),
            certificate: certificate.transpose()?,
        };
        let (address, deadline) = (self.address(context)?, Duration::from_secs(self.deadline));
        Ok(Settings { address, tls, deadline, ..Settings::new(credential) })
    }
}

async fn connect(settings: &Settings) -> anyhow::Result<Client> {
    Client::connect(settings).await.context("failed to reach the server")
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}
