//! Email addresses: kept as typed, compared in canonical form.
//!
//! Canonical: trimmed, NFKC and case folded, the domain by IDNA (UTS 46). Dots and `+tags` stay,
//! because only the mail provider knows what they mean.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

use crate::Malformed;

/// A deliverable address. Mail goes to `as_typed`; identity is `canonical`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    typed: String,
    canonical: Identifier,
}

/// What a person types to say who they are, in canonical form; not necessarily anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identifier(String);

const NOT_AN_ADDRESS: Malformed = Malformed("be an email address of at most 254 bytes");

impl Identifier {
    /// Never fails: what is nobody's address is an unknown identifier. Repeated until nothing moves, because
    /// folding can bring forth an `@`, and IDNA letters that fold.
    pub fn of(typed: &str) -> Self {
        let mut last = typed.to_owned();
        for _ in 0..4 {
            let next = once(&last);
            if next == last {
                break;
            }
            last = next;
        }
        Self(last)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    pub fn parse(typed: &str) -> Result<Self, Malformed> {
        let typed = typed.trim();
        let canonical = Identifier::of(typed);
        let (local, domain) = canonical.0.rsplit_once('@').ok_or(NOT_AN_ADDRESS)?;
        let plain =
            |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        // What was typed must itself be an address: mail goes to it, not to its canonical form.
        let sound = typed.contains('@')
            && plain(local)
            && plain(domain)
            && local.len() <= 64
            && canonical.0.len() <= 254
            && typed.len() <= 254
            && idna::domain_to_ascii_strict(domain).is_ok()
            && !local.contains(['<', '>', '"', ',', ';', ':', '\\', '(', ')', '[', ']']);
        if sound { Ok(Self { typed: typed.to_owned(), canonical }) } else { Err(NOT_AN_ADDRESS) }
    }

    /// For `store`, which kept both.
    pub fn restored(typed: String, canonical: String) -> Self {
        Self { typed, canonical: Identifier(canonical) }
    }

    pub fn as_typed(&self) -> &str {
        &self.typed
    }
    pub const fn canonical(&self) -> &Identifier {
        &self.canonical
    }
    /// `a…@example.com`: enough for the owner to know it, too little for anybody else.
    pub fn masked(&self) -> String {
        let (local, domain) = self.typed.rsplit_once('@').unwrap_or((&self.typed, ""));
        let first = local.chars().next().unwrap_or('…');
        format!("{first}…@{domain}")
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

fn once(text: &str) -> String {
    let folded = folded(text);
    match folded.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain_of(domain)),
        None => folded,
    }
}

/// NFKC and case folding; each can undo the other's normal form, so both run twice.
fn folded(text: &str) -> String {
    let (normal, fold) = (ComposingNormalizerBorrowed::new_nfkc(), CaseMapper::new());
    let folded = normal.normalize(&fold.fold_string(&normal.normalize(text))).into_owned();
    normal.normalize(&fold.fold_string(&folded)).trim().to_owned()
}

fn domain_of(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| folded(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_identifier() {
        let one = Identifier::of("ann@example.com");
        for other in [" Ann@Example.COM ", "ＡＮＮ@example.com", "ann@EXAMPLE.com"] {
            assert_eq!(Identifier::of(other), one, "{other}");
        }
        assert_eq!(Identifier::of("a@Bücher.example"), Identifier::of("a@xn--bcher-kva.example"));
        assert_ne!(Identifier::of("a.nn+x@example.com"), one);
    }

    #[test]
    fn what_mail_cannot_reach_is_no_address() {
        for text in ["", "ann", "@x", "ann@", "a b@x.org", "ann@-.org", "<ann@x.org>", "a@b\r\nBcc: c@d"] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert_eq!(Email::parse("Änn@example.com").unwrap().masked(), "Ä…@example.com");
    }
}
