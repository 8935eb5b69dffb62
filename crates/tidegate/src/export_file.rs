//! Where an export goes: a file, or standard output.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use tempfile::NamedTempFile;

/// A file has its name only once it is whole. An existing one is not overwritten: it may be the only copy of what was dropped
/// since.
pub enum ExportFile {
    Stdout,
    File { unfinished: NamedTempFile, path: PathBuf },
}

impl ExportFile {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        ensure!(!path.exists(), "failed to make {}: it exists", path.display());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let unfinished =
            tempfile::Builder::new().prefix(".unfinished-").tempfile_in(folder.unwrap_or(Path::new(".")));
        let unfinished = unfinished.with_context(|| format!("failed to make {}", path.display()))?;
        Ok(Self::File { unfinished, path: path.to_owned() })
    }

    pub fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Stdout => std::io::stdout().write_all(lines),
            Self::File { unfinished, .. } => unfinished.write_all(lines),
        }
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Stdout => Ok(std::io::stdout().flush()?),
            Self::File { unfinished, path } => {
                unfinished.as_file().sync_all()?;
                let named = unfinished.persist_noclobber(&path);
                named.map(drop).with_context(|| format!("failed to make {}", path.display()))
            }
        }
    }
}
