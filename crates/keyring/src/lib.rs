//! The only crate that handles keys.
//!
//! Secrets leave this crate sealed, digested, or as `Secret<T>`, whose `Debug` prints nothing.

pub mod adoption;
mod assertions;
pub mod breached;
mod chain;
#[cfg(test)]
mod fixed_entropy;
mod hashers;
mod master;
pub mod passwords;
mod personal;
pub mod rules;
mod seal_context;
mod tokens;

use std::{collections::BTreeMap, fmt};

pub use assertions::AssertionSigner;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
pub use chain::Chaining;
use hmac::{Hmac, Mac as _};
pub use master::{MasterFile, MasterFileError};
pub use passwords::Passwords;
pub use personal::{PersonalContext, personal_digest};
pub use seal_context::{RequestContext, SealContext};
use sha2::Sha256;
use tidegate_core::{Entropy, KeyId, KeyedDigest, Sealed, Secret};
pub use tokens::TokenKind;

/// The subkeys of every master key, by the master key's id.
pub struct Keyring {
    active: KeyId,
    keys: BTreeMap<KeyId, Subkeys>,
}

/// One key for each purpose, so that no key is used with two algorithms.
pub(crate) struct Subkeys {
    seal: Secret<[u8; 32]>,
    digest: Secret<[u8; 32]>,
}

/// The key is missing, or the bytes were not sealed for this context. The value is unavailable, never absent (INV-45).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a protected value does not open with the keys at hand")]
pub struct Unreadable;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEADER: usize = 1 + 4;

impl Keyring {
    pub fn new(master: &MasterFile) -> Self {
        let (active, keys) = master.subkeys();
        Self { active, keys }
    }

    /// Encrypts to `version(1) key(4) nonce(24) ciphertext+tag`. The header and the context are associated data.
    pub fn seal(
        &self,
        context: &SealContext,
        value: &Secret<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        let mut out = vec![VERSION];
        out.extend(self.active.0.to_be_bytes());
        let key = self.keys.get(&self.active).ok_or(Unreadable)?;
        encrypt(&key.seal, out, &context.bytes(), value.expose(), entropy)
    }

    pub fn open(&self, context: &SealContext, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Unreadable> {
        let (header, rest) = sealed.0.split_at_checked(HEADER).ok_or(Unreadable)?;
        let [VERSION, key @ ..] = header else { return Err(Unreadable) };
        let key = KeyId(u32::from_be_bytes(key.try_into().map_err(|_| Unreadable)?));
        let key = self.keys.get(&key).ok_or(Unreadable)?;
        decrypt(&key.seal, header, rest, &context.bytes())
    }

    /// An HMAC, so that a copy of the database alone does not allow guessing short codes or request bodies offline.
    pub fn digest(&self, context: &SealContext, value: &[u8]) -> Result<KeyedDigest, Unreadable> {
        self.digest_with(self.active, context, value)
    }

    /// Whether the digest of `value` is `kept`, under the key that made `kept`.
    pub fn matches(
        &self,
        context: &SealContext,
        value: &[u8],
        kept: &KeyedDigest,
    ) -> Result<bool, Unreadable> {
        Ok(self.digest_with(kept.key, context, value)?.matches(kept))
    }

    fn digest_with(
        &self,
        key: KeyId,
        context: &SealContext,
        value: &[u8],
    ) -> Result<KeyedDigest, Unreadable> {
        let subkeys = self.keys.get(&key).ok_or(Unreadable)?;
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(subkeys.digest.expose())
            .map_err(|_| Unreadable)?;
        let context = context.bytes();
        mac.update(&u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(&context);
        mac.update(value);
        Ok(KeyedDigest { key, mac: mac.finalize().into_bytes().into() })
    }
}

fn encrypt(
    key: &Secret<[u8; 32]>,
    header: Vec<u8>,
    context: &[u8],
    value: &[u8],
    entropy: &dyn Entropy,
) -> Result<Sealed, Unreadable> {
    let aad = [header.as_slice(), context].concat();
    let nonce: [u8; NONCE] = entropy.bytes();
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let ciphertext =
        cipher.encrypt(&nonce.into(), Payload { msg: value, aad: &aad }).map_err(|_| Unreadable)?;
    let mut out = header;
    out.extend(nonce);
    out.extend(ciphertext);
    Ok(Sealed(out))
}

fn decrypt(
    key: &Secret<[u8; 32]>,
    header: &[u8],
    rest: &[u8],
    context: &[u8],
) -> Result<Secret<Vec<u8>>, Unreadable> {
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(Unreadable)?;
    let aad = [header, context].concat();
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let plain = cipher.decrypt(&(*nonce).into(), Payload { msg: ciphertext, aad: &aad });
    plain.map(Secret::new).map_err(|_| Unreadable)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("active", &self.active).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    mod hashes;
    mod sealed;

    use std::sync::atomic::{AtomicU8, Ordering};

    use tidegate_core::Id;
    use uuid::Uuid;

    use super::*;

    struct CountingEntropy(AtomicU8);
    impl Entropy for CountingEntropy {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn keyring(entropy: &dyn Entropy) -> Keyring {
        Keyring::new(&MasterFile::generate(entropy))
    }

    #[test]
    fn inv_46_a_value_opens_only_where_it_was_sealed() {
        let entropy = CountingEntropy(AtomicU8::new(0));
        let keyring = keyring(&entropy);
        let (one, two) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        let context = |account, factor| SealContext::FactorMaterial {
            realm: Id::from_uuid(Uuid::nil()),
            account,
            factor: Id::from_uuid(Uuid::from_u128(factor)),
        };
        let sealed = keyring.seal(&context(one, 7), &Secret::new(b"seed".to_vec()), &entropy).unwrap();
        assert_eq!(keyring.open(&context(one, 7), &sealed).unwrap().expose(), b"seed");
        assert!(keyring.open(&context(two, 7), &sealed).is_err());
        assert!(keyring.open(&context(one, 8), &sealed).is_err());
        assert!(keyring.open(&SealContext::KeyCheck, &sealed).is_err());
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let entropy = CountingEntropy(AtomicU8::new(0));
        let (ours, theirs) = (keyring(&entropy), keyring(&entropy));
        let sealed = ours.seal(&SealContext::KeyCheck, &Secret::new(b"x".to_vec()), &entropy).unwrap();
        assert!(theirs.open(&SealContext::KeyCheck, &sealed).is_err());
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let entropy = CountingEntropy(AtomicU8::new(0));
        let keyring = keyring(&entropy);
        let sealed = keyring.seal(&SealContext::KeyCheck, &Secret::new(b"check".to_vec()), &entropy).unwrap();
        for byte in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[byte] ^= 1;
            assert!(keyring.open(&SealContext::KeyCheck, &changed).is_err(), "byte {byte}");
        }
        assert!(keyring.open(&SealContext::KeyCheck, &Sealed(vec![1, 2])).is_err());
    }

    #[test]
    fn a_keyed_digest_depends_on_context_and_value() {
        let entropy = CountingEntropy(AtomicU8::new(0));
        let keyring = keyring(&entropy);
        let realm = Id::from_uuid(Uuid::nil());
        let context = SealContext::UnknownIdentifier { realm };
        let kept = keyring.digest(&context, b"body").unwrap();
        assert!(keyring.matches(&context, b"body", &kept).unwrap());
        assert!(!keyring.matches(&context, b"other", &kept).unwrap());
        assert!(!keyring.matches(&SealContext::ImportRow { realm }, b"body", &kept).unwrap());
    }
}
