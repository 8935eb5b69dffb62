//! Names that people choose and type: realms, products, rollouts; external ids; countries; titles.
//!
//! Identifiers are ASCII, and their limits are bytes. Text that people read is Unicode, and its limits are Unicode
//! characters (scalar values); it is kept in NFC, without blanks around it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::{look_alike, readable};

/// A value that is not what its type allows; the text completes "must …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must {0}")]
pub struct Malformed(pub &'static str);

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $read:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        /// A key is hashed and compared like its text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                $read(text).map(Self)
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
    /// The name of a label.
    LabelName = label_name;
    /// The value of a label: 1 to 100 Unicode characters.
    LabelText = label_text;
    /// The caller's own name for an account; unique in its realm.
    ExternalId = external_id;
    /// ISO 3166-1 alpha-2, upper case.
    Country = country;
    /// Text for people, 1 to 200 Unicode characters: titles, reasons, and holders of credentials.
    Title = title;
    /// An app's own name for the device it runs on. Tokens are bound to it, and it proves nothing.
    DeviceId = opaque;
    /// A time zone of the IANA database, as `Europe/Berlin`. Only its form is checked here: `tidegate_rollout::zones`
    /// has the database.
    ZoneName = zone_name;
    /// For whom an assertion is meant, often the address of a service.
    AssertionAudience = assertion_audience;
}

impl Title {
    /// Whether both are the name of one person, however it is spelled: whether a reader may take one for the other.
    pub fn names_the_same_as(&self, other: &Self) -> bool {
        look_alike(&self.0, &other.0)
    }
}

fn sound(text: String, sound: bool, must: &'static str) -> Result<String, Malformed> {
    if sound { Ok(text) } else { Err(Malformed(must)) }
}

fn key(text: String) -> Result<String, Malformed> {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let is_key = first && letters && text.len() <= 63 && !text.ends_with('-');
    sound(text, is_key, "be 1 to 63 bytes of a-z, 0-9 and -, begin with a letter and not end with -")
}

fn label_name(text: String) -> Result<String, Malformed> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let is_name = (1..=63).contains(&text.len()) && text.bytes().all(letters);
    sound(text, is_name, "be 1 to 63 bytes of a-z, 0-9, -, _ and .")
}

fn external_id(text: String) -> Result<String, Malformed> {
    if text.starts_with("acct_") {
        return Err(Malformed("not begin with acct_, which names Tidegate's own ids"));
    }
    opaque(text)
}

/// A name that another system chose.
fn opaque(text: String) -> Result<String, Malformed> {
    let printable = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    sound(text, printable, "be 1 to 128 bytes of printable ASCII without blanks")
}

fn assertion_audience(text: String) -> Result<String, Malformed> {
    let printable = (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    sound(text, printable, "be 1 to 200 bytes of printable ASCII without blanks")
}

fn zone_name(text: String) -> Result<String, Malformed> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'/');
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(letters);
    sound(text, is_name, "be a time zone of the IANA database, such as Europe/Berlin")
}

fn country(text: String) -> Result<String, Malformed> {
    let two_letters = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    sound(text, two_letters, "be two upper-case letters (ISO 3166-1 alpha-2)")
}

fn title(text: String) -> Result<String, Malformed> {
    let must = "be 1 to 200 Unicode characters, not all blank, without control and invisible characters";
    readable(&text, 200).ok_or(Malformed(must))
}

fn label_text(text: String) -> Result<String, Malformed> {
    let must = "be 1 to 100 Unicode characters, not all blank, without control and invisible characters";
    readable(&text, 100).ok_or(Malformed(must))
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
    fn what_people_read_is_kept_in_one_form() {
        let title = |text: &str| text.parse::<Title>().map(String::from);
        assert_eq!(title("  Ka\u{308}sa "), Ok("Käsa".to_owned()));
        assert_eq!("g\u{75}\u{308}ld ".parse::<LabelText>().map(String::from), Ok("güld".to_owned()));
        assert!(title(&"😀".repeat(200)).is_ok());
        // Counted in NFC: 400 code points as typed, 200 as kept.
        assert!(title(&"a\u{308}".repeat(200)).is_ok());
        for text in
            ["", "   ", "\u{3000}\u{a0}", &"ä".repeat(201), "a\u{200b}b", "\u{202e}asak", "a\nb", "\u{3164}"]
        {
            assert!(title(text).is_err(), "{}", text.escape_unicode());
            assert!(text.parse::<LabelText>().is_err(), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn a_person_is_one_person_however_the_name_is_spelled() {
        let ann: Title = "Ann Ångström".parse().unwrap();
        for same in [
            "ann ångström",
            " ANN  A\u{30a}NGSTRÖM",
            "Ann\u{a0}Ångström",
            "Ann\u{2009}Ångström",
            "Ann\u{3000}Ångström",
            "Ann\u{1680}Ångström",
            "Ａｎｎ Ångström",
            "AnnÅngström",
            "\u{410}nn \u{c5}ngstr\u{f6}m",
        ] {
            assert!(ann.names_the_same_as(&same.parse().unwrap()), "{same}");
        }
        let names = ["Işık".parse::<Title>().unwrap(), "IŞIK".parse().unwrap()];
        assert!(names[0].names_the_same_as(&names[1]));
        assert!(!ann.names_the_same_as(&"Anna Ångström".parse().unwrap()));
        // Kept before such characters were refused.
        let kept = Title("Ann \u{200b}Ång\u{ad}ström".to_owned());
        assert!(ann.names_the_same_as(&kept));
    }
}
