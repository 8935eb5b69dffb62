//! The file of contexts, `$XDG_CONFIG_HOME/tidegate/contexts.toml`. It names the file of a credential, and never holds the
//! credential.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::failure::Usage;

/// Every context by its name.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedContexts {
    /// The name of the one that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, SavedContext>,
}

/// Where a server is, and as who it is called.
#[derive(Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedContext {
    pub address: String,
    pub credential_file: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl SavedContexts {
    /// No file is no contexts.
    pub fn read() -> anyhow::Result<Self> {
        let Some(path) = path() else { return Ok(Self::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("failed to read {}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
        }
    }

    /// Replaces the file as a whole, with mode 0600.
    pub fn write(&self) -> anyhow::Result<()> {
        let Some(path) = path() else {
            return Err(Usage::new("contexts have no place: set XDG_CONFIG_HOME or HOME").into());
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || -> anyhow::Result<()> {
            std::fs::create_dir_all(folder)?;
            // A temporary file has mode 0600.
            let mut unfinished = tempfile::Builder::new().prefix(".contexts-").tempfile_in(folder)?;
            unfinished.write_all(toml::to_string(self)?.as_bytes())?;
            unfinished.as_file().sync_all()?;
            unfinished.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("failed to write {}", path.display()))
    }

    /// The context that is asked for, else the current one, if there is one.
    pub fn chosen(&self, asked: Option<&str>) -> anyhow::Result<Option<SavedContext>> {
        match asked.or(self.current.as_deref()) {
            Some(name) => self.named(name).cloned().map(Some),
            None => Ok(None),
        }
    }

    pub fn named(&self, name: &str) -> anyhow::Result<&SavedContext> {
        self.contexts.get(name).ok_or_else(|| {
            let advice = "`tidegate context list` shows all, `tidegate context add` adds one";
            Usage::new(format!("there is no context `{name}`: {advice}")).into()
        })
    }
}

fn path() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configuration =
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(configuration.join("tidegate/contexts.toml"))
}
