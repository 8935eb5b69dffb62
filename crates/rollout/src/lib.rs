//! Who gets what, and when.
//!
//! Pure: (product, rollouts, standing, now) → decision. No I/O, no clock, no random source. No
//! other crate decides which accounts a wave reaches.

pub mod audience;
pub mod bucket;
mod decide;
pub mod lifecycle;
pub mod reauth;
mod sentences;
mod trace;
mod verdict;
mod warnings;
pub mod waves;

pub use decide::{Explanation, decide, explain};
pub use trace::{DecisionTrace, Observation};
pub use verdict::Verdict;
pub use warnings::{Warning, warnings};
