//! Email addresses: kept and mailed as typed, compared in canonical form.
//!
//! One grammar decides which addresses are accepted and sent to: that of the mail library (RFC 5321
//! §4.1.2, RFC 6531 §3.3). An address is a dot-string of at most 64 bytes, `@`, and a domain name
//! that UTS 46 turns into A-labels. It has at most 254 bytes, as typed and as mailed (RFC 5321
//! §4.5.3). Two things that the standards allow are refused:
//!
//! - Quoted local parts and address literals. Hardly any provider gives them to a person.
//! - Characters that are not readable. A reader would take the address for another one.
//!
//! The canonical form is for comparison only. The local part is in NFKC and case folded. The domain
//! follows UTS 46, non-transitional and without any folding before it, because `faß.example` and
//! `fass.example` are two domains with two owners. Dots and `+tags` stay, because only the mail
//! provider knows what they mean.

use std::fmt;

use email_address::EmailAddress;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use url::Host;

use crate::{
    Malformed,
    text::{folded, is_readable},
};

/// An address that mail can be sent to. Mail goes to `destination`; the account is found by
/// `canonical`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    typed: String,
    canonical: Identifier,
}

/// What a person types to say who they are, in canonical form. It may be no address at all, and
/// belong to no account. It is compared, and never becomes a [`Destination`]: a folded address may
/// be another person's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identifier(String);

/// Where a mail goes (INV-28, INV-30): the address of an account as it was typed. Only an [`Email`]
/// makes one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Destination(String);

const NOT_AN_ADDRESS: Malformed = Malformed(
    "be an email address: at most 64 bytes, @ and a domain name, 254 bytes in all; \
     without quotes, brackets and invisible characters",
);
const MAX_BYTES: usize = 254;
/// An `@`, and the characters that NFKC turns into one.
const AT: [char; 3] = ['@', '＠', '﹫'];

impl Identifier {
    /// Never fails: a text that is no address becomes an identifier that no account has.
    pub fn of(typed: &str) -> Self {
        let typed = typed.trim();
        Self(match typed.rsplit_once(AT) {
            Some((local, domain)) => format!("{}@{}", folded(local), compared(domain)),
            None => folded(typed),
        })
    }

    /// Only for a canonical form that was stored.
    pub const fn restored(canonical: String) -> Self {
        Self(canonical)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    pub fn parse(typed: &str) -> Result<Self, Malformed> {
        let typed = typed.trim();
        smtp_address(typed).ok_or(NOT_AN_ADDRESS)?;
        let canonical = Identifier::of(typed);
        // The canonical form must itself be an address whose canonical form it is (INV-28).
        let (local, _) = canonical.0.rsplit_once('@').ok_or(NOT_AN_ADDRESS)?;
        let sound = is_dot_string(local)
            && canonical.0.len() <= MAX_BYTES
            && Identifier::of(&canonical.0) == canonical;
        if sound { Ok(Self { typed: typed.to_owned(), canonical }) } else { Err(NOT_AN_ADDRESS) }
    }

    /// Only for `store`, which keeps both forms.
    pub fn restored(typed: String, canonical: String) -> Self {
        Self { typed, canonical: Identifier(canonical) }
    }

    pub fn as_typed(&self) -> &str {
        &self.typed
    }
    pub const fn canonical(&self) -> &Identifier {
        &self.canonical
    }
    pub fn destination(&self) -> Destination {
        Destination(self.typed.clone())
    }
    /// `a…@example.com`: the owner recognises it, and other people learn too little.
    pub fn masked(&self) -> String {
        let (local, domain) = self.typed.rsplit_once('@').unwrap_or((&self.typed, ""));
        let (host, suffix) =
            domain.rsplit_once('.').map_or((domain, ""), |(host, _)| (host, &domain[host.len()..]));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        format!("{}…@{}…{suffix}", first(local), first(host))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl Destination {
    /// The address as its owner typed it.
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    /// The address for SMTP: the local part as typed, the domain as A-labels. Fails for an address
    /// that was stored before the grammar refused it.
    pub fn smtp_address(&self) -> Result<String, Malformed> {
        smtp_address(&self.0).ok_or(NOT_AN_ADDRESS)
    }
}

fn smtp_address(typed: &str) -> Option<String> {
    let (local, domain) = typed.rsplit_once('@').filter(|_| typed.len() <= MAX_BYTES)?;
    // UTS 46 itself checks the joiners of a domain: in some scripts they tell two names apart.
    let readable = |c: char| is_readable(c) || matches!(c, '\u{200c}' | '\u{200d}');
    let domain = a_labels(domain).filter(|_| domain.chars().all(readable))?;
    let name = matches!(Host::parse(&domain), Ok(Host::Domain(_))) && EmailAddress::is_valid_domain(&domain);
    let address = format!("{local}@{domain}");
    (name && is_dot_string(local) && address.len() <= MAX_BYTES).then_some(address)
}

/// Atoms with dots between them. The mail library also accepts a quoted string, so a quote at the
/// start is refused here.
fn is_dot_string(local: &str) -> bool {
    let readable = local.chars().all(|c| is_readable(c) && !c.is_whitespace());
    readable && !local.starts_with('"') && EmailAddress::is_valid_local_part(local)
}

/// UTS 46 `ToASCII`, non-transitional: ß, ς and joiners keep their meaning.
fn a_labels(domain: &str) -> Option<String> {
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify);
    ascii.ok().map(std::borrow::Cow::into_owned)
}

/// The domain as it is compared. A text that is no domain may become one when it is folded.
fn compared(domain: &str) -> String {
    a_labels(domain).unwrap_or_else(|| {
        let folded = folded(domain);
        a_labels(&folded).unwrap_or(folded)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailed(typed: &str) -> String {
        Email::parse(typed).unwrap().destination().smtp_address().unwrap()
    }

    #[test]
    fn spellings_of_one_address_are_one_identifier() {
        let one = Identifier::of("ann@example.com");
        for other in [" Ann@Example.COM ", "ＡＮＮ@example.com", "ann@EXAMPLE.com", "ann＠example。com"]
        {
            assert_eq!(Identifier::of(other), one, "{other}");
        }
        assert_eq!(Identifier::of("a@Bücher.example"), Identifier::of("a@xn--bcher-kva.example"));
        assert_eq!(Identifier::of("straße@x.example"), Identifier::of("STRASSE@x.example"));
        assert_ne!(Identifier::of("a.nn+x@example.com"), one);
    }

    /// The two domains have two owners. Neither gets the other's mail or signs in to the other's
    /// account.
    #[test]
    fn inv_28_a_domain_is_never_folded_into_another_one() {
        for (typed, sent, other) in [
            ("ann@faß.example", "ann@xn--fa-hia.example", "ann@fass.example"),
            ("ann@βόλος.example", "ann@xn--nxasmm1c.example", "ann@βόλοσ.example"),
            ("ann@نامه\u{200c}ای.example", "ann@xn--mgba3gch31f060k.example", "ann@نامهای.example"),
        ] {
            assert_eq!(mailed(typed), sent);
            assert_ne!(Identifier::of(typed), Identifier::of(other));
            assert_eq!(Identifier::of(typed), Identifier::of(sent));
        }
        assert_eq!(mailed("Straße@FASS.example"), "Straße@fass.example");
    }

    #[test]
    fn what_mail_cannot_reach_is_no_address() {
        for text in [
            "",
            "ann",
            "@x",
            "ann@",
            "a b@x.org",
            "ann@-.org",
            "<ann@x.org>",
            "a@b\r\nBcc: c@d",
            "a@b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a,b@example.com",
            "a@example..com",
            "a@example.com.",
            "a@.example.com",
            "a@exa_mple.com",
            "a@xn--zzzz-.example",
            "\"a b\"@example.com",
            "\"a\"@example.com",
            "\"@example.com",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "a@[IPv6:2001:db8::1]",
            "a@0x7f.1",
            "ann＠example.com",
            "a．．b@example.com",
            "a＠b@example.com",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_with_unreadable_characters_is_refused() {
        for unseen in
            ["\u{200b}", "\u{ad}", "\u{202e}", "\u{2060}", "\u{feff}", "\u{e000}", "\u{378}", "\u{fe0f}"]
        {
            for text in [format!("an{unseen}n@example.com"), format!("ann@exam{unseen}ple.com")] {
                assert!(Email::parse(&text).is_err(), "{}", text.escape_unicode());
            }
        }
        for text in [
            "an\u{200d}n@example.com",
            "a\u{a0}n@example.com",
            "a\u{3000}n@example.com",
            "ann@a\u{200d}b.com",
        ] {
            assert!(Email::parse(text).is_err(), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn limits_are_bytes_as_typed_and_as_mailed() {
        let local = |bytes: usize| format!("{}@example.com", "a".repeat(bytes));
        assert!(Email::parse(&local(64)).is_ok());
        assert!(Email::parse(&local(65)).is_err());
        assert!(Email::parse(&format!("{}@example.com", "ä".repeat(33))).is_err());
        let labels = |bytes: usize| {
            let domain = [&"b".repeat(63), &"c".repeat(63), &"d".repeat(bytes)].map(String::as_str).join(".");
            format!("{}@{domain}", "a".repeat(64))
        };
        assert_eq!(labels(61).len(), 254);
        assert!(Email::parse(&labels(61)).is_ok());
        assert!(Email::parse(&labels(62)).is_err());
        assert!(Email::parse(&format!("a@{}.example", "b".repeat(64))).is_err());
        // 40 letters of two bytes are more than 63 bytes of Punycode.
        assert!(Email::parse(&format!("a@{}.example", "äöü".repeat(20))).is_err());
    }

    #[test]
    fn an_address_is_shown_to_its_owner_alone() {
        assert_eq!(Email::parse("Änn@example.com").unwrap().masked(), "Ä…@e….com");
    }
}
