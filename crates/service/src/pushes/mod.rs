//! What an enrolled device shows its owner, and what the owner decides there.
//!
//! A device proves itself by a signature over each call. The caller is the app, or the product's back end.

mod list;
mod respond;
mod wait;

pub use list::{DeviceProof, ListPushes, Push, PushesListed};
pub use respond::RespondPush;
pub use wait::{Listening, ReadPushes};
