//! The event log.

mod list;

pub use list::{ListEvents, Told};
