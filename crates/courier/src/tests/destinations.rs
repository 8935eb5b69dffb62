//! A mail goes to the address as it was typed, and every accepted address can be sent to.

use lettre::{Address, address::Envelope, message::Mailbox};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};
use tidegate_core::{Email, Id, MessagePurpose};

use super::{BEGIN, mail};
use crate::{letter::Sender, text::Templates};

/// The header and the envelope of a mail to an address.
fn sent(to: &str) -> (String, String) {
    let sender =
        Sender::parse("Tidegate <no-reply@tidegate.example>", Templates::new("no-templates".into())).unwrap();
    let message = sender.letter(Id::MIN, &mail(MessagePurpose::VerifyEmail, to, "Kasa"), BEGIN).unwrap();
    let text = String::from_utf8(message.formatted()).unwrap();
    let header = text.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
    (header, message.envelope().to()[0].to_string())
}

#[test]
fn inv_28_a_mail_goes_to_the_address_as_typed_and_never_to_its_canonical_form() {
    for (typed, address) in [
        ("Ann+x@Example.COM", "Ann+x@example.com"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("ann@βόλος.example", "ann@xn--nxasmm1c.example"),
        ("ann@نامه\u{200c}ای.example", "ann@xn--mgba3gch31f060k.example"),
        ("Straße@bücher.example", "Straße@xn--bcher-kva.example"),
        ("ﬁona@example.com", "ﬁona@example.com"),
    ] {
        assert_eq!(sent(typed), (address.to_owned(), address.to_owned()), "{typed}");
    }
}

/// Pieces of addresses, and of what an address must not contain.
const PIECES: &[&str] = &[
    "@",
    "@",
    ".",
    "+",
    "-",
    "_",
    "a",
    "Ann",
    "0",
    "xn--",
    "ß",
    "ς",
    "ü",
    "u\u{308}",
    "é",
    "ﬁ",
    "한",
    "語",
    "نام",
    "א",
    "क्\u{200d}",
    "\u{200c}",
    "\u{200b}",
    "\u{ad}",
    "\u{202e}",
    "\u{301}",
    "＠",
    "。",
    "．",
    "\"",
    "\\",
    "(",
    "<",
    ",",
    ":",
    ";",
    "[",
    "]",
    "!",
    "#",
    "'",
    "/",
    "=",
    "|",
    "~",
    " ",
    "\u{a0}",
    "😀",
    "example",
    ".example",
    "@example.com",
    "@bücher.example",
    "192.0.2.1",
    "0x7f",
];

fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let pieces = vec(piece, 1..8).prop_map(|pieces| pieces.concat());
    prop_oneof![pieces.clone(), pieces.prop_map(|local| format!("{local}@example.com"))]
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_211_206), failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    /// The mail library reads the address as the same two halves, and writes it as it is.
    #[test]
    fn every_accepted_address_can_be_sent(typed in typed()) {
        if let Ok(email) = Email::parse(&typed) {
            let smtp = email.destination().smtp_address().unwrap();
            let (local, domain) = smtp.rsplit_once('@').unwrap();
            prop_assert_eq!(email.as_typed().rsplit_once('@').unwrap().0, local);
            prop_assert!(domain.is_ascii(), "{}", domain);

            let address: Address = smtp.parse().unwrap();
            prop_assert_eq!((address.user(), address.domain()), (local, domain));
            let mailbox: Mailbox = address.clone().into();
            prop_assert_eq!(mailbox.to_string().parse::<Mailbox>().unwrap(), mailbox);
            prop_assert_eq!(Envelope::new(None, vec![address]).unwrap().to()[0].to_string(), smtp.clone());
            prop_assert_eq!(sent(email.as_typed()), (smtp.clone(), smtp));
        }
    }
}
