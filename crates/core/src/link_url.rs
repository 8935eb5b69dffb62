//! The page of a product that mailed links open. After `#` follow what the link does and its token.
//!
//! Mail programs, browsers and servers read a URL by different rules. An attacker looks for a URL
//! that they read differently: `https://kasa.example\@evil.example/` is a page of `kasa.example`
//! for browsers (WHATWG) and of `evil.example` for parsers of RFC 3986. So a URL is accepted only
//! if all of them read the same: the WHATWG parser writes it exactly as it read it, and it has no
//! character that RFC 3986 does not know (INV-31).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute URL of at most 500 bytes, in its normal form:
///
/// - The scheme is `https`, or `http` at `localhost` for development.
/// - The host is in lower case, an internationalised one as A-labels, an IP address in its usual
///   form.
/// - There is no user, no default port, no dot segment and no fragment. There may be a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkUrl(String);

/// Why a text is no link URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkUrlError {
    #[error("must be an absolute URL of at most {MAX_BYTES} bytes")]
    NoUrl,
    #[error("must begin with https://, or with http://localhost in development")]
    Scheme,
    /// Of a public page only.
    #[error("must begin with https://")]
    NotHttps,
    #[error("must name no user and no password")]
    User,
    #[error("must have no #: a token follows it")]
    Fragment,
    #[error("must have no character that RFC 3986 wants percent-encoded")]
    Character,
    #[error("must be written in its normal form, {normal}")]
    NotNormal { normal: String },
}

pub(crate) const MAX_BYTES: usize = 500;

impl LinkUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LinkUrl {
    type Error = LinkUrlError;
    fn try_from(text: String) -> Result<Self, LinkUrlError> {
        let url = Some(&text).filter(|text| text.len() <= MAX_BYTES).and_then(|text| Url::parse(text).ok());
        let url = url.ok_or(LinkUrlError::NoUrl)?;
        let local = url.scheme() == "http" && url.host_str() == Some("localhost");
        // The user is checked before the normal form, so that no error repeats a password.
        if !url.username().is_empty() || url.password().is_some() {
            Err(LinkUrlError::User)
        } else if url.scheme() != "https" && !local {
            Err(LinkUrlError::Scheme)
        } else if url.fragment().is_some() {
            Err(LinkUrlError::Fragment)
        } else if url.as_str() != text {
            Err(LinkUrlError::NotNormal { normal: url.into() })
        } else if !is_path_or_query(url.path()) || !url.query().is_none_or(is_path_or_query) {
            Err(LinkUrlError::Character)
        } else {
            Ok(Self(text))
        }
    }
}

/// RFC 3986 §3.3 and §3.4: unreserved, sub-delims, `:`, `@`, `/`, `?`, and `%` before two hexadecimal digits.
pub(crate) fn is_path_or_query(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
    let mut escapes = text.split('%').skip(1);
    let hexadecimal = |two: &[u8]| two.iter().all(u8::is_ascii_hexdigit);
    text.bytes().all(plain) && escapes.all(|rest| rest.as_bytes().get(..2).is_some_and(hexadecimal))
}

impl FromStr for LinkUrl {
    type Err = LinkUrlError;
    fn from_str(text: &str) -> Result<Self, LinkUrlError> {
        Self::try_from(text.to_owned())
    }
}

impl From<LinkUrl> for String {
    fn from(url: LinkUrl) -> Self {
        url.0
    }
}

impl fmt::Display for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> LinkUrlError {
        text.parse::<LinkUrl>().err().unwrap_or_else(|| panic!("{text} is accepted"))
    }

    #[test]
    fn pages_that_every_parser_reads_alike_are_accepted() {
        for text in [
            "https://kasa.example/",
            "https://kasa.example/confirm?lang=de&x=%C3%A4",
            "https://kasa.example:8443/@kasa/confirm",
            "https://xn--bcher-kva.example/confirm",
            "https://192.0.2.1/confirm",
            "https://[2001:db8::1]/confirm",
            "http://localhost/confirm",
            "http://localhost:3000/confirm",
        ] {
            assert_eq!(text.parse::<LinkUrl>().map(String::from).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_user_is_refused_and_a_password_not_repeated() {
        for text in
            ["https://u:p@kasa.example/", "https://u@kasa.example/", "ht\ttps://:pass@kasa.example\\x"]
        {
            assert_eq!(refused(text), LinkUrlError::User, "{text}");
        }
    }

    #[test]
    fn what_is_not_normal_is_refused_with_the_normal_form() {
        for (text, normal) in [
            ("https://kasa.example", "https://kasa.example/"),
            ("https://kasa.example\\@evil.example/", "https://kasa.example/@evil.example/"),
            ("https:\\\\kasa.example/", "https://kasa.example/"),
            ("https:kasa.example/", "https://kasa.example/"),
            ("https:///kasa.example/", "https://kasa.example/"),
            ("https://@kasa.example/", "https://kasa.example/"),
            ("HTTPS://kasa.example/", "https://kasa.example/"),
            (" https://kasa.example/", "https://kasa.example/"),
            ("https://kasa.ex\tample/\n", "https://kasa.example/"),
            ("https://KASA.example/", "https://kasa.example/"),
            ("https://k%61sa.example/", "https://kasa.example/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://kasa。example/", "https://kasa.example/"),
            ("https://kasa.example:443/", "https://kasa.example/"),
            ("https://kasa.example:/", "https://kasa.example/"),
            ("https://kasa.example:08443/", "https://kasa.example:8443/"),
            ("https://kasa.example/a/../b/./c", "https://kasa.example/b/c"),
            ("https://kasa.example/a/%2e%2E/b", "https://kasa.example/b"),
            ("https://kasa.example/ä b", "https://kasa.example/%C3%A4%20b"),
            ("https://0x7f.1/", "https://127.0.0.1/"),
            ("https://2130706433/", "https://127.0.0.1/"),
            ("https://0177.0.0.1/", "https://127.0.0.1/"),
            ("https://[2001:DB8:0::1]/", "https://[2001:db8::1]/"),
            ("http://LOCALHOST:80/", "http://localhost/"),
        ] {
            assert_eq!(refused(text), LinkUrlError::NotNormal { normal: normal.to_owned() }, "{text}");
        }
    }

    #[test]
    fn other_schemes_hosts_fragments_and_characters_are_refused() {
        for (text, why) in [
            ("", LinkUrlError::NoUrl),
            ("confirm", LinkUrlError::NoUrl),
            ("https://", LinkUrlError::NoUrl),
            ("https:///", LinkUrlError::NoUrl),
            ("https://kasa.example:99999/", LinkUrlError::NoUrl),
            ("https://kasa .example/", LinkUrlError::NoUrl),
            ("https://256.0.0.1/", LinkUrlError::NoUrl),
            ("javascript:alert(1)", LinkUrlError::Scheme),
            ("http://kasa.example/", LinkUrlError::Scheme),
            ("http://127.0.0.1/", LinkUrlError::Scheme),
            ("http://localhost.evil.example/", LinkUrlError::Scheme),
            ("http://localhost@evil.example/", LinkUrlError::User),
            ("https://a.example/#x", LinkUrlError::Fragment),
            ("https://a.example/#", LinkUrlError::Fragment),
            ("https://a.example/a|b", LinkUrlError::Character),
            ("https://a.example/?a\\b", LinkUrlError::Character),
            ("https://a.example/%zz", LinkUrlError::Character),
            ("https://a.example/%4", LinkUrlError::Character),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
        assert_eq!(refused(&format!("https://a.example/{}", "x".repeat(500))), LinkUrlError::NoUrl);
    }
}
