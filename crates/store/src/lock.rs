//! A file lock: one program at a time uses an SQLite file.

use std::{fs::File, path::Path};

use crate::OpenError;

/// Held while the store is open; the operating system releases it however the program ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Uses the file's canonical path, so that a link to the file is the same file.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Unusable { path: database.display().to_string(), source };
        let mut path = database.canonicalize().map_err(failed)?.into_os_string();
        path.push(".lock");
        let file = File::options().create(true).write(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(OpenError::InUse { path: database.display().to_string() })
            }
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
