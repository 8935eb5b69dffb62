//! What tests of several packages share: a real PostgreSQL, and how long they wait. The stories are in `it/`.

use std::time::Duration;

mod cluster;
mod line;
pub mod postgres;

/// How long tests, and the servers that they start, wait for anything: longer than the slowest machine needs. No test
/// waits until it is over, unless something is broken. A test that is about a timeout sets its own, and makes sure
/// that what is waited for cannot happen: a lock that the test holds, a line that it has cut.
pub const TIMEOUT: Duration = Duration::from_mins(10);
