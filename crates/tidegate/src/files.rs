//! Files that hold secrets: created, never overwritten, readable by their owner alone, and written as a whole.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tidegate_core::{Entropy, Secret};
use tidegate_keyring::{Keyring, MasterFile};

use crate::config::{Config, Database, DatabaseUrl};

/// Keeps keys out of core dumps, and other users of this machine out of the memory.
pub fn keep_private() {
    // Fails only where the kernel does not know it; then there is nothing to keep.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Says which files with secrets other users of the machine can read or write. A group may: Kubernetes lets a pod read its
/// secrets by their group (`fsGroup`).
pub fn warn_of_exposed(config: &Config) {
    for (setting, path) in secret_files(config) {
        if let Some(mode) = exposed(&path) {
            tracing::warn!(
                "{} ({setting}) has mode {mode:04o}, so every user of this machine can read or write it: chmod o= {0}",
                path.display()
            );
        }
    }
}

/// The files that hold secrets, each with the setting that names it.
pub fn secret_files(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut files: Vec<(&str, PathBuf)> = vec![
        ("keys.master_file", config.keys.master_file.clone()),
        ("bootstrap.credential_file", config.bootstrap.credential_file.clone()),
        ("database.url_file", config.database.url_file.clone()),
        ("tls.key_file", config.tls.key_file.clone()),
        ("smtp.password_file", config.smtp.password_file.clone()),
        ("sms.secret_file", config.sms.secret_file.clone()),
        ("sms_receipts.token_file", config.sms_receipts.token_file.clone()),
        ("web_push.key_file", config.web_push.key_file.clone()),
        ("fcm.account_file", config.fcm.account_file.clone()),
        ("apns.key_file", config.apns.key_file.clone()),
    ];
    let database = database_url(&config.database).ok();
    files.extend(database.and_then(|url| url.sqlite_file()).map(|path| ("database.url", path)));
    files.retain(|(_, path)| !path.as_os_str().is_empty());
    files
}

/// The mode of a file that other users can read or write; `None`: they cannot, or there is no such file.
pub fn exposed(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then_some(mode)
}

/// The database's address, from its file if one is named.
pub fn database_url(settings: &Database) -> anyhow::Result<DatabaseUrl> {
    if settings.url_file.as_os_str().is_empty() {
        settings.url.check().map_err(|fault| anyhow::anyhow!("database.url: {} {fault}", settings.url))?;
        return Ok(settings.url.clone());
    }
    let text = read_secret(&settings.url_file).context("database.url_file")?;
    let (url, file) = (DatabaseUrl::try_from(text.expose().trim().to_owned()), settings.url_file.display());
    let url = url.map_err(|_| {
        anyhow::anyhow!("database.url_file: {file} must begin with sqlite:, postgres:// or postgresql://")
    })?;
    url.check().map_err(|fault| anyhow::anyhow!("database.url_file: the address in {file} {fault}"))?;
    Ok(url)
}

/// Creates a file of mode 0600; fails if it exists.
pub fn write_secret(path: &Path, text: &Secret<String>) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.expose().as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

/// Whether the files that settings name are on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    Here,
    /// Settings are checked where their secrets are not: that a file is missing is no problem.
    Elsewhere,
}

impl Files {
    pub fn read_secret(self, path: &Path) -> anyhow::Result<Secret<String>> {
        match self {
            Self::Here => read_secret(path),
            // What every secret may look like.
            Self::Elsewhere => Ok(Secret::new("0".repeat(64))),
        }
    }
}

pub fn read_secret(path: &Path) -> anyhow::Result<Secret<String>> {
    let text = std::fs::read_to_string(path).map(Secret::new);
    text.with_context(|| format!("failed to read {}", path.display()))
}

/// The keyring of the master key file, which must exist. It is read again when a value needs a key that is not in it.
pub fn keyring(path: &Path) -> anyhow::Result<Keyring> {
    let text = read_secret(path).context("failed to find the master key that the database was made with")?;
    let master = parsed(path, &text)?;
    let again = path.to_owned();
    Ok(Keyring::new(&master).with_source(Box::new(move || self::master(&again).ok())))
}

/// The keys of the master key file.
pub fn master(path: &Path) -> anyhow::Result<MasterFile> {
    parsed(path, &read_secret(path)?)
}

fn parsed(path: &Path, text: &Secret<String>) -> anyhow::Result<MasterFile> {
    MasterFile::parse(text).with_context(|| format!("failed to use {}", path.display()))
}

/// Changes the master key file: the new file is complete on the disk before it takes the old one's place, so that the program
/// may end anywhere. One program changes it at a time.
pub fn change_master<T>(
    path: &Path,
    change: impl FnOnce(&mut MasterFile) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let failed = || format!("failed to change {}", path.display());
    // A link stays a link.
    let path = path.canonicalize().with_context(failed)?;
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let options = File::options().write(true).create(true).truncate(false).mode(0o600).open(&beside);
    let mut file = options.with_context(failed)?;
    if file.try_lock().is_err() {
        anyhow::bail!("another program changes {}: run this again", path.display());
    }
    let mut master = master(&path)?;
    let done = change(&mut master);
    if done.is_err() {
        std::fs::remove_file(&beside).with_context(failed)?;
        return done;
    }
    let mut write = || -> std::io::Result<()> {
        // What a program left that was killed.
        file.set_len(0)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(master.text().expose().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(failed)?;
    done
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

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn a_crash_writes_no_keys_to_a_file() {
        keep_private();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
