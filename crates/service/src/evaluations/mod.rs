//! Decisions, for menus and reports. Never writes, and never decides a sign-in.

mod batch;
mod evaluate;

pub use batch::{BatchEvaluate, Item};
pub use evaluate::Evaluate;
