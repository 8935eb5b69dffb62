//! Bearer tokens: 256 random bits after a prefix that names the kind. They are stored only as digests (INV-24).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tidegate_core::{Entropy, Secret, TokenDigest};

/// What a token is for. A token of one kind is never looked up among those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    SignIn,
    Session,
    Device,
    Link,
    /// The secret part of a credential.
    Credential,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::SignIn => "tgi_",
            Self::Session => "tgs_",
            Self::Device => "tgd_",
            Self::Link => "tgl_",
            Self::Credential => "",
        }
    }

    pub fn mint(self, entropy: &dyn Entropy) -> (Secret<String>, TokenDigest) {
        let random: [u8; 32] = entropy.bytes();
        let mut text = String::from(self.prefix());
        for byte in random {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let digest = digest(&text);
        (Secret::new(text), digest)
    }

    /// The digest under which the token is stored; `None` when it is no token of this kind.
    pub fn digest(self, token: &str) -> Option<TokenDigest> {
        let random = token.strip_prefix(self.prefix())?;
        let plain = random.len() == 64 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| digest(token))
    }
}

fn digest(text: &str) -> TokenDigest {
    TokenDigest(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_entropy::FixedEntropy;

    #[test]
    fn inv_24_a_token_is_found_by_its_digest_and_only_as_its_kind() {
        let (token, kept) = TokenKind::Session.mint(&FixedEntropy);
        assert!(TokenKind::Session.digest(token.expose()).unwrap().matches(&kept));
        assert!(TokenKind::SignIn.digest(token.expose()).is_none());
        assert!(TokenKind::Session.digest("tgs_07").is_none());
        assert!(TokenKind::Session.digest(&token.expose().to_uppercase()).is_none());
    }
}
