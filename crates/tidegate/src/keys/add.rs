//! `tidegate keys add`: a new key, which is not active yet.

use std::process::ExitCode;

use anyhow::bail;
use tidegate_keyring::KeyState;

use crate::{ambient::SystemEntropy, config::Config, files};

pub(super) fn add(config: &Config) -> anyhow::Result<ExitCode> {
    let path = &config.keys.master_file;
    let added = files::change_master(path, |master| {
        if let Some(new) = master.kept().iter().find(|key| key.state == KeyState::New) {
            bail!("the file has a new key already: {}", new.id);
        }
        Ok(master.add(&SystemEntropy))
    })?;
    println!("Key {added} is in {}. It seals nothing yet.", path.display());
    println!("Copy the file to every server; each reads it by itself. Then: tidegate keys rotate");
    Ok(ExitCode::SUCCESS)
}
