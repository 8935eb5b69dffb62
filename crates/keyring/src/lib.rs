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

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

pub use assertions::AssertionSigner;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
pub use chain::Chaining;
use hmac::{Hmac, Mac as _};
pub use master::{KeptKey, KeyRotation, KeyState, MasterFile, MasterFileError};
pub use passwords::Passwords;
pub use personal::{PersonalContext, personal_digest};
pub use seal_context::{RequestContext, SealContext};
use sha2::Sha256;
use tidegate_core::{Entropy, KeyId, KeyedDigest, Sealed, Secret};
pub use tokens::TokenKind;

/// The subkeys of every master key, by the master key's id. They can be replaced while the program runs: keys rotate.
pub struct Keyring {
    keys: RwLock<Arc<Keys>>,
    source: Option<KeySource>,
    /// When the source was read last for a key that was not there.
    looked: Mutex<Option<Instant>>,
}

/// Reads the file of master keys again; `None`: it cannot be read now.
pub type KeySource = Box<dyn Fn() -> Option<MasterFile> + Send + Sync>;

/// What the keyring has of one file of master keys.
pub(crate) struct Keys {
    active: KeyId,
    seals: BTreeMap<KeyId, Secret<[u8; 32]>>,
    digests: BTreeMap<KeyId, Secret<[u8; 32]>>,
    rotation: Option<KeyRotation>,
}

/// One key for each purpose, so that no key is used with two algorithms.
pub(crate) struct Subkeys {
    seal: Secret<[u8; 32]>,
    digest: Secret<[u8; 32]>,
}

/// A protected value does not open. It is unavailable, never absent (INV-45).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes were not sealed for this context, or were changed.
    #[error("a protected value does not open with the keys at hand")]
    Damaged,
    /// The value needs a key that this program does not have, for example because it has not read the new file of keys yet.
    #[error("a protected value needs the master key {0}, which is not in the file of master keys")]
    UnknownKey(KeyId),
}

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEADER: usize = 1 + 4;
/// Between two reads of the source for keys that were not there. Callers may name any key, in tokens that they made up.
const SOURCE_PAUSE: Duration = Duration::from_secs(1);

impl Keyring {
    pub fn new(master: &MasterFile) -> Self {
        Self { keys: RwLock::new(Arc::new(master.keys())), source: None, looked: Mutex::default() }
    }

    /// When a value needs a key that is not there, the source is read, at most once a second: the file is always written
    /// before anything is sealed with a new key.
    #[must_use]
    pub fn with_source(self, source: KeySource) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Takes the keys of another file in place of these; `false`, and nothing changes, where the active key is not among
    /// them: that is no later state of the same file.
    pub fn replace(&self, master: &MasterFile) -> bool {
        let new = master.keys();
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let follows = new.seals.contains_key(&keys.active);
        if follows {
            *keys = Arc::new(new);
        }
        follows
    }

    /// The key that new values are sealed with.
    pub fn active(&self) -> KeyId {
        self.keys().active
    }

    /// What every value begins with that the active key sealed.
    pub fn header(&self) -> [u8; HEADER] {
        let [a, b, c, d] = self.active().0.to_be_bytes();
        [VERSION, a, b, c, d]
    }

    /// Every key that opens what it sealed.
    pub fn known(&self) -> Vec<KeyId> {
        self.keys().seals.keys().copied().collect()
    }

    /// Who made the active key active, as the file says it.
    pub fn rotation(&self) -> Option<KeyRotation> {
        self.keys().rotation.clone()
    }

    /// Encrypts to `version(1) key(4) nonce(24) ciphertext+tag`. The header and the context are associated data.
    pub fn seal(
        &self,
        context: &SealContext,
        value: &Secret<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        let keys = self.keys();
        let out = [&[VERSION][..], &keys.active.0.to_be_bytes()].concat();
        let key = keys.seals.get(&keys.active).ok_or(Unreadable::UnknownKey(keys.active))?;
        encrypt(key, out, &context.bytes(), value.expose(), entropy)
    }

    pub fn open(&self, context: &SealContext, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Unreadable> {
        let (header, rest) = sealed.0.split_at_checked(HEADER).ok_or(Unreadable::Damaged)?;
        let id = sealed_with(sealed).ok_or(Unreadable::Damaged)?;
        let keys = self.having(|keys| keys.seals.contains_key(&id));
        let key = keys.seals.get(&id).ok_or(Unreadable::UnknownKey(id))?;
        decrypt(key, header, rest, &context.bytes())
    }

    /// An error when the value needs a key that is not here. A value that was erased needs none.
    pub fn has_key_of(&self, sealed: &Sealed) -> Result<(), Unreadable> {
        let Some(id) = sealed_with(sealed) else { return Ok(()) };
        let keys = self.having(|keys| keys.seals.contains_key(&id));
        if keys.seals.contains_key(&id) { Ok(()) } else { Err(Unreadable::UnknownKey(id)) }
    }

    /// The same value, sealed with the active key; `None`: it is.
    pub fn rewrap(
        &self,
        context: &SealContext,
        sealed: &Sealed,
        entropy: &dyn Entropy,
    ) -> Result<Option<Sealed>, Unreadable> {
        if sealed_with(sealed) == Some(self.active()) {
            return Ok(None);
        }
        self.seal(context, &self.open(context, sealed)?, entropy).map(Some)
    }

    /// An HMAC, so that a copy of the database alone does not allow guessing short codes or request bodies offline.
    pub fn digest(&self, context: &SealContext, value: &[u8]) -> Result<KeyedDigest, Unreadable> {
        self.digest_with(self.active(), context, value)
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
        let keys = self.having(|keys| keys.digests.contains_key(&key));
        let subkey = keys.digests.get(&key).ok_or(Unreadable::UnknownKey(key))?;
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(subkey.expose())
            .map_err(|_| Unreadable::Damaged)?;
        let context = context.bytes();
        mac.update(&u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(&context);
        mac.update(value);
        Ok(KeyedDigest { key, mac: mac.finalize().into_bytes().into() })
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys; read again from the source if they lack one, and if that was not tried a moment ago.
    fn having(&self, has: impl Fn(&Keys) -> bool) -> Arc<Keys> {
        let keys = self.keys();
        if has(&keys) {
            return keys;
        }
        let Some(source) = &self.source else { return keys };
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        // Another task may have read it while this one waited.
        let keys = self.keys();
        if has(&keys) || looked.is_some_and(|at| at.elapsed() < SOURCE_PAUSE) {
            return keys;
        }
        *looked = Some(Instant::now());
        if let Some(master) = source() {
            self.replace(&master);
        }
        self.keys()
    }
}

/// The key that the value says it was sealed with; `None`: it was sealed with no master key.
pub fn sealed_with(sealed: &Sealed) -> Option<KeyId> {
    match *sealed.0.split_at_checked(HEADER)?.0 {
        [VERSION, a, b, c, d] => Some(KeyId(u32::from_be_bytes([a, b, c, d]))),
        _ => None,
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
        cipher.encrypt(&nonce.into(), Payload { msg: value, aad: &aad }).map_err(|_| Unreadable::Damaged)?;
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
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(Unreadable::Damaged)?;
    let aad = [header, context].concat();
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let plain = cipher.decrypt(&(*nonce).into(), Payload { msg: ciphertext, aad: &aad });
    plain.map(Secret::new).map_err(|_| Unreadable::Damaged)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("active", &self.active()).finish_non_exhaustive()
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
