//! Stories over gRPC on both databases, and what holds for every method, statement and table.
//!
//! `UPDATE_EXPECT=1 cargo test -p tidegate-tests` writes the snapshots anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

mod actor;
mod arrange;
mod clock;
mod mail;
mod owner;
mod rpc;
mod stage;
mod stories;
mod story;
mod text;
mod transcript;
