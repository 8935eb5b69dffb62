//! `tidegate keys rotate`: another key becomes active, and everything is sealed with it.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use tidegate_core::KeyId;
use tidegate_keyring::{KeyRotation, KeyState};
use tidegate_service::installation::{Rewrapped, Rewrapper};

use super::{KeyedStore, Rotate, opened};
use crate::{ambient::SystemEntropy, config::Config, files};

/// How long servers may take to read the file.
const SERVERS: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Between two lines of progress.
const TELL_EACH: u64 = 10_000;

pub(super) async fn rotate(config: &Config, rotate: Rotate) -> anyhow::Result<ExitCode> {
    let path = &config.keys.master_file;
    let opened = opened(config).await?;
    let Rotate { by, reason, only_rewrap: _ } = rotate;
    if let Some((by, reason)) = by.zip(reason) {
        if let Some(opened) = &opened {
            // What an earlier rotation left, and which key is active until now.
            rewrap(opened, config).await?;
        }
        let rotation = KeyRotation { by, reason };
        let new = files::change_master(path, |master| {
            let new = master.kept().into_iter().find(|key| key.state == KeyState::New);
            Ok(new.map_or_else(|| master.add(&SystemEntropy), |new| new.id))
        })?;
        if let Some(opened) = &opened {
            wait_for_servers(&opened.rewrapper(config)?, new).await?;
        }
        let activated = files::change_master(path, |master| Ok(master.activate(new, rotation)))?;
        if !activated {
            bail!("another program changed the file meanwhile: run this again");
        }
        println!("Key {new} is active.");
    }
    if let Some(opened) = opened {
        rewrap(&opened, config).await?;
        opened.store.close().await;
        println!("Every value is sealed with it. `tidegate keys list` shows what still needs the old ones.");
    } else {
        println!(
            "A server holds the database. It reads the file within some seconds, or at SIGHUP, and seals"
        );
        println!("everything again while it serves; its log and metrics tell the progress.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A server that lacks the key could not open what the others seal with it.
async fn wait_for_servers(rewrapper: &Rewrapper, new: KeyId) -> anyhow::Result<()> {
    let known = async || -> anyhow::Result<()> {
        loop {
            let holders = rewrapper.holders().await?;
            if holders.iter().all(|holder| holder.known.contains(&new)) {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    let waited = tokio::time::timeout(SERVERS, known()).await;
    waited.ok().with_context(|| {
        format!(
            "servers that run do not have key {new} yet: copy the file of master keys to each of them, and run this \
             again"
        )
    })?
}

async fn rewrap(opened: &KeyedStore, config: &Config) -> anyhow::Result<()> {
    let rewrapper = opened.rewrapper(config)?;
    let (mut told, mut waits) = (0, false);
    loop {
        let progress = |values: u64| {
            if values >= told + TELL_EACH {
                told = values;
                println!("{values} values are sealed again");
            }
        };
        match rewrapper.run(progress).await.context("failed to seal the values again; run this again")? {
            Rewrapped::Before => return Ok(()),
            Rewrapped::Now { values, unreadable } => {
                println!("{values} values were sealed again.");
                if unreadable > 0 {
                    println!("{unreadable} values open with no key of the file, and stay as they are.");
                }
                return Ok(());
            }
            Rewrapped::Behind(key) => bail!(
                "key {key} became active elsewhere: this file of master keys is an old one, so copy the new one here"
            ),
            Rewrapped::Elsewhere | Rewrapped::Stopped => {
                if !waits {
                    println!("A server seals the values again; this waits for it.");
                    waits = true;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }
}
