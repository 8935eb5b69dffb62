//! The files of a device: its key, and next to it what the key was enrolled as. Only their owner may read them, and neither is
//! ever overwritten: a key that is lost cannot be made again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tidegate_client::DeviceKey;
use tidegate_core::Secret;

use crate::files;

/// Where a device's files are.
pub struct KeyFile {
    key: PathBuf,
    about: PathBuf,
}

/// What a key was enrolled as.
#[derive(Serialize, Deserialize)]
pub struct EnrolledDevice {
    pub factor_id: String,
    /// Empty where the session that enrolled the key did not say.
    pub account_id: String,
    pub product: String,
}

impl KeyFile {
    pub fn named(key: &Path) -> anyhow::Result<Self> {
        let about = key.with_extension("json");
        if about == key {
            bail!("--key-file must not end in .json: the file of that name says which factor the key is");
        }
        Ok(Self { key: key.to_owned(), about })
    }

    pub fn path(&self) -> &Path {
        &self.key
    }

    pub fn read(&self) -> anyhow::Result<(DeviceKey, EnrolledDevice)> {
        let pem = files::read_secret(&self.key)?;
        let key =
            DeviceKey::from_pem(&pem).with_context(|| format!("failed to use {}", self.key.display()))?;
        let about = files::read_secret(&self.about)?;
        let enrolled = serde_json::from_str(about.expose());
        Ok((key, enrolled.with_context(|| format!("failed to use {}", self.about.display()))?))
    }

    /// Fails if one of the files exists.
    pub fn ensure_absent(&self) -> anyhow::Result<()> {
        if let Some(existing) = [&self.key, &self.about].into_iter().find(|path| path.exists()) {
            bail!("{} exists and is not overwritten: name another file by --key-file", existing.display());
        }
        Ok(())
    }

    pub fn write_key(&self, key: &DeviceKey) -> anyhow::Result<()> {
        files::write_secret(&self.key, &key.to_pem())
    }

    /// Removes a key that is of no use.
    pub fn remove_key(&self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.key).with_context(|| format!("failed to remove {}", self.key.display()))
    }

    pub fn write_about(&self, enrolled: &EnrolledDevice) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(enrolled).context("failed to write what was enrolled")?;
        files::write_secret(&self.about, &Secret::new(text + "\n"))
    }
}
