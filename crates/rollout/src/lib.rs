//! Who gets what, and when.
//!
//! Pure: (product, rollouts, standing, now) → decision. No I/O, no clock, no random source. No
//! other crate decides which accounts a wave reaches.

pub mod audience;
pub mod bucket;
mod decide;
pub mod ladder;
pub mod lifecycle;
pub mod method_move;
mod prospect;
pub mod reauth;
pub mod schedule;
mod sentences;
mod trace;
mod verdict;
mod warnings;
pub mod waves;
pub mod window;
pub mod zones;

pub use decide::{Explanation, decide, decide_by, explain};
pub use prospect::{Prospect, ProspectAnswer};
pub use sentences::method::of as explain_method;
pub use trace::{DecisionTrace, Observation};
pub use verdict::Verdict;
pub use warnings::{Warning, warnings};
