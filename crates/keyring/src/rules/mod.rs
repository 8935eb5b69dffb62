//! The rules for a new password (SP 800-63B-4 §3.1.1.2). Pure functions.
//!
//! - Length, in Unicode code points after NFC. There are no rules of composition: neither digits nor capitals are asked
//!   for, and every character may be used.
//! - A password that an attacker tries early is refused: one of a list, repetitions, rows of the keyboard, dates, the
//!   account's own words, and whatever is put together from a few of these (`strength.rs`).
//!
//! A password that exists is never refused by these rules: they are for the moment at which one is chosen.

mod own_words;
mod strength;
#[cfg(test)]
mod tests;

use icu_normalizer::ComposingNormalizerBorrowed;
pub use own_words::OwnWords;
use strength::Strength;
use tidegate_core::{PasswordFlaw, Secret};

/// The shortest password where nothing is set: that of the standard for a password without a second factor.
pub const LEAST: usize = 15;
/// Unicode code points of the longest new password. The standard asks for at least 64.
const MOST: usize = 256;
/// Bytes of a new password in NFC, as it is hashed.
pub(crate) const MAX_BYTES: usize = 1_024;

/// What a new password is judged by.
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// Unicode code points of the shortest password.
    pub least: usize,
    pub own_words: OwnWords,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { least: LEAST, own_words: OwnWords::default() }
    }
}

/// Everything that is wrong with a new password. Empty: nothing. Takes some milliseconds.
pub fn flaws(password: &Secret<String>, rules: &PasswordRules) -> Vec<PasswordFlaw> {
    // The length is that of the NFC, which is hashed: one letter counts once, however it was typed.
    let normal = normal(password);
    let length = String::from_utf8_lossy(normal.expose()).chars().count();
    let mut flaws = Vec::new();
    if length < rules.least {
        flaws.push(PasswordFlaw::TooShort { least: rules.least });
    }
    if length > MOST || normal.expose().len() > MAX_BYTES {
        flaws.push(PasswordFlaw::TooLong { most: MOST });
    }
    flaws.extend(Strength::of(password, &rules.own_words).flaws(rules.least));
    flaws
}

/// NFC, and nothing else: no trimming, no folding.
pub(crate) fn normal(password: &Secret<String>) -> Secret<Vec<u8>> {
    let normal = ComposingNormalizerBorrowed::new_nfc().normalize(password.expose());
    Secret::new(normal.as_bytes().to_vec())
}

/// The form in which a password and words are compared: compatibility forms and capitals make no difference, because
/// they hardly delay an attacker.
fn folded(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text).to_lowercase()
}
