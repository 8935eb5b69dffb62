//! How mails leave: by a mail server, or into a folder.

mod folder;
mod smtp;

use std::path::PathBuf;

use folder::Folder;
use lettre::Message;
use smtp::Smtp;
pub use smtp::{SmtpSettings, Tls};

use crate::{SetupError, trouble::Trouble};

/// Where mails go.
#[derive(Debug, Clone)]
pub enum To {
    /// One `.eml` file each.
    Folder(PathBuf),
    Server(SmtpSettings),
}

pub(crate) enum Transport {
    Folder(Folder),
    Smtp(Smtp),
}

impl Transport {
    /// `domain`: the name by which the program greets a mail server.
    pub(crate) fn open(to: To, domain: &str) -> Result<Self, SetupError> {
        Ok(match to {
            To::Folder(path) => {
                let folder = Folder::open(&path).map_err(|source| {
                    let folder = path.display().to_string();
                    SetupError::Folder { folder, source }
                })?;
                Self::Folder(folder)
            }
            To::Server(settings) => Self::Smtp(Smtp::open(settings, domain)?),
        })
    }

    pub(crate) async fn send(&self, message: Message) -> Result<(), Trouble> {
        match self {
            Self::Folder(folder) => folder.send(message).await,
            Self::Smtp(smtp) => smtp.send(message).await,
        }
    }
}
