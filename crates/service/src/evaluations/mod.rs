//! Decisions for menus and reports. They write nothing, and no sign-in relies on them.

mod batch;
mod evaluate;
mod explain;
mod prospect;

pub use batch::{BatchEvaluate, Item};
pub use evaluate::{Evaluate, Evaluated};
pub use explain::{Explain, Explained};
pub use prospect::{EvaluateProspect, EvaluatedProspect};
pub use tidegate_rollout::Verdict;
