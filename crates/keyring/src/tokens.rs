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
    /// All refresh tokens of a session begin with the same half: see `series`.
    Refresh,
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
            Self::Refresh => "tgf_",
            Self::Credential => "",
        }
    }

    pub fn mint(self, entropy: &dyn Entropy) -> (Secret<String>, TokenDigest) {
        finished::<32>(String::from(self.prefix()), entropy)
    }

    /// A successor of the token in its series: the first half stays, the second one is new. So a series of any length is found
    /// by one digest, and who never had one of its tokens can name none. `None` when it is no token of this kind.
    pub fn succeed(self, token: &str, entropy: &dyn Entropy) -> Option<(Secret<String>, TokenDigest)> {
        self.digest(token)?;
        Some(finished::<16>(self.half(token)?.to_owned(), entropy))
    }

    /// The digest that all tokens of a series share; `None` when it is no token of this kind.
    pub fn series(self, token: &str) -> Option<TokenDigest> {
        self.digest(token)?;
        self.half(token).map(digest)
    }

    fn half(self, token: &str) -> Option<&str> {
        token.get(..self.prefix().len() + 32)
    }

    /// The digest under which the token is stored; `None` when it is no token of this kind.
    pub fn digest(self, token: &str) -> Option<TokenDigest> {
        let random = token.strip_prefix(self.prefix())?;
        let plain = random.len() == 64 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| digest(token))
    }
}

/// The text with so many random bytes after it.
fn finished<const N: usize>(mut text: String, entropy: &dyn Entropy) -> (Secret<String>, TokenDigest) {
    let random: [u8; N] = entropy.bytes();
    for byte in random {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let digest = digest(&text);
    (Secret::new(text), digest)
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

    #[test]
    fn inv_24_a_series_is_found_by_each_of_its_tokens_and_by_no_other_kind() {
        let (first, _) = TokenKind::Refresh.mint(&FixedEntropy);
        let first = first.expose().replace('0', "f");
        let (second, kept) = TokenKind::Refresh.succeed(&first, &FixedEntropy).unwrap();
        assert_ne!(first, *second.expose());
        assert!(TokenKind::Refresh.digest(second.expose()).unwrap().matches(&kept));
        let series = TokenKind::Refresh.series(&first).unwrap();
        assert!(TokenKind::Refresh.series(second.expose()).unwrap().matches(&series));
        assert!(TokenKind::Refresh.series(&first[..36]).is_none(), "a half is no token");
        assert!(TokenKind::Session.series(&first).is_none());
    }
}
