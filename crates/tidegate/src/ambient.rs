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
    /// The latest instant that was shown. After a step back the clock stands still until it is reached again.
    shown: AtomicI64,
}

/// The clock stands still for no longer than this. A larger step back of the authority is not followed.
pub const STILL: Span = Span::minutes(1);

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

    /// Where the clock begins, before it is shown to anybody.
    pub fn begin(&self, at: Timestamp) {
        self.set(at);
        self.shown.store(at.unix_micros(), Ordering::Relaxed);
    }

    /// Goes on from what the authority shows now. After a small step back the clock stands still; a larger one is not
    /// followed, and the time since then goes by the monotonic clock alone (INV-54).
    pub fn follow(&self, authority: Timestamp) {
        if self.now().since(authority) <= STILL {
            self.set(authority);
        }
    }

    fn set(&self, at: Timestamp) {
        self.at_start.store(at.unix_micros().saturating_sub(self.elapsed()), Ordering::Relaxed);
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
    fn inv_54_a_large_step_is_followed_forward_and_never_back() {
        let clock = AuthorityClock::default();
        let later = clock.now().plus(Span::days(1));
        clock.follow(later);
        assert!(clock.now() >= later);
        for back in [Span::seconds(61), Span::days(1)] {
            clock.follow(later.minus(back));
            let (one, other) = (clock.now(), std::iter::repeat_with(|| clock.now()).find(|now| *now > later));
            assert!(one >= later && other.is_some(), "time goes on");
        }
    }
}
