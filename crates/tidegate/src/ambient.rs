//! The only place that reads the machine's clock and random source.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use tidegate_core::{Clock, Entropy, Timestamp};

/// The authority clock: the database server's where there is one, else the host's; and never before an
/// instant that it showed (INV-54).
#[derive(Debug, Default)]
pub struct AuthorityClock {
    /// What the authority is ahead of the host, in microseconds.
    ahead: AtomicI64,
    floor: AtomicI64,
}

impl AuthorityClock {
    /// The host's own clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn host() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// The authority showed `authority` while the host showed an instant between the two.
    pub fn measured(&self, before: Timestamp, authority: Timestamp, after: Timestamp) {
        let host = before.unix_micros().midpoint(after.unix_micros());
        self.ahead.store(authority.unix_micros().saturating_sub(host), Ordering::Relaxed);
    }

    /// Never show less.
    pub fn raise_floor(&self, to: Timestamp) {
        self.floor.fetch_max(to.unix_micros(), Ordering::Relaxed);
    }
}

impl Clock for AuthorityClock {
    fn now(&self) -> Timestamp {
        let now = Self::host().unix_micros().saturating_add(self.ahead.load(Ordering::Relaxed));
        let floor = self.floor.fetch_max(now, Ordering::Relaxed);
        Timestamp::from_unix_micros(now.max(floor))
    }
}

#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::panic,
        reason = "without a random source nothing may be minted; there is no way to go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the machine has no random source: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Span;

    use super::*;

    #[test]
    fn inv_54_the_clock_never_falls_behind_what_it_showed() {
        let clock = AuthorityClock::default();
        let later = AuthorityClock::host().plus(Span::hours(1));
        clock.measured(later.minus(Span::hours(1)), later, later.minus(Span::hours(1)));
        let shown = clock.now();
        assert!(shown >= later);
        clock.measured(later, later.minus(Span::days(1)), later);
        assert!(clock.now() >= shown);
    }

    #[test]
    fn a_stored_floor_holds_across_a_restart() {
        let clock = AuthorityClock::default();
        let stored = AuthorityClock::host().plus(Span::hours(2));
        clock.raise_floor(stored);
        assert!(clock.now() >= stored);
    }
}
