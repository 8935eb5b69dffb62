//! What the tests of several methods share.

use tidegate_core::{Authenticator, Entropy, Id, ProductKey, Purpose, Timestamp};

use crate::method::{About, Occasion};

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

/// What an enrollment of Ann's at Kasa is about.
pub(crate) fn about_ann<'a>() -> About<'a> {
    About {
        account: "ann",
        product: "Kasa",
        authenticator: Authenticator::default(),
        party: None,
        enrollee: None,
        user: [1; 16],
        registered: &[],
        now: Timestamp::from_unix_micros(1_700_000_000_000_000),
    }
}
