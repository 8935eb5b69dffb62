//! Writes mails and text messages to a folder, for development.

use std::{
    fs::{DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use lettre::{AsyncFileTransport, AsyncTransport as _, Message, Tokio1Executor};

use tidegate_core::{DeliveryId, TextMessage};

use crate::{SetupError, trouble::Trouble};

/// A folder in which every file is complete: it is written in a subfolder, then renamed.
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

    /// The same, with the error of the program's start.
    pub(super) fn of(path: &Path) -> Result<Self, SetupError> {
        Self::open(path).map_err(|source| SetupError::Folder { folder: path.display().to_string(), source })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Trouble> {
        self.finish(self.lettre.send(message).await? + ".eml").await
    }

    /// The number and the text, one line each.
    pub(super) async fn write(&self, id: DeliveryId, message: &TextMessage) -> Result<(), Trouble> {
        let name = format!("{id}.txt");
        let lines = format!("To: {}\n{}\n", message.to.expose(), message.text.expose());
        tokio::fs::write(self.unfinished.join(&name), lines).await?;
        self.finish(name).await
    }

    async fn finish(&self, name: String) -> Result<(), Trouble> {
        let written = self.unfinished.join(&name);
        // A folder that existed before may be readable by others, and a mail contains a secret
        // link.
        tokio::fs::set_permissions(&written, Permissions::from_mode(0o600)).await?;
        tokio::fs::rename(&written, self.path.join(&name)).await?;
        Ok(())
    }
}
