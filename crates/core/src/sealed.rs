//! The forms in which a secret may lie in a table. Only `keyring` makes and reads them.

use subtle::ConstantTimeEq as _;

/// Authenticated ciphertext, bound to its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// SHA-256 of a 256-bit token: it cannot be guessed, so no key is needed, and a table can be
/// searched by it.
#[derive(Debug, Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

/// A keyed digest of something guessable, with the id of its key: a copy of the database is no
/// oracle for it. Compared in constant time only, therefore without `==`.
#[derive(Debug, Clone, Copy)]
pub struct KeyedDigest {
    pub key: KeyId,
    pub mac: [u8; 32],
}

/// Names the master key a value needs: the first bytes of a digest of that key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub u32);

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
