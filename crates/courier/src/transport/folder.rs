//! Writes mails to a folder, for development.

use std::{
    fs::{DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use lettre::{AsyncFileTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::trouble::Trouble;

/// A folder in which every `.eml` file is complete: it is written in a subfolder, then renamed.
pub(crate) struct Folder {
    path: PathBuf,
    unfinished: PathBuf,
    lettre: AsyncFileTransport<Tokio1Executor>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let unfinished = path.join(".unfinished");
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        let lettre = AsyncFileTransport::new(&unfinished);
        Ok(Self { path: path.to_owned(), unfinished, lettre })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Trouble> {
        let name = self.lettre.send(message).await? + ".eml";
        let written = self.unfinished.join(&name);
        // A folder that existed before may be readable by others, and a mail contains a secret
        // link.
        tokio::fs::set_permissions(&written, Permissions::from_mode(0o600)).await?;
        tokio::fs::rename(&written, self.path.join(&name)).await?;
        Ok(())
    }
}
