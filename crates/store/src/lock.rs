//! Locks an SQLite database for one program, and notices when its files are taken away.
//!
//! Two files are locked: the database itself, because a lock file can be removed while it is held; and `….lock` beside it,
//! which older versions of the program lock. The locks are of flock(2). POSIX locks would be of no use: the process loses
//! them when it closes any descriptor of the file, and SQLite has descriptors of its own.
//!
//! A file that was deleted or replaced still takes writes, and they are lost with it. So the identities of the database, of
//! its log and of the log's index are compared with what stands at their paths: before each write begins, before its commit
//! is confirmed, and each second.

use std::{
    fs::{File, Metadata, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::OpenError;

/// Held while the store is open; the operating system releases the locks however the program ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    path: PathBuf,
    /// The database, its log and the log's index, as they were when it was opened.
    files: OnceLock<Vec<(PathBuf, FileId)>>,
    /// Declared before `_beside`, so that it is closed first. SQLite must have closed the database before: closing a
    /// descriptor drops SQLite's locks.
    _database: File,
    _beside: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl FileLock {
    /// Uses the file's canonical path, so that a link to the file is the same file.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let shown = || database.display().to_string();
        let failed = |source| unusable(database, source);
        let path = database.canonicalize().map_err(failed)?;
        let locked = |file: File| match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: shown() }),
            Err(TryLockError::Error(source)) => Err(OpenError::Unusable { path: shown(), source }),
        };
        // First the file beside it: while this process has the database open, it must not open and close it here.
        let mut options = File::options();
        let options = options.create(true).write(true).truncate(false);
        let beside = locked(options.open(with_suffix(&path, ".lock")).map_err(failed)?)?;
        let database = locked(File::options().read(true).write(true).open(&path).map_err(failed)?)?;
        Ok(Self { path, files: OnceLock::new(), _database: database, _beside: beside })
    }

    /// From now on these files are watched. SQLite has made its log and the log's index.
    pub(crate) fn watch(&self, given: &Path) -> io::Result<()> {
        // The path as it was given may be a link, which may be pointed at another file.
        let given = std::path::absolute(given)?;
        let log = ["-wal", "-shm"].map(|suffix| with_suffix(&self.path, suffix));
        let files = [given, self.path.clone()].into_iter().chain(log);
        let files = files.map(|path| std::fs::metadata(&path).map(|found| (path, FileId::of(&found))));
        let _ = self.files.set(files.collect::<io::Result<_>>()?);
        Ok(())
    }

    /// The file that is no longer what it was. What is written now is lost.
    pub(crate) fn lost(&self) -> Option<&Path> {
        let mut files = self.files.get().into_iter().flatten();
        let lost = files.find(|(path, id)| match std::fs::metadata(path) {
            Ok(found) => FileId::of(&found) != *id,
            // An error of the disk says nothing about the file.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        });
        lost.map(|(path, _)| path.as_path())
    }

    /// Fails if a file was taken away.
    pub(crate) fn check(&self) -> Result<(), sqlx::Error> {
        match self.lost() {
            None => Ok(()),
            Some(path) => {
                let what = format!("{} was deleted or replaced while it was in use", path.display());
                Err(io::Error::new(io::ErrorKind::NotFound, what).into())
            }
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// What keeps a file from being opened, in words.
pub(crate) fn unusable(database: &Path, source: io::Error) -> OpenError {
    let path = database.display().to_string();
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            OpenError::ReadOnly { path, source: source.into() }
        }
        _ => OpenError::Unusable { path, source },
    }
}
