//! What the tests of several methods share.

use tidegate_core::{
    Account, AccountState, Authenticator, Contact, Email, Entropy, Id, Labels, ProductKey, Purpose, Sealed,
    Timestamp,
};

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

pub(crate) const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

/// An account without factors; `contact`: since when it has its address, and whether that is verified.
pub(crate) fn account(created: Timestamp, contact: Option<(Timestamp, bool)>) -> Account {
    Account {
        id: Id::from_uuid_bytes([1; 16]),
        external_id: None,
        contact: contact.map(|(since, verified)| Contact {
            email: Email::restored("ann@example.com".to_owned(), "ann@example.com".to_owned()),
            since,
            verified_at: verified.then_some(since),
        }),
        country: None,
        customer: None,
        labels: Labels::default(),
        state: AccountState::Active,
        two_step_since: None,
        personal_key: Sealed(vec![]),
        epoch: 0,
        changes_locked_at: None,
        deleted_at: None,
        check_up_asked_at: None,
        created_at: created,
    }
}
