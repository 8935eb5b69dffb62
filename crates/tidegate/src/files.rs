//! Files that hold secrets: created, never overwritten, readable by their owner alone, and written as a whole.

use std::{fs::File, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use tidegate_core::{Entropy, Secret};
use tidegate_keyring::{Keyring, MasterFile};

/// Creates a file of mode 0600; fails if it exists.
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

/// The keyring of the master key file, which must exist.
pub fn keyring(path: &Path) -> anyhow::Result<Keyring> {
    let text = read_secret(path).context("failed to find the master key that the database was made with")?;
    let master = MasterFile::parse(&text).with_context(|| format!("failed to use {}", path.display()))?;
    Ok(Keyring::new(&master))
}

/// The keyring of the master key file, which is created when it does not exist; and whether it was created.
pub fn keyring_or_new(path: &Path, entropy: &dyn Entropy) -> anyhow::Result<(Keyring, bool)> {
    if path.exists() {
        return Ok((keyring(path)?, false));
    }
    let master = MasterFile::generate(entropy);
    write_secret(path, &master.text())?;
    Ok((Keyring::new(&master), true))
}
