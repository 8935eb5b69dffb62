//! Names that people choose and type: realms, products, rollouts; external ids; countries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A value that is not what its type allows; the text completes "must …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must {0}")]
pub struct Malformed(pub &'static str);

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $check:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        /// Hashed and compared like the text it is.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                $check(&text)?;
                Ok(Self(text))
            }
        }
        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::try_from(text.to_owned())
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

texts! {
    /// A realm's immutable name.
    RealmKey = key;
    /// A product's immutable name within its realm.
    ProductKey = key;
    /// A rollout's immutable name within its realm.
    RolloutKey = key;
    /// A customer's immutable name within its realm.
    CustomerKey = key;
    /// What a label is called.
    LabelName = label_name;
    /// What a label says: 1 to 100 characters, no control characters.
    LabelText = label_text;
    /// The caller's own name for an account; unique in its realm.
    ExternalId = external_id;
    /// ISO 3166-1 alpha-2, upper case.
    Country = country;
    /// What a person reads: 1 to 200 characters, no control characters.
    Title = title;
    /// An app's own name for the device it runs on. Binds, and proves nothing.
    DeviceId = device_id;
    /// A page of a product; a token is appended behind `#`.
    LinkUrl = link_url;
}

impl Title {
    /// Whether both are the name of one person, however it is spelled.
    pub fn names_the_same_as(&self, other: &Self) -> bool {
        let plain = |title: &Self| title.0.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        plain(self) == plain(other)
    }
}

fn key(text: &str) -> Result<(), Malformed> {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if first && letters && text.len() <= 63 && !text.ends_with('-') {
        return Ok(());
    }
    Err(Malformed("be 1 to 63 of a-z, 0-9 and -, begin with a letter and not end with -"))
}

fn label_name(text: &str) -> Result<(), Malformed> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if (1..=63).contains(&text.len()) && text.bytes().all(letters) {
        return Ok(());
    }
    Err(Malformed("be 1 to 63 of a-z, 0-9, -, _ and ."))
}

fn label_text(text: &str) -> Result<(), Malformed> {
    if (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Malformed("be 1 to 100 characters without control characters"))
}

fn external_id(text: &str) -> Result<(), Malformed> {
    if text.starts_with("acct_") {
        return Err(Malformed("not begin with acct_, which names Tidegate's own ids"));
    }
    if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Malformed("be 1 to 128 printable ASCII characters without blanks"))
}

fn country(text: &str) -> Result<(), Malformed> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(Malformed("be two upper-case letters (ISO 3166-1 alpha-2)"))
}

fn title(text: &str) -> Result<(), Malformed> {
    if (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Malformed("be 1 to 200 characters without control characters"))
}

fn device_id(text: &str) -> Result<(), Malformed> {
    if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Malformed("be 1 to 128 printable ASCII characters without blanks"))
}

fn link_url(text: &str) -> Result<(), Malformed> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('#') && text.len() <= 500;
    let secure = text.strip_prefix("https://").is_some_and(|host| !host.is_empty());
    if plain && (secure || text.strip_prefix("http://localhost").is_some_and(is_port_and_path)) {
        return Ok(());
    }
    Err(Malformed("begin with https:// (or http://localhost/), in ASCII, at most 500 characters, without #"))
}

/// What may follow the machine's own name, so that no other name begins with it.
fn is_port_and_path(rest: &str) -> bool {
    let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port_is_sound = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    port_is_sound && (path.is_empty() || path.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lower_case_words() {
        assert!("kasa-two-step".parse::<RolloutKey>().is_ok());
        for text in ["", "Kasa", "1a", "a_b", "a-", &"a".repeat(64)] {
            assert!(text.parse::<RolloutKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_external_id_cannot_be_mistaken_for_an_account_id() {
        assert!("acct_1".parse::<ExternalId>().is_err());
        assert!("user-1@x".parse::<ExternalId>().is_ok());
    }

    #[test]
    fn a_link_url_is_secure_and_has_room_for_the_token() {
        assert!("https://kasa.example/confirm".parse::<LinkUrl>().is_ok());
        assert!("http://localhost:3000/confirm".parse::<LinkUrl>().is_ok());
        for text in [
            "http://kasa.example",
            "http://localhost.evil.example/",
            "http://localhost@evil.example",
            "https://",
            "https://a.example/#x",
            "javascript:alert(1)",
        ] {
            assert!(text.parse::<LinkUrl>().is_err(), "{text}");
        }
    }
}
