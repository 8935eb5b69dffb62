//! What tests of several packages share: a real PostgreSQL, and how long they wait. The stories are in `it/`.

use std::time::Duration;

mod cluster;
mod line;
pub mod pgbouncer;
pub mod pki;
pub mod postgres;

/// How long tests, and the servers that they start, wait for anything: longer than the slowest machine needs.
/// It passes only when something is broken. A test that is about a timeout sets a short one, and makes sure
/// that what is waited for cannot happen: the test holds the lock, or has cut the line.
pub const TIMEOUT: Duration = Duration::from_mins(10);
