//! How long a new password must be.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// Unicode characters of the shortest password that may be chosen, in NFC.
///
/// The standard asks for 15 where the password is the only factor, and for 8 where it is always followed by a second one
/// (SP 800-63B-4 §3.1.1.2). It also asks that 64 characters are accepted, so that no minimum is above that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct PasswordLength(u8);

impl PasswordLength {
    const ACCEPTED: RangeInclusive<u8> = 8..=64;

    pub const fn characters(self) -> usize {
        self.0 as usize
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for PasswordLength {
    fn default() -> Self {
        Self(15)
    }
}

impl TryFrom<u8> for PasswordLength {
    type Error = Malformed;
    fn try_from(characters: u8) -> Result<Self, Malformed> {
        let accepted = Self::ACCEPTED.contains(&characters).then_some(Self(characters));
        accepted.ok_or(Malformed("be 8 to 64"))
    }
}

impl From<PasswordLength> for u8 {
    fn from(length: PasswordLength) -> Self {
        length.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_is_between_8_and_64() {
        let accepted = (0..=u8::MAX).filter(|characters| PasswordLength::try_from(*characters).is_ok());
        assert_eq!(accepted.collect::<Vec<_>>(), (8..=64).collect::<Vec<_>>());
    }
}
