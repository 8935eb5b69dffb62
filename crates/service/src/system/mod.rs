//! The installation.

mod info;
mod rotate_signing_key;

pub use info::{GetServerInfo, ServerInfo};
pub use rotate_signing_key::{RotateSigningKey, RotatedKey};
