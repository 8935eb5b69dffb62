//! Sessions.

pub(crate) mod ending;
pub(crate) mod failed_proofs;
mod introspect;
mod issue_assertion;
mod judge;
mod jwks;
mod list;
pub(crate) mod refresh;
mod revoke;
mod revoke_all;
mod signing_keys;
mod trusted_devices;

pub use introspect::{Answer, Introspect};
pub use issue_assertion::{IssueAssertion, IssuedAssertion};
pub use jwks::{GetJwks, Jwks};
pub use list::{ListSessions, ListedSession, Sessions};
pub use refresh::{RefreshSession, Refreshed};
pub use revoke::{RevokeSession, Revoked};
pub use revoke_all::{AllRevoked, RevokeAllSessions};
pub use trusted_devices::{
    DeviceRevoked, ListTrustedDevices, ListedDevice, RevokeTrustedDevice, TrustedDevices,
};

pub(crate) use introspect::FLUSH_INTERVAL;
pub(crate) use judge::{Worth, judge, worth};
