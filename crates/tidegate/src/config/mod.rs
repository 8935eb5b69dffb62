//! Configuration: defaults, then a TOML file, then `TIDEGATE__SECTION__KEY`, then `--set section.key=value`.
//!
//! The only module that names figment, and the only place that reads the environment. All mistakes are reported at once,
//! each with its origin. A database's password is redacted in everything that people read.

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

/// The prefix of Tidegate's environment variables; `__` separates the section from the key.
const PREFIX: &str = "TIDEGATE__";

/// What the operator gave, the weakest source first. No `Debug`, because it may contain passwords.
#[derive(Clone, Default)]
pub struct Sources {
    /// A file that is named must exist.
    pub file: Option<PathBuf>,
    /// Pairs of name and value; later ones win, and names without the prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Each is `section.key=value`; later ones win.
    pub set: Vec<String>,
}

impl Sources {
    /// Takes the environment from the process. Bytes that are not UTF-8 are replaced.
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

/// The names of all variables in the process's environment, without their values.
pub fn environment_names() -> Vec<String> {
    let mut names: Vec<_> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A valid configuration, and the origin of each value.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// One for each setting, in the order of the reference.
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Such as `grpc.listen`.
    pub key: String,
    /// The value as TOML, so text is in quotes. Secrets are redacted.
    pub value: String,
    /// `default`, the path of the file, `environment variable TIDEGATE__…` or `--set section.key`.
    pub origin: String,
}

/// Fails with everything that is wrong. Of a value that a stronger source replaces, only the name is checked.
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
