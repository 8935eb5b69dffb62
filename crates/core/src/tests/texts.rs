//! Addresses, identifiers and times, as people and programs write them.

use tidegate_fuzz::fuzz;

use crate::{Email, Identifier, Timestamp, is_readable};

/// A folded character becomes at most 18 (U+FDFA), each of at most 4 bytes, and a domain name may grow by its Punycode.
const GROWTH: usize = 128;

/// Bytes of an identifier that a caller sends.
const MAX_TYPED: usize = 1_024;

const ADDRESSES: &[&str] = &[
    "Ann@Example.COM",
    "straße@faß.example",
    "a@Bücher.example",
    "ann+tag@xn--bcher-kva.example",
    "ann＠example。com",
    "ann@نامه\u{200c}ای.example",
    "\"a b\"@example.com",
    "u-1",
];

#[test]
fn inv_28_the_canonical_form_of_any_text_is_its_own() {
    fuzz!(4_000, ADDRESSES, |input| {
        let text = input.text();
        // A longer one is refused before it is compared.
        let text = &text[..text.floor_char_boundary(MAX_TYPED)];
        let identifier = Identifier::of(text);
        assert_eq!(Identifier::of(identifier.as_str()), identifier, "{}", text.escape_unicode());
        assert!(identifier.as_str().len() <= GROWTH * text.len().max(1));
        let json = serde_json::to_string(&identifier).unwrap();
        assert_eq!(serde_json::from_str::<Identifier>(&json).unwrap(), identifier);
    });
}

#[test]
fn inv_28_an_address_is_bounded_and_reaches_one_mailbox() {
    fuzz!(4_000, ADDRESSES, |input| {
        let text = input.text();
        let Ok(email) = Email::parse(&text) else { return };
        assert_eq!(email.as_typed(), text.trim());
        assert_eq!(*email.canonical(), Identifier::of(&text));
        let again = Email::parse(email.as_typed()).unwrap();
        assert_eq!(again, email);
        let mailed = email.destination().smtp_address().unwrap();
        let (local, domain) = mailed.rsplit_once('@').unwrap();
        assert!(local.len() <= 64 && mailed.len() <= 254 && domain.is_ascii(), "{mailed}");
        assert!(
            mailed.chars().all(|c| is_readable(c) && !c.is_whitespace() && !"<>\",;".contains(c)),
            "{mailed}"
        );
        assert_eq!(Identifier::of(&mailed), *email.canonical(), "{mailed} is another person's");
        assert!(email.masked().chars().count() <= 254);
        let json = serde_json::to_string(&email).unwrap();
        assert_eq!(serde_json::from_str::<Email>(&json).unwrap(), email);
    });
}

#[test]
fn a_time_that_is_read_is_written_the_same() {
    let examples = [
        "2021-12-06T01:00:00+01:00",
        "1970-01-01T00:00:00.123456789Z",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00+23:59",
        "2016-12-31T23:59:60Z",
        "-9223372036854775808 µs",
    ];
    fuzz!(2_000, examples, |input| {
        let text = input.text();
        if let Some(at) = Timestamp::from_rfc3339(&text) {
            let json = serde_json::to_string(&at).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at, "{json}");
        }
        if let Ok(at) = serde_json::from_value::<Timestamp>(text.into_owned().into()) {
            let json = serde_json::to_string(&at).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at, "{json}");
        }
    });
}
