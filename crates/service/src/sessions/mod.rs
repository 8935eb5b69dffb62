//! Sessions.

mod introspect;
mod judge;
mod revoke;

pub use introspect::{Answer, Introspect};
pub use revoke::{RevokeSession, Revoked};

pub(crate) use judge::judge;
