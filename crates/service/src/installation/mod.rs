//! What happens outside of calls: creating the first realm and credential, checking that the master key is the one that
//! the database was initialised with, deleting what must not be kept, warning of credentials that expire, and making an
//! operator when all are lost.

mod check;
mod expiry;
mod initialise;
mod recover;
mod sweep;

pub use check::{KeyCheck, check, fits};
pub use expiry::{Expiring, warn_of_expiry};
pub use initialise::{First, Initialised, OperatorToken, initialise};
pub use recover::{Recovered, Recovery, recover};
pub use sweep::sweep;
