//! What happens outside of calls: creating the first realm and credential, checking that the master key is the one that
//! the database was initialised with, deleting what must not be kept, warning of credentials that expire, making an
//! operator when all are lost, the way back after a clock that was ahead, sealing values with another master key, and voiding
//! what was issued before a restore.

mod check;
mod expiry;
mod forget_clock;
mod initialise;
mod recover;
mod restored;
mod retention;
mod rewrap;
mod sweep;

pub use check::{KeyCheck, check, fits};
pub use expiry::{Expiring, warn_of_expiry};
pub use forget_clock::{Met, forget_clock};
pub use initialise::{First, Initialised, OperatorToken, initialise};
pub use recover::{Recovered, Recovery, recover};
pub use restored::{Restore, RestoreAccounts, RestoreRealm, Restored, Voided, restored};
pub use retention::Retention;
pub use rewrap::{Rewrapped, Rewrapper};
pub use sweep::{MAX_BATCH, Sweeper};
pub use tidegate_store::{
    master_keys::KeyHolder,
    rewraps::{KeyUse, KeyedValues},
};
