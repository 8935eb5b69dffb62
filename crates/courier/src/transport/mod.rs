//! How messages leave: mails by a mail server or into a folder, notifications by push services, text messages by a
//! gateway.

mod apns;
mod fcm;
mod folder;
mod http;
mod push;
mod reach;
mod sms;
mod smtp;
mod tokens;
mod web_push;

use std::path::PathBuf;

pub use apns::ApnsSettings;
pub use fcm::FcmSettings;
use folder::Folder;
use lettre::Message;
pub(crate) use push::Push;
pub use push::PushSettings;
pub(crate) use reach::{reach_gateway, reach_push};
pub use sms::{SmsAuth, SmsBody, SmsSettings, SmsTo};
pub(crate) use sms::{SmsGateway, Texts};
pub(crate) use smtp::Smtp;
pub use smtp::{SmtpSettings, Tls};
pub use web_push::WebPushSettings;

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
            To::Folder(path) => Self::Folder(Folder::of(&path)?),
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
