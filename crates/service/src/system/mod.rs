//! The installation.

mod info;

pub use info::{GetServerInfo, ServerInfo};
