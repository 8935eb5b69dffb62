//! What callers hold.
//!
//! A [`Client`] gives the generated client of every service over one connection, and sends the credential, the realm
//! and the deadline with each call. A refusal of the server is read as [`Refused`]. [`Client::retrying`] retries what
//! may be retried, [`pages`] walks a list to its end, and [`Client::import_accounts`] streams accounts to the server. A
//! [`Device`] is the app of an enrolled device: it signs its calls, and follows what waits for it.
//!
//! The client never makes a `request_id` (that takes a random source, which belongs to the caller), and it never
//! retries a call without being asked to.
//!
//! ```no_run
//! use tidegate_client::{Client, Settings};
//! use tidegate_core::Secret;
//! use tidegate_proto::GetAccountRequest;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect(&Settings::new(Secret::new("tgk_…".to_owned()))).await?;
//! let request = GetAccountRequest { account: "u-1".to_owned() };
//! let call = async move |client: &Client| client.accounts().get_account(request.clone()).await;
//! println!("{:?}", client.retrying(call).await?.into_inner().account);
//! # Ok(())
//! # }
//! ```

mod client;
mod device;
mod health;
mod import;
mod page;
mod refused;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod trace;
mod trailers;
mod transport;

pub use client::Client;
pub use device::{
    Device, DeviceError, DeviceKey, DeviceKeyError, PushDecision, PushMethod, PushWatch, Unsignable,
};
pub use health::Health;
pub use page::{ListRequest, Page, Pages, pages};
pub use refused::{Refused, Violation};
pub use retry::Retries;
pub use settings::{ClientCertificate, ConnectError, Settings, Tls};
pub use trace::{TraceContext, TraceSource};
pub use transport::Transport;
