//! What happens before there is a house: the first realm, the first credential, and the check that
//! the master key at hand is the one the database was made with.

mod check;
mod initialise;

pub use check::{KeyCheck, check};
pub use initialise::{First, Initialised, initialise};
