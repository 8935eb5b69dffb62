//! What happens outside of calls: creating the first realm and credential, checking that the master key is the one that
//! the database was initialised with, and deleting what must not be kept.

mod check;
mod initialise;
mod sweep;

pub use check::{KeyCheck, check, fits};
pub use initialise::{First, Initialised, OperatorToken, initialise};
pub use sweep::sweep;
