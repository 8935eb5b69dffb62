//! What is not counted as it happens, and read for each scrape instead.

use std::time::Duration;

/// The values that are read for each scrape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed {
    /// Connections to the database: in use, idle, and callers that wait for one.
    pub connections: [i64; 3],
    /// Passwords: under way, and waiting for their turn.
    pub hashes: [i64; 2],
    /// How long ago this replica last read what others wrote. `None`: it is the only one.
    pub cache_staleness: Option<Duration>,
    /// The age of the oldest event that is not sealed, and how many there are.
    pub unsealed: (Duration, i64),
    /// Credentials that expire within 14 days, and operators' credentials that last longer.
    pub credentials: [i64; 2],
    /// When the next credential expires, in seconds since 1970. `None`: none does.
    pub next_expiry: Option<i64>,
    /// Lines of the log that could not be written, since the program began.
    pub log_lines_lost: u64,
    pub open_files: i64,
    /// Bytes.
    pub memory: i64,
}
