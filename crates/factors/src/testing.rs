//! What the tests of several methods share.

use tidegate_core::{Entropy, Id, ProductKey, Purpose, Timestamp};

use crate::method::Occasion;

/// Bytes that count from zero.
pub(crate) struct CountingEntropy;

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, n) in bytes.iter_mut().zip(0..) {
            *byte = n;
        }
    }
}

/// A sign-in that a challenge is about.
pub(crate) fn occasion(product: &ProductKey) -> Occasion<'_> {
    Occasion {
        challenge: Id::from_uuid_bytes([2; 16]),
        account: Id::from_uuid_bytes([3; 16]),
        product,
        purpose: Purpose::SignIn,
        context: "",
        label: "",
        expires_at: Timestamp::from_unix_micros(1_700_000_060_000_000),
    }
}
