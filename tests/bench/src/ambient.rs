//! The machine's clock and random source.

use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_core::{Entropy, Timestamp};

#[expect(clippy::disallowed_methods, reason = "codes are right at the time of the machine")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub struct System;

impl Entropy for System {
    #[expect(clippy::panic, reason = "there is no way to go on without a random source")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the machine has no random source: {error}");
        }
    }
}
