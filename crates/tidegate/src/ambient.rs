//! The only place that reads the machine's clock and random source.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tidegate_core::{Clock, Entropy, Span, Timestamp};

/// A new UUID, for one call of the server and its retries.
pub fn request_id() -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    uuid::Builder::from_random_bytes(entropy.bytes()).into_uuid().to_string()
}

/// The authority clock: what the authority showed when it was read last, plus the time since then by a monotonic clock.
/// So a jump of the host's clock between two reads moves nothing (INV-54).
#[derive(Debug)]
pub struct AuthorityClock {
    started: Instant,
    /// What the authority showed when this clock started, in microseconds.
    at_start: AtomicI64,
    /// The latest instant that was shown. After a small step back the clock stands still until it is reached again.
    shown: AtomicI64,
}

/// A step back of the authority by more than this is followed.
const STEP: Span = Span::seconds(5);

impl Default for AuthorityClock {
    fn default() -> Self {
        let at_start = AtomicI64::new(Self::host().unix_micros());
        Self { started: Instant::now(), at_start, shown: AtomicI64::new(i64::MIN) }
    }
}

impl AuthorityClock {
    /// The host's wall clock, which can be set to anything at any time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn host() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Sets the clock to what the authority shows now. A step back by more than `STEP` is followed too, because the
    /// authority alone decides (INV-54). The caller must have checked that the authority is right.
    pub fn follow(&self, authority: Timestamp) {
        let behind = self.now().since(authority);
        self.at_start.store(authority.unix_micros().saturating_sub(self.elapsed()), Ordering::Relaxed);
        if behind > STEP {
            self.shown.store(authority.unix_micros(), Ordering::Relaxed);
        }
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

impl Clock for AuthorityClock {
    fn now(&self) -> Timestamp {
        let now = self.at_start.load(Ordering::Relaxed).saturating_add(self.elapsed());
        let shown = self.shown.fetch_max(now, Ordering::Relaxed);
        Timestamp::from_unix_micros(now.max(shown))
    }
}

#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::panic,
        reason = "without a random source no token may be minted, so the program cannot go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the machine has no random source: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_54_a_small_step_back_is_waited_out() {
        let clock = AuthorityClock::default();
        let shown = clock.now();
        clock.follow(shown.minus(Span::seconds(2)));
        assert!(clock.now() >= shown);
    }

    #[test]
    fn a_large_step_of_the_authority_is_followed_both_ways() {
        let clock = AuthorityClock::default();
        let later = clock.now().plus(Span::days(1));
        clock.follow(later);
        assert!(clock.now() >= later);
        let earlier = later.minus(Span::days(1));
        clock.follow(earlier);
        assert!(clock.now() < earlier.plus(Span::minutes(1)), "time stood still for a day");
    }
}
