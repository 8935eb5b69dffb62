//! Configuration: defaults, then a TOML file, then `TIDEGATE__SECTION__KEY`, then `--set section.key=value`.
//!
//! The only room that names figment and the only place that reads the environment. Every mistake is
//! reported at once, with the place it came from. The password of a database never leaves this
//! room in text: what people read shows it redacted.

mod database_url;
mod layers;
mod print;
mod problems;
mod setting;
mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use print::reference;
pub use problems::Problems;
pub use settings::*;

use layers::Layers;

/// What an environment variable of ours begins with; `__` parts the section from the key.
const PREFIX: &str = "TIDEGATE__";

/// What the operator gave, the weakest source first. No `Debug`: these may hold passwords.
#[derive(Clone, Default)]
pub struct Sources {
    /// A file that is named must exist.
    pub file: Option<PathBuf>,
    /// Pairs of name and value, the later ones winning; names that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// Each `section.key=value`, the later ones winning.
    pub set: Vec<String>,
}

impl Sources {
    /// Takes the environment from the process. A value that is not UTF-8 arrives with its odd bytes replaced.
    pub fn ambient(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let mut environment: Vec<_> = std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        environment.sort();
        Self { file, environment, set }
    }
}

/// A configuration that holds to every rule, and where each of its values came from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// One for every setting, in the order of the reference.
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Such as `grpc.listen`.
    pub key: String,
    /// As TOML writes it, so text is in quotes; secrets are redacted.
    pub value: String,
    /// `default`, the path of the file, `environment variable TIDEGATE__…` or `--set section.key`.
    pub origin: String,
}

/// Fails with all that is wrong. A value that a stronger source replaces is not judged, its name is.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut layers = Layers::defaults();
    if let Some(path) = &sources.file {
        layers.file(path);
    }
    for (name, value) in &sources.environment {
        layers.variable(name, value);
    }
    for pair in &sources.set {
        layers.flag(pair);
    }
    layers.settle()
}
