//! The file of master keys: one key on each line, 64 hexadecimal digits. The first key is the active one; the others
//! still open what they sealed (key rotation). Blank lines and lines that begin with `#` are ignored.

use std::{collections::BTreeMap, fmt::Write as _};

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use tidegate_core::{Entropy, KeyId, Secret};

use crate::Subkeys;

pub struct MasterFile {
    keys: Vec<Secret<[u8; 32]>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterFileError {
    #[error("line {line} is not a key: 64 hexadecimal digits")]
    NotAKey { line: usize },
    #[error("there is no key in it")]
    Empty,
}

impl MasterFile {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self { keys: vec![Secret::new(entropy.bytes())] }
    }

    pub fn parse(text: &Secret<String>) -> Result<Self, MasterFileError> {
        let mut keys = Vec::new();
        for (number, line) in text.expose().lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                keys.push(key(line).ok_or(MasterFileError::NotAKey { line: number + 1 })?);
            }
        }
        if keys.is_empty() { Err(MasterFileError::Empty) } else { Ok(Self { keys }) }
    }

    pub fn text(&self) -> Secret<String> {
        let mut text =
            String::from("# Tidegate's master keys. Without this file the database cannot be read.\n");
        for key in &self.keys {
            for byte in key.expose() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        Secret::new(text)
    }

    /// The active key's id, and every key's subkeys.
    pub(crate) fn subkeys(&self) -> (KeyId, BTreeMap<KeyId, Subkeys>) {
        let active = self.keys.first().map_or(KeyId(0), id);
        (active, self.keys.iter().map(|key| (id(key), derive(key))).collect())
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
    use super::*;
    use crate::fixed_entropy::FixedEntropy;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let file = MasterFile::generate(&FixedEntropy);
        let again = MasterFile::parse(&file.text()).unwrap();
        assert_eq!(again.subkeys().0, file.subkeys().0);
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let text = Secret::new(format!("# keys\n{}\nnot a key\n", "07".repeat(32)));
        assert_eq!(MasterFile::parse(&text).err(), Some(MasterFileError::NotAKey { line: 3 }));
        assert_eq!(MasterFile::parse(&Secret::new(String::new())).err(), Some(MasterFileError::Empty));
    }
}
