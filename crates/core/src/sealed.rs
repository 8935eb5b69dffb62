//! The forms in which a table may store a secret. Only `keyring` makes and reads them.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// Authenticated ciphertext. It opens only in the context (associated data) for which it was
/// sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// SHA-256 of a 256-bit token. It needs no key, because such a token cannot be guessed, and a table
/// can be searched by it.
#[derive(Debug, Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

/// A keyed digest (HMAC) of a guessable value, with the id of its key: a copy of the database does
/// not allow guessing the value offline. It has no `==`, because it must be compared in constant
/// time.
#[derive(Debug, Clone, Copy)]
pub struct KeyedDigest {
    pub key: KeyId,
    pub mac: [u8; 32],
}

/// Names the master key that a value needs: the first bytes of a digest of that key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl TokenDigest {
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl KeyedDigest {
    pub fn matches(&self, other: &Self) -> bool {
        self.key == other.key && bool::from(self.mac.ct_eq(&other.mac))
    }
}
