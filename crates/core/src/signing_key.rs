//! The keys of a realm that sign assertions: which one signs, and which ones are published.

use crate::{Sealed, SigningKeyId, Span, Timestamp};

/// A key that signs a realm's assertions. Its public half is not stored beside it: who can write the database could put
/// another one there, and sign with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub id: SigningKeyId,
    /// Its place among the realm's keys, from 1.
    pub number: i64,
    pub sealed: Sealed,
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_at: Timestamp,
}

/// How long a new key is published before it signs: verifiers fetch the keys more often.
pub const PUBLISHED_BEFORE: Span = Span::minutes(10);
/// How long an assertion is valid at most.
pub const MAX_ASSERTION: Span = Span::minutes(5);

/// A realm's keys, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningKeys(pub Vec<SigningKey>);

impl SigningKeys {
    /// The key that signs. `None`: there is no key.
    pub fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().rfind(|key| key.signs_at <= now).or(self.0.first())
    }

    /// The key that is published and does not sign yet.
    pub fn waiting(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.last().filter(|last| now < last.signs_at)
    }

    /// The keys that an assertion may be verified with. A key is no longer one of them when the last assertion that it
    /// signed has expired.
    pub fn published(&self, now: Timestamp) -> &[SigningKey] {
        let gone = self.0.iter().skip(1).take_while(|next| next.signs_at.plus(MAX_ASSERTION) <= now).count();
        self.0.get(gone..).unwrap_or_default()
    }

    /// The place of the next key.
    pub fn next_number(&self) -> i64 {
        self.0.last().map_or(1, |last| last.number.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000).plus(Span::minutes(minute))
    }

    /// Keys that sign from these minutes on.
    fn keys(minutes: &[i64]) -> SigningKeys {
        let key = |(place, from): (usize, &i64)| SigningKey {
            id: Id::from_uuid_bytes([u8::try_from(place).unwrap(); 16]),
            number: i64::try_from(place).unwrap() + 1,
            sealed: Sealed::default(),
            created_at: minute(*from),
            signs_at: minute(*from),
        };
        SigningKeys(minutes.iter().enumerate().map(key).collect())
    }

    fn numbers(keys: &[SigningKey]) -> Vec<i64> {
        keys.iter().map(|key| key.number).collect()
    }

    #[test]
    fn a_key_signs_from_its_time_on_and_is_published_around_it() {
        let keys = keys(&[0, 10, 30]);
        let instant = Span::from_micros(1);
        for (at, signer, published) in [
            (minute(0), 1, vec![1, 2, 3]),
            (minute(10).minus(instant), 1, vec![1, 2, 3]),
            (minute(10), 2, vec![1, 2, 3]),
            (minute(15).minus(instant), 2, vec![1, 2, 3]),
            (minute(15), 2, vec![2, 3]),
            (minute(30), 3, vec![2, 3]),
            (minute(35), 3, vec![3]),
            (minute(999), 3, vec![3]),
        ] {
            assert_eq!(keys.signer(at).unwrap().number, signer);
            assert_eq!(numbers(keys.published(at)), published);
        }
        assert_eq!(keys.waiting(minute(29)).unwrap().number, 3);
        assert_eq!((keys.waiting(minute(30)), keys.next_number()), (None, 4));
    }

    #[test]
    fn a_clock_that_shows_less_leaves_no_realm_without_a_key() {
        assert_eq!(keys(&[5]).signer(minute(0)).unwrap().number, 1);
        let none = SigningKeys::default();
        assert_eq!(
            (none.signer(minute(0)), none.published(minute(0)).len(), none.next_number()),
            (None, 0, 1)
        );
    }
}
