//! The way out of the program. Today a folder; a mail server (SMTP) becomes a second variant, and its
//! replies belong into `Trouble` by their code alone.

use std::{
    fs::{DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use lettre::{AsyncFileTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::trouble::Trouble;

pub(crate) enum Transport {
    Folder(Folder),
}

/// A folder in which every `.eml` file is whole: it is written in a folder inside, and moved.
pub(crate) struct Folder {
    path: PathBuf,
    unfinished: PathBuf,
    lettre: AsyncFileTransport<Tokio1Executor>,
}

impl Transport {
    pub(crate) fn folder(path: &Path) -> io::Result<Self> {
        let unfinished = path.join(".unfinished");
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        let lettre = AsyncFileTransport::new(&unfinished);
        Ok(Self::Folder(Folder { path: path.to_owned(), unfinished, lettre }))
    }

    pub(crate) async fn send(&self, message: Message) -> Result<(), Trouble> {
        match self {
            Self::Folder(folder) => folder.send(message).await,
        }
    }
}

impl Folder {
    async fn send(&self, message: Message) -> Result<(), Trouble> {
        let name = self.lettre.send(message).await? + ".eml";
        let written = self.unfinished.join(&name);
        // A folder that was there before may be open to others; a link is worth an account.
        tokio::fs::set_permissions(&written, Permissions::from_mode(0o600)).await?;
        tokio::fs::rename(&written, self.path.join(&name)).await?;
        Ok(())
    }
}
