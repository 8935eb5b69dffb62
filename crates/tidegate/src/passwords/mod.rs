//! `tidegate passwords`: makes the file of breached passwords, and looks one password up in it.

mod build;
mod list;
mod test;

use std::path::Path;

use anyhow::Context as _;
pub use build::{PasswordsBuild, build};
pub use test::{PasswordsTest, test};
use tidegate_keyring::breached::BreachedPasswords;

use crate::config::Config;

/// The file that the settings name. `None`: they name none.
pub fn breached(config: &Config) -> anyhow::Result<Option<BreachedPasswords>> {
    let path: &Path = &config.passwords.breached_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    BreachedPasswords::open(path).context("passwords.breached_file").map(Some)
}
