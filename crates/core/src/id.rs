//! Typed ids. On the wire and in logs `acct_01h…` (TypeID 0.3: prefix, underscore, UUIDv7 in
//! Crockford base32); in the database the bare UUID.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Entropy, Timestamp};

/// The kind of thing that an id names. Implemented by empty types only.
pub trait Kind: 'static {
    const PREFIX: &'static str;
}

pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($($alias:ident = $marker:ident $prefix:literal,)+) => {
        /// The kinds of ids; needed by name only where a table states its key.
        pub mod kind {
            $(#[derive(Debug)] pub enum $marker {} impl super::Kind for $marker { const PREFIX: &'static str = $prefix; })+
        }
        $(pub type $alias = Id<kind::$marker>;)+
    };
}
kinds! {
    RealmId = OfRealm "realm",
    AccountId = OfAccount "acct",
    AssertionId = OfAssertion "ast",
    ChallengeId = OfChallenge "chl",
    ClaimId = OfClaim "clm",
    CredentialId = OfCredential "cred",
    CustomerId = OfCustomer "cust",
    DeliveryId = OfDelivery "dlv",
    EmailChangeId = OfEmailChange "emc",
    EnrollmentId = OfEnrollment "enr",
    EventId = OfEvent "evt",
    FactorId = OfFactor "fac",
    HolderId = OfHolder "hld",
    IncidentId = OfIncident "inc",
    ProcessId = OfProcess "prc",
    RecoveryId = OfRecovery "rcv",
    SeriesId = OfSeries "ser",
    SessionId = OfSession "sess",
    SignInId = OfSignIn "sgn",
    SigningKeyId = OfSigningKey "sig",
}

/// The idempotency key of one mutation: any UUID, chosen by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub Uuid);

impl<K: Kind> Id<K> {
    /// A fresh id, ordered by time: after the millisecond comes its fraction (RFC 9562 §6.2, method
    /// 3), so that the events of one call are listed in the order in which they happened.
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let micros = u64::try_from(now.unix_micros()).unwrap_or(0);
        let fraction = u16::try_from(micros % 1_000 * 4_096 / 1_000).unwrap_or(0).to_be_bytes();
        let [_, _, random @ ..]: [u8; 10] = entropy.bytes();
        let mut tail = [0; 10];
        let (front, back) = tail.split_at_mut(2);
        front.copy_from_slice(&fraction);
        back.copy_from_slice(&random);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &tail).into_uuid())
    }

    /// The same id with the end of the process's id, so that a claim says which process holds it. The time, and enough of
    /// the random part, stay its own.
    #[must_use]
    pub const fn made_by(self, process: ProcessId) -> Self {
        let (own, maker) = (self.uuid.as_u128(), process.uuid.as_u128());
        Self::from_uuid(Uuid::from_u128(own & !MAKER | maker & MAKER))
    }

    /// Whether the process made the id by `made_by`.
    pub const fn is_of(self, process: ProcessId) -> bool {
        self.uuid.as_u128() & MAKER == process.uuid.as_u128() & MAKER
    }

    /// Less than every id: where a list begins.
    pub const MIN: Self = Self { uuid: Uuid::nil(), kind: PhantomData };
    /// Greater than every id: where a list begins that shows the newest first.
    pub const MAX: Self = Self { uuid: Uuid::max(), kind: PhantomData };

    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    pub const fn from_uuid_bytes(bytes: [u8; 16]) -> Self {
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    pub const fn uuid(self) -> Uuid {
        self.uuid
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }
}

/// The part of an id that says which process made it. The other random bits keep two ids of one process and one
/// microsecond apart.
const MAKER: u128 = 0xffff_ffff;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must look like {prefix}_ followed by 26 letters and digits")]
pub struct IdError {
    pub prefix: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The value of a letter of the alphabet.
const fn value(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'h' => Some(letter - b'a' + 10),
        b'j' | b'k' => Some(letter - b'j' + 18),
        b'm' | b'n' => Some(letter - b'm' + 20),
        b'p'..=b't' => Some(letter - b'p' + 22),
        b'v'..=b'z' => Some(letter - b'v' + 27),
        _ => None,
    }
}

impl<K: Kind> Id<K> {
    /// The length of its text.
    pub const TEXT: usize = K::PREFIX.len() + 1 + DIGITS;

    /// Appends its text.
    pub fn write_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(K::PREFIX.as_bytes());
        out.push(b'_');
        out.extend_from_slice(&self.digits());
    }

    /// Reads the 26 letters and digits after the prefix.
    pub fn of_digits(text: &str) -> Option<Self> {
        // 26 digits of 5 bits are 130 bits, two more than a UUID has: the first digit may only use
        // three of its five.
        if text.len() != DIGITS || text.as_bytes().first().is_none_or(|first| *first > b'7') {
            return None;
        }
        let mut bits = 0_u128;
        for letter in text.bytes() {
            bits = bits << 5 | u128::from(value(letter)?);
        }
        Some(Self::from_uuid(Uuid::from_u128(bits)))
    }

    /// The 26 letters and digits after the prefix.
    fn digits(self) -> [u8; DIGITS] {
        let (mut bits, mut digits) = (self.uuid.as_u128(), [b'0'; DIGITS]);
        for digit in digits.iter_mut().rev() {
            let place = usize::try_from(bits & 31).unwrap_or(0);
            *digit = ALPHABET.get(place).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        digits
    }
}

const DIGITS: usize = 26;

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        digits.and_then(Self::of_digits).ok_or(IdError { prefix: K::PREFIX })
    }
}

// Derives would demand `K: Clone` and so on, but an id is plain data whatever it names.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typeid_examples_of_the_specification_hold() {
        let id: AccountId = Id::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "acct_01h2xcejqtf2nbrexx3vqjhp41");
        assert_eq!("acct_01h2xcejqtf2nbrexx3vqjhp41".parse(), Ok(id));
        let mut written = Vec::new();
        id.write_to(&mut written);
        assert_eq!((written.as_slice(), written.len()), (id.to_string().as_bytes(), AccountId::TEXT));
    }

    #[test]
    fn ids_of_one_millisecond_are_ordered_by_its_microseconds() {
        struct Last;
        impl Entropy for Last {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0xff);
            }
        }
        let at =
            |micros: i64| AccountId::new(Timestamp::from_unix_micros(1_700_000_000_000_000 + micros), &Last);
        assert!((0..999).all(|micros| at(micros) < at(micros + 1)));
        assert_eq!(at(7).uuid().get_version_num(), 7);
    }

    #[test]
    fn every_letter_is_read_as_it_is_written() {
        for (place, letter) in (0..).zip(ALPHABET) {
            assert_eq!(value(*letter), Some(place));
        }
        assert!(b"ilouIAZ-".iter().all(|letter| value(*letter).is_none()));
    }

    #[test]
    fn foreign_prefix_upper_case_and_overflow_are_refused() {
        for text in [
            "fac_01h2xcejqtf2nbrexx3vqjhp41",
            "acct_01H2XCEJQTF2NBREXX3VQJHP41",
            "acct_81h2xcejqtf2nbrexx3vqjhp41",
            "acct_",
        ] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
