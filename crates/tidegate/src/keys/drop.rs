//! `tidegate keys drop`: an old key leaves the file, when nothing needs it.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_keyring::KeyState;
use tidegate_service::installation::{KeyUse, KeyedValues, Rewrapped};

use super::{DropKey, opened};
use crate::{config::Config, files};

pub(super) async fn drop(config: &Config, DropKey { key, by, reason }: DropKey) -> anyhow::Result<ExitCode> {
    let path = &config.keys.master_file;
    let kept = files::master(path)?.kept().into_iter().find(|kept| kept.id == key);
    let kept = kept.with_context(|| format!("there is no key {key} in {}", path.display()))?;
    if kept.state == KeyState::Active {
        bail!("key {key} is the active one: rotate first");
    }
    let Some(opened) = opened(config).await? else {
        bail!(
            "stop the server first, and start it again afterwards: one program at a time uses an SQLite file"
        );
    };
    let rewrapper = opened.rewrapper(config)?;
    let holders = rewrapper.holders().await?;
    let seals = holders.iter().filter(|holder| holder.active == key).count();
    if seals > 0 {
        bail!("{seals} servers that run still seal with key {key}: give them the new file first");
    }
    // A server may have sealed with it after the others had the new one.
    match rewrapper.run_again(|_| {}).await? {
        Rewrapped::Now { .. } => {}
        Rewrapped::Behind(active) => {
            bail!("key {active} became active elsewhere: copy the new file of master keys here first")
        }
        Rewrapped::Before | Rewrapped::Elsewhere | Rewrapped::Stopped => {
            bail!("another program seals values again: run this again when it has ended")
        }
    }
    let needed: Vec<KeyedValues> =
        rewrapper.count().await?.into_iter().filter(|values| values.key == key).collect();
    let blocks = needed.iter().filter(|values| values.kind != KeyUse::Digest);
    let blocks: Vec<String> = blocks
        .map(|values| match values.kind {
            KeyUse::Ends => format!("{} in {} (they end within a day)", values.count, values.column),
            _ => format!("{} in {}", values.count, values.column),
        })
        .collect();
    if !blocks.is_empty() {
        bail!("values still need key {key}: {}", blocks.join(", "));
    }
    let digests: Vec<String> =
        needed.iter().map(|values| format!("{} in {}", values.count, values.column)).collect();
    if kept.state == KeyState::DigestsOnly && !digests.is_empty() {
        bail!("digests still need what is left of key {key}: {}", digests.join(", "));
    }
    // Recorded first, so that no key is gone without an event.
    rewrapper.record_dropped(key, !digests.is_empty(), (by, reason)).await?;
    files::change_master(path, |master| Ok(master.drop_key(key, !digests.is_empty())))?;
    opened.store.close().await;
    if digests.is_empty() {
        println!("Key {key} is dropped. Copy the file to every server.");
    } else {
        println!("Key {key} is dropped; it opens nothing any more. Its digest key stays in the file, for");
        println!("digests that cannot be made again: {}.", digests.join(", "));
        println!("Copy the file to every server. Run this again when they are gone.");
    }
    Ok(ExitCode::SUCCESS)
}
