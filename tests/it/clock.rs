//! The clock and the random source of the tests.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use tidegate_core::{Clock, Entropy, Span, Timestamp};

/// 2 March 2026, 09:00 UTC: a Monday, and the beginning of a TOTP step.
pub const MORNING: Timestamp = Timestamp::from_unix_micros(1_772_442_000_000_000);

/// Time passes only when a test advances it.
pub struct ManualClock {
    at: AtomicI64,
    /// Readings until one panics; zero: none will.
    left: AtomicU32,
}

impl ManualClock {
    pub const fn at(start: Timestamp) -> Self {
        Self { at: AtomicI64::new(start.unix_micros()), left: AtomicU32::new(0) }
    }

    pub fn advance(&self, span: Span) {
        self.at.fetch_add(span.micros(), Ordering::SeqCst);
    }

    /// A jump, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.at.store(at.unix_micros(), Ordering::SeqCst);
    }

    /// The n-th reading from now panics.
    pub fn trip(&self, n: u32) {
        self.left.store(n, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "the clock was tripped");
        Timestamp::from_unix_micros(self.at.load(Ordering::SeqCst))
    }
}

/// Never returns the same bytes twice, and returns the same ones in every run. Each length has a count of its
/// own, so that one more nonce does not change every salt.
#[derive(Default)]
pub struct CountingEntropy {
    counts: Mutex<BTreeMap<usize, u64>>,
    /// Added to each count.
    begin: u64,
}

/// The length of the random part of an id.
const ID: usize = 10;

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.next(bytes.len());
        if bytes.len() == ID {
            // Ids of one millisecond follow each other, so that events are listed as they happened.
            bytes[3..].copy_from_slice(&number.to_be_bytes()[1..]);
            return;
        }
        let begin = scattered(number << 16 | bytes.len() as u64);
        for (place, chunk) in (0_u64..).zip(bytes.chunks_mut(8)) {
            let word = scattered(begin.wrapping_add(place)).to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

impl CountingEntropy {
    /// Two sources that begin apart draw different bytes.
    pub fn from(begin: u64) -> Self {
        Self { begin, ..Self::default() }
    }

    fn next(&self, length: usize) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(length).or_default();
        *count += 1;
        self.begin + *count
    }
}

/// `SplitMix64`: every bit of the number moves half of the bits of the result.
const fn scattered(number: u64) -> u64 {
    let n = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}
