//! Files that hold secrets: made new, for their owner alone, and whole.

use std::{fs::File, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use tidegate_core::{Entropy, Secret};
use tidegate_keyring::{Keyring, MasterFile};

/// Writes a file of mode 0600 that did not exist.
pub fn write_secret(path: &Path, text: &Secret<String>) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.expose().as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

pub fn read_secret(path: &Path) -> anyhow::Result<Secret<String>> {
    let text = std::fs::read_to_string(path).map(Secret::new);
    text.with_context(|| format!("failed to read {}", path.display()))
}

/// The keyring of the master key that must be there.
pub fn keyring(path: &Path) -> anyhow::Result<Keyring> {
    let text = read_secret(path).context("failed to find the master key that the database was made with")?;
    let master = MasterFile::parse(&text).with_context(|| format!("failed to use {}", path.display()))?;
    Ok(Keyring::new(&master))
}

/// The keyring of the master key, which is made when it is not there; and whether it was.
pub fn keyring_or_new(path: &Path, entropy: &dyn Entropy) -> anyhow::Result<(Keyring, bool)> {
    if path.exists() {
        return Ok((keyring(path)?, false));
    }
    let master = MasterFile::generate(entropy);
    write_secret(path, &master.text())?;
    Ok((Keyring::new(&master), true))
}
