//! Opens the file, and looks passwords up.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use sha1::{Digest as _, Sha1};
use tidegate_core::Secret;

use super::{ENTRIES, ENTRY, HEADER, MAGIC, RANGES, Sha1Hash, VERSION, header, split};
use crate::rules::normal;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LookupFault {
    #[error("failed to read {}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is no file of breached passwords: make one with `tidegate passwords build`", file.display())]
    Foreign { file: PathBuf },
    #[error("{} is of version {version}, which this program does not read: make it again with its `tidegate passwords build`", file.display())]
    Version { file: PathBuf, version: u32 },
    #[error("{} is damaged: {what}; make it again with `tidegate passwords build`", file.display())]
    Damaged { file: PathBuf, what: &'static str },
}

/// The file. Cheap to clone; all clones read the same one, also after it was replaced.
#[derive(Clone)]
pub struct BreachedPasswords {
    path: PathBuf,
    opened: Arc<RwLock<Arc<Opened>>>,
}

/// The file as it was when it was opened. A file that takes its name later changes nothing here.
struct Opened {
    file: File,
    path: PathBuf,
    entries: u64,
    least_count: u64,
}

impl BreachedPasswords {
    pub fn open(path: &Path) -> Result<Self, LookupFault> {
        let opened = Opened::open(path)?;
        Ok(Self { path: path.to_owned(), opened: Arc::new(RwLock::new(Arc::new(opened))) })
    }

    /// Opens the file that has the name now. If it cannot be used, the old one stays.
    pub fn open_again(&self) -> Result<(), LookupFault> {
        let opened = Arc::new(Opened::open(&self.path)?);
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// How many passwords it holds.
    pub fn entries(&self) -> u64 {
        self.opened().entries
    }

    /// How often a password was counted at least to be in it.
    pub fn least_count(&self) -> u64 {
        self.opened().least_count
    }

    /// Whether the password was lost, as it was typed or in NFC. Reads the file.
    pub fn has(&self, password: &Secret<String>) -> Result<bool, LookupFault> {
        let (opened, normal) = (self.opened(), normal(password));
        let typed = password.expose().as_bytes();
        let is_normal = typed == normal.expose().as_slice();
        Ok(opened.has(&sha1(normal.expose()))? || (!is_normal && opened.has(&sha1(typed))?))
    }

    fn opened(&self) -> Arc<Opened> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn sha1(password: &[u8]) -> Sha1Hash {
    Sha1::digest(password).into()
}

impl Opened {
    fn open(path: &Path) -> Result<Self, LookupFault> {
        let unreadable = |source| LookupFault::Unreadable { file: path.to_owned(), source };
        let foreign = || LookupFault::Foreign { file: path.to_owned() };
        let file = File::open(path).map_err(unreadable)?;
        let mut begin = [0; HEADER];
        file.read_exact_at(&mut begin, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => foreign(),
            _ => unreadable(error),
        })?;
        let number = |at: usize| {
            let bytes = begin.get(at..).and_then(|rest| rest.first_chunk());
            bytes.copied().map_or(0, u64::from_be_bytes)
        };
        if !begin.starts_with(&MAGIC) {
            return Err(foreign());
        }
        let version = u32::try_from(number(8) >> 32).unwrap_or(u32::MAX);
        if version != VERSION {
            return Err(LookupFault::Version { file: path.to_owned(), version });
        }
        let damaged = |what| LookupFault::Damaged { file: path.to_owned(), what };
        let (entries, least_count) = (number(16), number(24));
        if begin != header(entries, least_count) {
            return Err(damaged("its header does not have the right checksum"));
        }
        let length = file.metadata().map_err(unreadable)?.len();
        if entries.checked_mul(ENTRY as u64).and_then(|bytes| bytes.checked_add(ENTRIES)) != Some(length) {
            return Err(damaged("it is not as long as its header says"));
        }
        let opened = Self { file, path: path.to_owned(), entries, least_count };
        if opened.before(RANGES)? != entries {
            return Err(damaged("its index does not end with its last entry"));
        }
        Ok(opened)
    }

    fn has(&self, hash: &Sha1Hash) -> Result<bool, LookupFault> {
        let (range, wanted) = split(hash);
        let (mut from, mut to) = (self.before(range)?, self.before(range + 1)?);
        if from > to || to > self.entries {
            return Err(LookupFault::Damaged { file: self.path.clone(), what: "its index does not ascend" });
        }
        while from < to {
            let middle = from.midpoint(to);
            let entry = self.entry(middle)?;
            if entry == wanted {
                return Ok(true);
            }
            if entry < wanted { from = middle + 1 } else { to = middle }
        }
        Ok(false)
    }

    /// How many entries there are before a range.
    fn before(&self, range: u32) -> Result<u64, LookupFault> {
        let mut bytes = [0; 8];
        self.read(&mut bytes, HEADER as u64 + 8 * u64::from(range))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn entry(&self, at: u64) -> Result<u64, LookupFault> {
        let mut bytes = [0; 8];
        let (_, entry) = bytes.split_at_mut(8 - ENTRY);
        self.read(entry, ENTRIES + at * ENTRY as u64)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> Result<(), LookupFault> {
        let read = self.file.read_exact_at(bytes, at);
        read.map_err(|source| LookupFault::Unreadable { file: self.path.clone(), source })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Looks hashes up, without a password.
    pub(in crate::breached) fn opened(path: &Path) -> impl Fn(&Sha1Hash) -> bool {
        let opened = Opened::open(path).unwrap();
        move |hash| opened.has(hash).unwrap()
    }
}
