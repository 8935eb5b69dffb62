//! `tidegate keys list`: the keys of the file, and what needs them.

use std::process::ExitCode;

use tidegate_service::installation::KeyUse;

use super::{described, opened};
use crate::{config::Config, files};

pub(super) async fn list(config: &Config) -> anyhow::Result<ExitCode> {
    let kept = files::master(&config.keys.master_file)?.kept();
    for key in &kept {
        println!("{}  {}", key.id, described(*key));
    }
    let Some(opened) = opened(config).await? else {
        println!("A server holds the database, so what needs each key is not counted.");
        return Ok(ExitCode::SUCCESS);
    };
    let rewrapper = opened.rewrapper(config)?;
    println!();
    println!("key       values  column");
    for values in rewrapper.count().await? {
        let what = match values.kind {
            KeyUse::Rewrapped => "",
            KeyUse::Ends => " (ends within a day)",
            KeyUse::Digest => " (digests)",
        };
        println!("{}  {:>6}  {}{what}", values.key, values.count, values.column);
    }
    let holders = rewrapper.holders().await?;
    if !holders.is_empty() {
        println!();
    }
    for holder in holders {
        println!("server {} seals with {}", holder.holder, holder.active);
    }
    opened.store.close().await;
    Ok(ExitCode::SUCCESS)
}
