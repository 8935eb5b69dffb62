//! Names of accounts: the addresses that people type, and ids.

use proptest::{collection::vec, prelude::*, sample::select};
use tidegate_core::{AccountId, ChallengeId, Email, Identifier, LabelText, LinkUrl, Title};
use uuid::Uuid;

const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";

/// Pieces that fold, compose, vanish, or look like another.
const PIECES: &[&str] = &[
    "@",
    ".",
    " ",
    "+",
    "-",
    "a",
    "A",
    "xn--",
    "＠",
    "．",
    "。",
    "\u{3000}",
    "\u{a0}",
    "ß",
    "ẞ",
    "ς",
    "Σ",
    "İ",
    "ı",
    "ſ",
    "K",
    "Å",
    "ﬁ",
    "㎏",
    "℡",
    "Ǆ",
    "ü",
    "Ü",
    "u\u{308}",
    "\u{345}",
    "\u{301}",
    "\u{ad}",
    "\u{200d}",
    "\u{200b}",
    "\u{feff}",
    "ⓐ",
    "½",
    "¼",
    "Ω",
    "ᾳ",
    "가",
    "אב",
    "١",
    "\u{1}",
    "\u{0}",
    "example.com",
    "Bücher.example",
    "＠Bücher.example",
];

fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Pieces of URLs that parsers read differently.
const URL_PIECES: &[&str] = &[
    "https://",
    "http://",
    "https:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "%",
    "%2f",
    "%2e",
    "%40",
    ".",
    "..",
    "[",
    "]",
    "::1",
    "|",
    "^",
    "\t",
    " ",
    "kasa.example",
    "evil.example",
    "localhost",
    "KASA",
    "user",
    ":443",
    ":8443",
    "0x7f",
    "127.0.0.1",
    "ß",
    "。",
    "＠",
    "xn--",
    "a=b",
    "&",
];

fn url() -> impl Strategy<Value = String> {
    let pieces = vec(select(URL_PIECES), 0..8).prop_map(|pieces| pieces.concat());
    pieces.prop_flat_map(|rest| {
        select(vec!["https://kasa.example", "https://", "http://localhost", ""])
            .prop_map(move |begin| format!("{begin}{rest}"))
    })
}

fn account(bits: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(bits))
}

proptest! {
    #![proptest_config(super::cases(2_000))]

    #[test]
    fn inv_28_the_canonical_form_of_a_canonical_form_is_itself(typed in typed()) {
        let once = Identifier::of(&typed);
        prop_assert_eq!(&Identifier::of(once.as_str()), &once, "{:?}", typed);
    }

    /// An address that was accepted is found again under each of its spellings.
    #[test]
    fn inv_28_an_address_is_found_by_its_own_spellings(typed in typed()) {
        if let Ok(email) = Email::parse(&typed) {
            prop_assert_eq!(&Identifier::of(email.as_typed()), email.canonical());
            prop_assert_eq!(&Identifier::of(email.canonical().as_str()), email.canonical());
            prop_assert_eq!(&Identifier::of(&format!(" {typed}\t")), email.canonical());
            let local = email.canonical().as_str().rsplit_once('@').map(|(local, _)| local.to_owned());
            prop_assert!(local.is_some_and(|local| !local.is_empty()));
        }
    }

    /// A parser of RFC 3986 finds the same host as the parser that accepted the URL.
    #[test]
    fn inv_31_a_link_url_has_one_host_for_every_parser(text in url()) {
        if let Ok(link) = text.parse::<LinkUrl>() {
            prop_assert_eq!(link.as_str(), &text);
            let (_, rest) = text.split_once("://").unwrap();
            let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
            let uri: http::Uri = text.parse().unwrap();
            prop_assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some(authority));
            prop_assert!(!authority.contains('@'), "{}", authority);
        }
    }

    /// A stored text is read again as it is.
    #[test]
    fn text_that_people_read_has_one_form(typed in typed()) {
        if let Ok(title) = typed.parse::<Title>() {
            prop_assert_eq!(&title.as_str().parse::<Title>().unwrap(), &title);
            prop_assert!(title.names_the_same_as(&title.as_str().to_uppercase().parse().unwrap_or(title.clone())));
        }
        if let Ok(label) = typed.parse::<LabelText>() {
            prop_assert_eq!(&label.as_str().parse::<LabelText>().unwrap(), &label);
        }
    }

    #[test]
    fn an_id_survives_its_text_and_sorts_like_it(one: u128, other: u128) {
        let [one, other] = [one, other].map(account);
        prop_assert_eq!(one.to_string().parse(), Ok(one));
        prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
        prop_assert!(one.to_string().parse::<ChallengeId>().is_err());
    }

    #[test]
    fn an_id_with_another_letter_is_another_id_or_none(bits: u128, place in 0_usize..31, letter: char) {
        let id = account(bits);
        let mut text: Vec<char> = id.to_string().chars().collect();
        prop_assume!(text[place] != letter);
        text[place] = letter;
        let text = String::from_iter(text);
        let read = text.parse::<AccountId>();
        // The first five letters are `acct_`. A letter outside the alphabet is not accepted.
        if place < 5 || !ALPHABET.contains(letter) {
            prop_assert!(read.is_err(), "{}", text);
        }
        prop_assert_ne!(read, Ok(id));
    }

    #[test]
    fn an_id_of_another_length_is_none(bits: u128, place in 0_usize..31, letter in 0..ALPHABET.len()) {
        let text = account(bits).to_string();
        let (mut longer, mut shorter) = (text.clone(), text);
        longer.insert_str(place, &ALPHABET[letter..=letter]);
        shorter.remove(place);
        prop_assert!(longer.parse::<AccountId>().is_err(), "{}", longer);
        prop_assert!(shorter.parse::<AccountId>().is_err(), "{}", shorter);
    }
}
