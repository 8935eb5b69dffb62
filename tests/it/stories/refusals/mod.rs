//! Every refusal a caller can meet, one after the other.

mod accounts;
mod callers;
mod enrollments;
mod ladders;
mod rollouts;
mod sign_ins;
mod waves;
