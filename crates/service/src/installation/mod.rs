//! What happens beside the app: the first realm, the first credential, the check that the master key at
//! hand is the one the database was made with, and the sweeping out of what must not be kept.

mod check;
mod initialise;
mod sweep;

pub use check::{KeyCheck, check};
pub use initialise::{First, Initialised, initialise};
pub use sweep::sweep;
