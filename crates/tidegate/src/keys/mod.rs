//! `tidegate keys`: master keys, and their rotation.
//!
//! ```text
//!   add ──► every server has the file ──► rotate: active, and all values sealed again ──► drop the old one
//! ```
//!
//! The file is always written before anything is sealed with a new key, so that every value opens at any time (INV-45).

mod add;
mod drop;
mod list;
mod rotate;

use std::{process::ExitCode, sync::Arc};

use anyhow::bail;
use clap::{Args, Subcommand};
use tidegate_core::{KeyId, Title};
use tidegate_keyring::{KeptKey, KeyState};
use tidegate_service::installation::{KeyCheck, Rewrapper, check};
use tidegate_store::Store;

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    check_schema::check_schema,
    config::Config,
    files, keep_time, new_secret,
    recover::is_in_use,
    running::open_patiently,
};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Prints a new master key, as the content of `keys.master_file`. Changes nothing.
    New,
    /// Shows the keys of the file, and, where no server holds the SQLite file, how many values need each of them.
    List,
    /// Adds a new key to the file. It seals nothing yet: copy the file to every server, then rotate.
    Add,
    /// Makes the new key the active one, and seals everything that is stored with it. Servers go on serving. Adds a key
    /// first, if none was added. Run it again when it was interrupted.
    Rotate(Rotate),
    /// Drops an old key from the file, when nothing needs it any more. With SQLite, stop the server first.
    Drop(DropKey),
}

#[derive(Args)]
pub struct Rotate {
    /// The person who does it.
    #[arg(long, value_name = "NAME", value_parser = title, required_unless_present = "only_rewrap")]
    by: Option<Title>,
    /// Why it is done; the event says so for good.
    #[arg(long, value_name = "TEXT", value_parser = title, required_unless_present = "only_rewrap")]
    reason: Option<Title>,
    /// Make no key active: only seal with the active one what is sealed with others.
    #[arg(long, conflicts_with_all = ["by", "reason"])]
    only_rewrap: bool,
}

#[derive(Args)]
pub struct DropKey {
    /// The key's id, as `keys list` shows it.
    #[arg(value_name = "KEY", value_parser = key_id)]
    key: KeyId,
    /// The person who does it.
    #[arg(long, value_name = "NAME", value_parser = title)]
    by: Title,
    /// Why it is done; the event says so for good.
    #[arg(long, value_name = "TEXT", value_parser = title)]
    reason: Title,
}

pub(crate) fn title(text: &str) -> Result<Title, String> {
    text.parse().map_err(|error| format!("it {error}"))
}

fn key_id(text: &str) -> Result<KeyId, String> {
    let id = Some(text).filter(|text| text.len() == 8).and_then(|text| u32::from_str_radix(text, 16).ok());
    id.map(KeyId).ok_or_else(|| "it is no key's id: 8 hexadecimal digits".to_owned())
}

pub async fn keys(config: &Config, command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::New => Ok(new_secret::new_key()),
        KeysCommand::List => list::list(config).await,
        KeysCommand::Add => add::add(config),
        KeysCommand::Rotate(rotate) => rotate::rotate(config, rotate).await,
        KeysCommand::Drop(drop) => drop::drop(config, drop).await,
    }
}

/// The database, and what seals its values again.
struct KeyedStore {
    store: Store,
    clock: Arc<AuthorityClock>,
}

impl KeyedStore {
    fn rewrapper(&self, config: &Config) -> anyhow::Result<Rewrapper> {
        let keyring = Arc::new(files::keyring(&config.keys.master_file)?);
        Ok(Rewrapper::new(self.store.clone(), keyring, self.clock.clone(), Arc::new(SystemEntropy)))
    }
}

/// `None`: a server holds the SQLite file.
async fn opened(config: &Config) -> anyhow::Result<Option<KeyedStore>> {
    let store = match open_patiently(config).await {
        Err(error) if is_in_use(&error) => return Ok(None),
        opened => opened?,
    };
    check_schema(&store).await?;
    let master_file = &config.keys.master_file;
    match check(&store, &files::keyring(master_file)?).await? {
        KeyCheck::Right => {}
        KeyCheck::NotInitialised => bail!("the database is not initialised; run `tidegate init`"),
        KeyCheck::Wrong => {
            bail!("the master key in {} is not the one the database was made with", master_file.display())
        }
    }
    let clock = Arc::new(AuthorityClock::default());
    keep_time::begin(&store, &clock).await?;
    Ok(Some(KeyedStore { store, clock }))
}

fn described(key: KeptKey) -> &'static str {
    match key.state {
        KeyState::Active => "active",
        KeyState::New => "new",
        KeyState::Old => "old",
        KeyState::DigestsOnly => "digests only",
    }
}
