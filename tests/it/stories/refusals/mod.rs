//! Every refusal a caller can meet, one after the other.

mod accounts;
mod callers;
mod enrollments;
mod rollouts;
mod sign_ins;
mod waves;
