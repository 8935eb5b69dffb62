//! `tidegate device`: plays the app of an enrolled device, so that a person can try push prompts and device codes in a
//! terminal.

mod enroll;
mod input;
mod key_file;
mod list;
mod listen;
mod owner;
mod push_address;
mod show;

use std::path::PathBuf;

use clap::Args;
use tidegate_client::{Device, DeviceError};
use tidegate_proto::ErrorReason;

use self::key_file::{EnrolledDevice, KeyFile};
pub use self::{
    enroll::{Enroll, enroll},
    list::{List, list},
    listen::{Listen, listen},
};
use crate::{ambient::AuthorityClock, server::Server};

/// What the credential file of a device's command holds.
const CREDENTIAL_HELP: &str = "The file that holds the credential. Its role: device_app or operator";

/// An enrolled device, and the server that it asks.
#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(CREDENTIAL_HELP)))]
struct DeviceArgs {
    /// The file of the device's key, which `tidegate device enroll` made. The file of the same name that ends in .json says
    /// which factor it is.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    #[command(flatten)]
    server: Server,
}

impl DeviceArgs {
    async fn connect(&self) -> anyhow::Result<(Device, EnrolledDevice)> {
        let (key, enrolled) = KeyFile::named(&self.key_file)?.read()?;
        let client = self.server.connect().await?;
        // The host's clock: a device has no other, and it goes on while the machine is suspended.
        Ok((Device::new(client, key, &enrolled.factor_id, AuthorityClock::host), enrolled))
    }
}

/// The error in one line, with what helps where the server does not say it.
fn explained(error: DeviceError) -> anyhow::Error {
    match error {
        DeviceError::Refused(refused) if refused.reason == Some(ErrorReason::DeviceNotValid) => {
            anyhow::anyhow!("{refused}; if this machine's clock is right, enroll the device again")
        }
        error => error.into(),
    }
}
