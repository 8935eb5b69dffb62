//! The program as an operator runs it: its commands, its files, its processes, and what several of
//! them do to one database.
//!
//! Nothing here is mocked: a test starts the program in a folder of its own and calls it as callers do.
//! `UPDATE_EXPECT=1 cargo test -p tidegate` rewrites the snapshots.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

mod collector;
mod database;
mod folder;
mod owner;
mod program;
mod server;

mod assertions;
mod attacks;
mod chart;
mod clock;
mod demo;
mod device;
mod directory;
mod doctor;
mod faults;
mod first_start;
mod import;
mod liveness;
mod log;
mod mail;
mod master_key;
mod metrics;
mod one_at_a_time;
mod outage;
mod passwords;
mod pulse;
mod races;
mod readme;
mod receipts;
mod record;
mod recover;
mod restore;
mod rolling;
mod rollout;
mod rotation;
mod schema;
mod secrets;
mod settings;
mod shutdown;
mod sqlite_file;
mod tls;
mod traces;
mod web_push;
