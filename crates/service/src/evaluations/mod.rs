//! Decisions, for menus and reports. Never writes, and never decides a sign-in.

mod batch;
mod evaluate;
mod explain;

pub use batch::{BatchEvaluate, Item};
pub use evaluate::{Evaluate, Evaluated};
pub use explain::{Explain, Explained};
pub use tidegate_rollout::Verdict;
