//! The file of master keys: one key on each line, 64 hexadecimal digits. The first key is the active one, which seals what
//! is new; the others still open what they sealed (key rotation). Blank lines and lines that begin with `#` are ignored, but
//! for those that say who rotated.
//!
//! ```text
//!   key            the first one: active; another one: old
//!   key new        added, and not active yet: every server must have it first
//!   digest ID KEY  what is left of a key that was dropped: it opens nothing, and only compares keyed digests
//! ```

use std::{collections::BTreeMap, fmt::Write as _};

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use tidegate_core::{Entropy, KeyId, Secret, Title};

use crate::{Keys, Subkeys};

#[derive(Clone)]
pub struct MasterFile {
    /// The first one is active.
    keys: Vec<MasterKey>,
    digests: Vec<(KeyId, Secret<[u8; 32]>)>,
    rotation: Option<KeyRotation>,
}

#[derive(Clone)]
struct MasterKey {
    key: Secret<[u8; 32]>,
    is_new: bool,
}

/// Who made the active key active, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    pub by: Title,
    pub reason: Title,
}

/// A key of the file, without the key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptKey {
    pub id: KeyId,
    pub state: KeyState,
}

/// What a key of the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It seals what is new.
    Active,
    /// It opens what servers seal that have made it active already.
    New,
    /// It opens what it sealed.
    Old,
    /// It opens nothing, and compares the keyed digests that were made with it.
    DigestsOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterFileError {
    #[error("line {line} is not a key: 64 hexadecimal digits")]
    NotAKey { line: usize },
    #[error("there is no key in it")]
    Empty,
    #[error("its first key is marked as new: the first one is the active one")]
    NoneActive,
}

const BY: &str = "# rotated by: ";
const REASON: &str = "# because: ";

impl MasterFile {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let first = MasterKey { key: Secret::new(entropy.bytes()), is_new: false };
        Self { keys: vec![first], digests: Vec::new(), rotation: None }
    }

    pub fn parse(text: &Secret<String>) -> Result<Self, MasterFileError> {
        let (mut keys, mut digests) = (Vec::new(), Vec::new());
        let (mut by, mut reason) = (None, None);
        for (number, line) in text.expose().lines().enumerate() {
            let line = line.trim();
            by = by.or_else(|| line.strip_prefix(BY)?.parse().ok());
            reason = reason.or_else(|| line.strip_prefix(REASON)?.parse().ok());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = MasterFileError::NotAKey { line: number + 1 };
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [digits] => keys.push(MasterKey { key: key(digits).ok_or(wrong)?, is_new: false }),
                [digits, "new"] => keys.push(MasterKey { key: key(digits).ok_or(wrong)?, is_new: true }),
                ["digest", id, digits] => {
                    let id = Some(id).filter(|id| id.len() == 8).ok_or(wrong)?;
                    let id = u32::from_str_radix(id, 16).map_err(|_| wrong)?;
                    digests.push((KeyId(id), key(digits).ok_or(wrong)?));
                }
                _ => return Err(wrong),
            }
        }
        match keys.first() {
            None => Err(MasterFileError::Empty),
            Some(first) if first.is_new => Err(MasterFileError::NoneActive),
            Some(_) => {
                let rotation = by.zip(reason).map(|(by, reason)| KeyRotation { by, reason });
                Ok(Self { keys, digests, rotation })
            }
        }
    }

    pub fn text(&self) -> Secret<String> {
        let mut text =
            String::from("# Tidegate's master keys. Without this file the database cannot be read.\n");
        if let Some(KeyRotation { by, reason }) = &self.rotation {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{BY}{by}\n{REASON}{reason}");
        }
        for MasterKey { key, is_new } in &self.keys {
            push(&mut text, key);
            text.push_str(if *is_new { " new\n" } else { "\n" });
        }
        for (id, digest) in &self.digests {
            let _ = write!(text, "digest {id} ");
            push(&mut text, digest);
            text.push('\n');
        }
        Secret::new(text)
    }

    /// Every key, the active one first.
    pub fn kept(&self) -> Vec<KeptKey> {
        let keys = self.keys.iter().enumerate().map(|(place, key)| KeptKey {
            id: id(&key.key),
            state: match (place, key.is_new) {
                (0, _) => KeyState::Active,
                (_, true) => KeyState::New,
                (_, false) => KeyState::Old,
            },
        });
        let digests = self.digests.iter().map(|(id, _)| KeptKey { id: *id, state: KeyState::DigestsOnly });
        keys.chain(digests).collect()
    }

    /// Adds a key that is not active yet.
    pub fn add(&mut self, entropy: &dyn Entropy) -> KeyId {
        let key = Secret::new(entropy.bytes());
        let new = id(&key);
        self.keys.push(MasterKey { key, is_new: true });
        new
    }

    /// Makes a new key the active one; `false` when there is no such key, or it is not new. A key that was replaced is never
    /// made active again.
    pub fn activate(&mut self, wanted: KeyId, rotation: KeyRotation) -> bool {
        let place = self.keys.iter().position(|key| key.is_new && id(&key.key) == wanted);
        let Some(place) = place else { return false };
        let key = self.keys.remove(place);
        self.keys.insert(0, MasterKey { is_new: false, ..key });
        self.rotation = Some(rotation);
        true
    }

    /// Drops an old key, or what was left of it. With `digests` its digest key stays. `false`: there is no such key, or it is
    /// the active one.
    pub fn drop_key(&mut self, dropped: KeyId, digests: bool) -> bool {
        let before = (self.keys.len(), self.digests.len());
        let place = self.keys.iter().skip(1).position(|key| id(&key.key) == dropped);
        if let Some(place) = place {
            let MasterKey { key, .. } = self.keys.remove(place + 1);
            if digests {
                self.digests.push((dropped, derive(&key).digest));
            }
        } else if !digests {
            self.digests.retain(|(id, _)| *id != dropped);
        }
        before != (self.keys.len(), self.digests.len())
    }

    /// The active key's id, and every key's subkeys.
    pub(crate) fn keys(&self) -> Keys {
        let (mut seals, mut digests) = (BTreeMap::new(), BTreeMap::new());
        for MasterKey { key, .. } in &self.keys {
            let Subkeys { seal, digest } = derive(key);
            seals.insert(id(key), seal);
            digests.insert(id(key), digest);
        }
        digests.extend(self.digests.iter().cloned());
        let active = self.keys.first().map_or(KeyId(0), |key| id(&key.key));
        Keys { active, seals, digests, rotation: self.rotation.clone() }
    }
}

fn push(text: &mut String, key: &Secret<[u8; 32]>) {
    for byte in key.expose() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// An id that tells keys apart and reveals nothing of them.
fn id(key: &Secret<[u8; 32]>) -> KeyId {
    let digest = Sha256::new_with_prefix(b"tidegate/key-id").chain_update(key.expose()).finalize();
    KeyId(digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
}

/// One subkey for each purpose, by HKDF (RFC 5869).
fn derive(key: &Secret<[u8; 32]>) -> Subkeys {
    let hkdf = Hkdf::<Sha256>::new(None, key.expose());
    let subkey = |purpose: &str| {
        let mut out = [0; 32];
        // Fails only for outputs longer than 255 hashes.
        let _ = hkdf.expand(purpose.as_bytes(), &mut out);
        Secret::new(out)
    };
    Subkeys { seal: subkey("tidegate/1/seal"), digest: subkey("tidegate/1/digest") }
}

fn key(line: &str) -> Option<Secret<[u8; 32]>> {
    let mut key = [0; 32];
    if line.len() != 64 || !line.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(line.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::fixed_entropy::FixedEntropy;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let file = MasterFile::generate(&FixedEntropy);
        let again = MasterFile::parse(&file.text()).unwrap();
        assert_eq!(again.keys().active, file.keys().active);
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let text = Secret::new(format!("# keys\n{}\nnot a key\n", "07".repeat(32)));
        assert_eq!(MasterFile::parse(&text).err(), Some(MasterFileError::NotAKey { line: 3 }));
        assert_eq!(MasterFile::parse(&Secret::new(String::new())).err(), Some(MasterFileError::Empty));
    }

    /// What was sealed until now would not open any more.
    #[test]
    fn a_file_that_lacks_the_active_key_is_not_taken() {
        let old = MasterFile::generate(&FixedEntropy);
        let keyring = crate::Keyring::new(&old);
        let other = MasterFile::generate(&Counting::default());
        assert!(!keyring.replace(&other));
        assert_eq!(keyring.active(), old.keys().active);
        let mut newer = old.clone();
        let new = newer.add(&Counting::default());
        assert!(keyring.replace(&newer) && keyring.known().contains(&new));
    }

    #[test]
    fn keys_are_added_made_active_and_dropped() {
        let mut file = MasterFile::generate(&Counting::default());
        let old = file.kept()[0].id;
        let new = file.add(&Counting(AtomicU8::new(100)));
        let states =
            |file: &MasterFile| file.kept().iter().map(|key| (key.id, key.state)).collect::<Vec<_>>();
        assert_eq!(states(&file), [(old, KeyState::Active), (new, KeyState::New)]);
        let rotation = KeyRotation { by: "Ann".parse().unwrap(), reason: "yearly".parse().unwrap() };
        assert!(!file.drop_key(old, false), "the active key stays");
        assert!(file.activate(new, rotation.clone()));
        assert!(!file.activate(old, rotation.clone()), "a key that was replaced");
        let mut file = MasterFile::parse(&file.text()).unwrap();
        assert_eq!(states(&file), [(new, KeyState::Active), (old, KeyState::Old)]);
        assert_eq!(file.keys().rotation, Some(rotation));
        assert!(file.drop_key(old, true));
        let mut file = MasterFile::parse(&file.text()).unwrap();
        assert_eq!(states(&file), [(new, KeyState::Active), (old, KeyState::DigestsOnly)]);
        assert!(file.keys().seals.keys().eq([&new]) && file.keys().digests.len() == 2);
        assert!(file.drop_key(old, false) && !file.drop_key(old, false));
        assert_eq!(states(&file), [(new, KeyState::Active)]);
    }

    #[test]
    fn a_file_whose_first_key_is_new_has_no_active_one() {
        let text = Secret::new(format!("{} new\n", "07".repeat(32)));
        assert_eq!(MasterFile::parse(&text).err(), Some(MasterFileError::NoneActive));
    }

    #[derive(Default)]
    struct Counting(AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
