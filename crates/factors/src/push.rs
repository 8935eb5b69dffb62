//! A prompt on an enrolled device. The sign-in shows a number of 2 digits, and the person types it on the device: who
//! only holds the password cannot make the owner approve by a touch (push fatigue). The number never travels to the device
//! (INV-38).
//!
//! The device signs the decision together with all that it showed (INV-37). One wrong number ends the prompt.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use tidegate_core::{
    AccountId, Answer, AnswerForm, ChallengeId, Channel, Entropy, Level, Mark, Method, ProductKey, Prompt,
    Purpose, Recipient, Secret, Setup, SignedDecision, Span, Timestamp, Word as _,
};

use crate::{
    code,
    enrolled_device::{Device, whole_seconds},
    method::{
        About, Asked, Consumes, Enrolled, FirstProof, Kind, Malformed, Occasion, Opened, Outgoing, Reach,
        Rules, SECOND_FACTOR, Unusable, Verdict,
    },
    sends::Windows,
};

/// Digits of a number.
pub const DIGITS: usize = 2;

/// 3 in 10 minutes and 10 in 24 hours; a newer prompt ends an older one.
const WINDOWS: Windows = &[(3, Span::minutes(10)), (10, Span::hours(24))];

/// The words that stand for a decision other than a number.
const DENIES: &str = "deny";
const REPORTS: &str = "report";

pub(crate) struct Push;

/// What the device shows and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub challenge: ChallengeId,
    pub account: AccountId,
    pub product: ProductKey,
    pub purpose: Purpose,
    /// Where the sign-in comes from, in one line.
    pub context: String,
    pub expires_at: Timestamp,
}

impl Shown {
    pub(crate) fn of(occasion: &Occasion<'_>) -> Self {
        let Occasion { challenge, account, product, purpose, context, expires_at, .. } = *occasion;
        let (product, context) = (product.clone(), one_line(context));
        Self { challenge, account, product, purpose, context, expires_at }
    }
}

/// The longest context, in characters.
const MAX_CONTEXT: usize = 200;

/// A text that cannot pass for another line of what is signed, nor hide characters from the person.
fn one_line(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() || is_invisible(letter) { ' ' } else { letter };
    text.chars().map(shown).take(MAX_CONTEXT).collect::<String>().trim().to_owned()
}

/// Separators of lines, and marks that turn the direction of a text.
const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Prompted {
    number: String,
    nonce: [u8; 32],
    shown: Shown,
}

/// What waits on a device for a decision.
pub struct PushDetails {
    pub shown: Shown,
    pub nonce: [u8; 32],
}

/// What the device is told of a prompt: everything but the number (INV-38).
pub fn details(posed: &Opened) -> Result<PushDetails, Unusable> {
    let Prompted { nonce, shown, .. } = serde_json::from_slice(posed.expose()).map_err(|_| Unusable)?;
    Ok(PushDetails { shown, nonce })
}

impl Prompted {
    fn text(&self, decision: &SignedDecision) -> String {
        let Shown { challenge, account, product, purpose, context, expires_at } = &self.shown;
        let nonce = BASE64.encode(self.nonce);
        let (purpose, expires) = (purpose.as_str(), whole_seconds(*expires_at));
        let SignedDecision { approve, report, number, .. } = decision;
        let word = match (*approve, *report) {
            (true, _) => "approve",
            (false, false) => DENIES,
            (false, true) => REPORTS,
        };
        format!(
            "tidegate push decision v1\nchallenge: {challenge}\nnonce: {nonce}\naccount: {account}\n\
             product: {product}\npurpose: {purpose}\ncontext: {context}\nexpires: {expires}\n\
             decision: {word}\nnumber: {number}\n"
        )
    }
}

/// The device itself makes the digits ASCII: what it signs must be the same for every app.
fn is_number(typed: &str) -> bool {
    typed.len() == DIGITS && typed.bytes().all(|digit| digit.is_ascii_digit())
}

/// The number that was typed, or the word for a denial.
fn decided(decision: &SignedDecision) -> Result<Secret<String>, Malformed> {
    let SignedDecision { approve, report, number, .. } = decision;
    match (*approve, *report) {
        (true, false) if is_number(number) => Ok(Secret::new(number.clone())),
        (true, false) => Err(Malformed::Number(DIGITS)),
        (true, true) => Err(Malformed::Contradiction),
        (false, _) if !number.is_empty() => Err(Malformed::Contradiction),
        (false, false) => Ok(Secret::new(DENIES.to_owned())),
        (false, true) => Ok(Secret::new(REPORTS.to_owned())),
    }
}

impl Kind for Push {
    const RULES: Rules = Rules {
        worth: Some(Level::Aal2),
        several: true,
        max_tries: 1,
        max_live: 1,
        challenge_ttl: Span::minutes(1),
        sends: Some(Channel::Push),
        windows: WINDOWS,
        about: Enrolled::Device,
        ..SECOND_FACTOR
    };
    type Material = Device;
    type Posed = Prompted;

    fn begin(about: About<'_>, entropy: &dyn Entropy) -> Result<(Device, Setup<Secret<String>>), Unusable> {
        Device::begin(about, entropy)
    }

    fn read(device: &Device, posed: Option<&Prompted>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Some(posed) = posed else { return device.read_first(answer) };
        let Answer::Decision(decision) = answer else { return Err(Malformed::Form(AnswerForm::Decision)) };
        let decided = decided(decision)?;
        if device.signed(&posed.text(decision), decision) { Ok(decided) } else { Err(Malformed::Signature) }
    }

    fn bind(
        pending: Device,
        _: &Secret<String>,
        _: Timestamp,
    ) -> Result<Option<FirstProof<Device>>, Unusable> {
        pending.bind(Method::Push).map(Some)
    }

    fn pose(
        device: &Device,
        _: Reach<'_>,
        occasion: &Occasion<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Asked<Prompted>, Unusable> {
        let number = code::mint(DIGITS, entropy).expose().clone();
        let address = device.address()?.cloned();
        let prompt = Prompt::Push { number: number.clone() };
        let posed = Prompted { number, nonce: entropy.bytes(), shown: Shown::of(occasion) };
        let outgoing = address.map(|to| Outgoing { to: Recipient::Device(to), code: None });
        Ok(Asked { posed: Some(posed), prompt, outgoing })
    }

    fn verify(
        _: &Device,
        posed: Option<&Prompted>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        let posed = posed.ok_or(Unusable)?;
        Ok(match answer.expose().as_str() {
            DENIES => Verdict::Denied { reported: false },
            REPORTS => Verdict::Denied { reported: true },
            _ if code::is_same(&posed.number, answer) => Verdict::Right(Consumes::default()),
            _ => Verdict::Wrong,
        })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey, pkcs8::EncodePublicKey as _};
    use proptest::prelude::*;
    use tidegate_core::{Enrollee, Id, NewDevice, PushAddress};

    use super::*;
    use crate::{
        device_code, enrolled_device,
        enrolled_device::DeviceRequest,
        method::{self, Posed, Unread},
        testing::{CountingEntropy, about_ann, occasion},
    };

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_123_456);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn der(key: &SigningKey) -> Vec<u8> {
        key.verifying_key().to_public_key_der().unwrap().into_vec()
    }

    fn decision(approve: bool, report: bool, number: &str) -> SignedDecision {
        SignedDecision { approve, report, number: number.to_owned(), signature: Vec::new() }
    }

    fn signed(key: &SigningKey, text: &str, decision: SignedDecision) -> Answer {
        Answer::Decision(SignedDecision { signature: key.sign(text.as_bytes()).to_vec(), ..decision })
    }

    fn begin(of: Method, new: &NewDevice) -> (Opened, String) {
        let enrollee = Enrollee::Device(new.clone());
        let about = About { enrollee: Some(&enrollee), now: NOW, ..about_ann() };
        let (pending, setup) = method::begin(of, about, &CountingEntropy).unwrap();
        let Setup::Device { nonce } = setup else { panic!("{setup:?}") };
        let nonce = nonce
            .expose()
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        (pending, BASE64.encode(nonce.collect::<Vec<_>>()))
    }

    fn enrolled(of: Method, key: &SigningKey) -> Opened {
        let address = Some(PushAddress::fcm("token").unwrap());
        let (pending, nonce) = begin(of, &NewDevice { public_key: der(key), address });
        let text = format!("tidegate device enrollment v1\nnonce: {nonce}\n");
        let answer = signed(key, &text, decision(true, false, ""));
        let answer = method::read(of, &pending, None, &answer).unwrap();
        method::bind(of, &pending, &answer, NOW).unwrap().unwrap().material
    }

    fn pose(of: Method, device: &Opened, context: &str) -> Posed {
        let (product, expires_at) = ("kasa".parse().unwrap(), NOW.plus(Span::minutes(1)));
        let occasion = Occasion { context, label: "phone", expires_at, ..occasion(&product) };
        method::pose(of, device, Reach { email: None, party: None }, &occasion, &CountingEntropy).unwrap()
    }

    /// The documented lines, written here once more.
    fn text(posed: &Posed, word: &str, number: &str) -> String {
        let PushDetails { shown, nonce } = details(posed.material.as_ref().unwrap()).unwrap();
        format!(
            "tidegate push decision v1\nchallenge: {}\nnonce: {}\naccount: {}\nproduct: kasa\npurpose: sign_in\n\
             context: {}\nexpires: 2023-11-14T22:14:20Z\ndecision: {word}\nnumber: {number}\n",
            shown.challenge,
            BASE64.encode(nonce),
            shown.account,
            shown.context,
        )
    }

    fn read(device: &Opened, posed: &Posed, answer: &Answer) -> Result<Secret<String>, Unread> {
        method::read(Method::Push, device, posed.material.as_ref(), answer)
    }

    fn judged(device: &Opened, posed: &Posed, answer: &Answer) -> Verdict {
        let answer = read(device, posed, answer).unwrap();
        method::verify(Method::Push, (device, Mark(0)), posed.material.as_ref(), &answer, NOW).unwrap()
    }

    fn number(posed: &Posed) -> String {
        let Prompt::Push { number } = &posed.prompt else { panic!("{:?}", posed.prompt) };
        number.clone()
    }

    #[test]
    fn inv_37_the_device_signs_what_it_showed_and_what_was_decided() {
        let ann = key(1);
        let device = enrolled(Method::Push, &ann);
        let posed = pose(Method::Push, &device, "Firefox, 203.0.113.7");
        let right = number(&posed);
        let answer = |word: &str, typed: &str, decision| signed(&ann, &text(&posed, word, typed), decision);
        let approves = answer("approve", &right, decision(true, false, &right));
        assert!(matches!(judged(&device, &posed, &approves), Verdict::Right(_)));
        let other = if right == "42" { "43" } else { "42" };
        let wrong = answer("approve", other, decision(true, false, other));
        assert!(matches!(judged(&device, &posed, &wrong), Verdict::Wrong));
        let denies = answer("deny", "", decision(false, false, ""));
        assert!(matches!(judged(&device, &posed, &denies), Verdict::Denied { reported: false }));
        let reports = answer("report", "", decision(false, true, ""));
        assert!(matches!(judged(&device, &posed, &reports), Verdict::Denied { reported: true }));
        let unsigned = |answer: Answer| {
            assert_eq!(read(&device, &posed, &answer).unwrap_err(), Unread::Malformed(Malformed::Signature));
        };
        unsigned(answer("deny", "", decision(false, true, "")));
        unsigned(answer("approve", other, decision(true, false, &right)));
        unsigned(signed(&key(2), &text(&posed, "approve", &right), decision(true, false, &right)));
        unsigned(Answer::Decision(decision(true, false, &right)));
        let later = pose(Method::Push, &device, "Firefox, 198.51.100.7");
        unsigned(signed(&ann, &text(&later, "approve", &right), decision(true, false, &right)));
    }

    #[test]
    fn a_decision_says_one_thing() {
        let device = enrolled(Method::Push, &key(1));
        let posed = pose(Method::Push, &device, "");
        for (decision, why) in [
            (decision(true, false, ""), Malformed::Number(2)),
            (decision(true, false, "4"), Malformed::Number(2)),
            (decision(true, false, "4\n2"), Malformed::Number(2)),
            (decision(true, false, "٤٢"), Malformed::Number(2)),
            (decision(true, false, "042"), Malformed::Number(2)),
            (decision(true, true, "42"), Malformed::Contradiction),
            (decision(false, false, "42"), Malformed::Contradiction),
        ] {
            let read = read(&device, &posed, &Answer::Decision(decision));
            assert_eq!(read.unwrap_err(), Unread::Malformed(why));
        }
        let code = Answer::Code(Secret::new("42".to_owned()));
        let form = Malformed::Form(AnswerForm::Decision);
        assert_eq!(read(&device, &posed, &code).unwrap_err(), Unread::Malformed(form));
    }

    #[test]
    fn inv_38_the_device_is_not_told_the_number() {
        let device = enrolled(Method::Push, &key(1));
        let posed = pose(Method::Push, &device, "");
        let sent = posed.outgoing.as_ref().unwrap();
        assert!(sent.code.is_none() && matches!(sent.to, Recipient::Device(PushAddress::Fcm { .. })));
        let apns = PushAddress::apns(&"0".repeat(64)).unwrap();
        let moved = enrolled_device::at_address(&device, apns.clone()).unwrap().unwrap();
        let sent = pose(Method::Push, &moved, "").outgoing.unwrap();
        assert!(matches!(sent.to, Recipient::Device(PushAddress::Apns { .. })));
        assert!(enrolled_device::at_address(&moved, apns).unwrap().is_none());
    }

    #[test]
    fn a_key_that_does_not_sign_is_not_enrolled() {
        for new in [der(&key(1)), vec![], vec![0; 300], der(&key(1))[..40].to_vec()] {
            let readable = enrolled_device::is_key(&new);
            let (pending, nonce) = begin(Method::Push, &NewDevice { public_key: new, address: None });
            let text = format!("tidegate device enrollment v1\nnonce: {nonce}\n");
            let answer = signed(&key(1), &text, decision(true, false, ""));
            assert_eq!(method::read(Method::Push, &pending, None, &answer).is_ok(), readable);
            let denies = signed(&key(1), &text, decision(false, false, ""));
            assert!(method::read(Method::Push, &pending, None, &denies).is_err());
            let raw = signed(&key(1), &nonce, decision(true, false, ""));
            assert!(method::read(Method::Push, &pending, None, &raw).is_err());
        }
        // The identity of the curve, for which everybody can sign.
        let mut weak = der(&key(1));
        weak[12..].copy_from_slice(&[[1; 1].as_slice(), &[0; 31]].concat());
        assert!(!enrolled_device::is_key(&weak));
    }

    #[test]
    fn a_p256_key_signs_in_either_form() {
        use p256::{
            ecdsa::{Signature, SigningKey, signature::Signer as _},
            pkcs8::EncodePublicKey as _,
        };
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let public_key = key.verifying_key().to_public_key_der().unwrap().into_vec();
        let (pending, nonce) = begin(Method::Push, &NewDevice { public_key, address: None });
        let signature: Signature =
            key.sign(format!("tidegate device enrollment v1\nnonce: {nonce}\n").as_bytes());
        for signature in [signature.to_bytes().to_vec(), signature.to_der().as_bytes().to_vec()] {
            let answer = Answer::Decision(SignedDecision { signature, ..decision(true, false, "") });
            assert!(method::read(Method::Push, &pending, None, &answer).is_ok());
        }
    }

    #[test]
    fn a_device_shows_the_code_that_is_typed_at_the_sign_in() {
        let device = enrolled(Method::DeviceCode, &key(1));
        let posed = pose(Method::DeviceCode, &device, "");
        assert_eq!(posed.prompt, Prompt::Sent { hint: "phone".to_owned() });
        let (shown, code) = device_code::details(posed.material.as_ref().unwrap()).unwrap();
        assert_eq!((shown.purpose, code.expose().len()), (Purpose::SignIn, 6));
        let verdict = |typed: &str| {
            let typed = Answer::Code(Secret::new(typed.to_owned()));
            let typed = method::read(Method::DeviceCode, &device, posed.material.as_ref(), &typed).unwrap();
            method::verify(Method::DeviceCode, (&device, Mark(0)), posed.material.as_ref(), &typed, NOW)
                .unwrap()
        };
        assert!(matches!(verdict(code.expose()), Verdict::Right(_)));
        let other = format!("{:06}", (code.expose().parse::<u32>().unwrap() + 1) % 1_000_000);
        assert!(matches!(verdict(&other), Verdict::Wrong));
    }

    #[test]
    fn a_device_signs_what_it_asks() {
        let device = enrolled(Method::Push, &key(1));
        let factor = Id::from_uuid_bytes([4; 16]);
        let address = PushAddress::fcm("new").unwrap();
        let request = DeviceRequest { method: "ListPushes", factor, at: NOW, address: Some(&address) };
        let text = format!(
            "tidegate device request v1\nmethod: ListPushes\nfactor: {factor}\ntime: 2023-11-14T22:13:20Z\n\
             address: fcm new\n"
        );
        let signature = key(1).sign(text.as_bytes()).to_vec();
        assert!(enrolled_device::is_signed(&device, &request, &signature));
        let watch = DeviceRequest { method: "WatchPushes", ..request };
        assert!(!enrolled_device::is_signed(&device, &watch, &signature));
        let elsewhere = DeviceRequest { address: None, ..watch };
        assert!(!enrolled_device::is_signed(&device, &elsewhere, &signature));
        assert!(!enrolled_device::is_signed(&Secret::new(b"{}".to_vec()), &request, &signature));
    }

    proptest! {
        #[test]
        fn inv_37_no_context_adds_a_line_to_what_is_signed(context in any::<String>()) {
            let device = enrolled(Method::Push, &key(1));
            let posed = pose(Method::Push, &device, &context);
            let shown = details(posed.material.as_ref().unwrap()).unwrap().shown.context;
            prop_assert!(shown.chars().count() <= MAX_CONTEXT && !shown.contains(char::is_control));
            prop_assert_eq!(text(&posed, "deny", "").lines().count(), 10);
        }
    }
}
