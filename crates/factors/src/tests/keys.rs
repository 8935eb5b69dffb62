//! Answers of security keys: the JSON of browsers, and the bytes inside it, with a software authenticator that we did not
//! write.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64},
};
use der::Encode as _;
use serde_json::{Value, json};
use tidegate_core::{Answer, KeyModel, Mark, Method, Prompt, RelyingParty, Secret, Setup, Timestamp};
use tidegate_fuzz::{Input, fuzz};
use webauthn_authenticator_rs::{AuthenticatorBackend as _, softtoken::SoftToken};

use crate::{
    method::{self, About, Opened, Reach, Verdict},
    passkey::PasskeyAnswer,
    testing::{CountingEntropy, about_ann, occasion},
    webauthn,
};

const ORIGIN: &str = "https://kasa.example";
const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);
/// No test waits for it.
const TIMEOUT: u32 = 60_000;
/// The most bytes of a registered key. The answer has at most 16 KiB; JSON stores each byte of its certificates as a number.
const MAX_MATERIAL: usize = 128 * 1024;

/// A key that was registered and signed once.
pub(super) struct Ceremony {
    pub(super) party: RelyingParty,
    pub(super) pending: Opened,
    pub(super) registered: String,
    pub(super) material: Opened,
    pub(super) posed: Opened,
    pub(super) signed: String,
}

impl Ceremony {
    pub(super) fn new() -> Self {
        let party = RelyingParty::new("kasa.example", vec![ORIGIN.parse().unwrap()]).unwrap();
        let (mut token, _) = SoftToken::new(true).unwrap();
        let about = About { party: Some(&party), user: [7; 16], now: NOW, ..about_ann() };
        let (pending, setup) = method::begin(Method::WebAuthn, about, &CountingEntropy).unwrap();
        let Setup::WebAuthn { options } = setup else { panic!("options") };
        let options = serde_json::from_str(&options).unwrap();
        let made = token.perform_register(ORIGIN.parse().unwrap(), options, TIMEOUT).unwrap();
        let registered = serde_json::to_string(&made).unwrap();
        let answer = Secret::new(registered.clone());
        let material = method::bind(Method::WebAuthn, &pending, &answer, NOW).unwrap().unwrap().material;
        let reach = Reach { email: None, party: Some(&party) };
        let product = "kasa".parse().unwrap();
        let posed =
            method::pose(Method::WebAuthn, &material, reach, &occasion(&product), &CountingEntropy).unwrap();
        let Prompt::WebAuthn { options } = posed.prompt else { panic!("options") };
        let options = serde_json::from_str(&options).unwrap();
        let made = token.perform_auth(ORIGIN.parse().unwrap(), options, TIMEOUT).unwrap();
        let signed = serde_json::to_string(&made).unwrap();
        Self { party, pending, registered, material, posed: posed.material.unwrap(), signed }
    }

    /// The answer of the key as one that names its account.
    pub(super) fn passkey(&self) -> String {
        with(&self.signed, "userHandle", &[7; 16])
    }

    fn registers(&self, json: &str) -> bool {
        let answer = Secret::new(json.to_owned());
        if method::read(Method::WebAuthn, &self.pending, None, &Answer::Assertion(answer.clone())).is_err() {
            return false;
        }
        let bound = method::bind(Method::WebAuthn, &self.pending, &answer, NOW).unwrap();
        let bound = bound.inspect(|bound| {
            assert!(bound.material.expose().len() <= MAX_MATERIAL, "{} bytes", bound.material.expose().len());
            assert!(method::is_usable(Method::WebAuthn, &bound.material));
        });
        bound.is_some()
    }

    fn is_right(&self, json: &str) -> bool {
        let answer = Secret::new(json.to_owned());
        if method::read(
            Method::WebAuthn,
            &self.material,
            Some(&self.posed),
            &Answer::Assertion(answer.clone()),
        )
        .is_err()
        {
            return false;
        }
        let kept = (&self.material, Mark(0));
        let verdict = method::verify(Method::WebAuthn, kept, Some(&self.posed), &answer, NOW);
        matches!(verdict.unwrap(), Verdict::Right(_))
    }
}

/// The answer with other bytes in a field of its response.
fn with(answer: &str, field: &str, bytes: &[u8]) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    answer["response"][field] = json!(BASE64.encode(bytes));
    answer.to_string()
}

/// The bytes in a field of the response.
fn field(answer: &str, field: &str) -> Vec<u8> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    BASE64.decode(answer["response"][field].as_str().unwrap()).unwrap()
}

#[test]
fn a_registration_of_any_json_is_read_or_refused() {
    let ceremony = Ceremony::new();
    assert!(ceremony.registers(&ceremony.registered));
    fuzz!(800, [&ceremony.registered, &ceremony.signed], |input| {
        let _ = ceremony.registers(&input.text());
    });
}

#[test]
fn a_registration_with_any_attestation_is_read_or_refused() {
    let ceremony = Ceremony::new();
    let attested = field(&ceremony.registered, "attestationObject");
    fuzz!(1_500, [attested], |input| {
        let _ = ceremony.registers(&with(&ceremony.registered, "attestationObject", input));
    });
}

#[test]
fn inv_39_a_registration_is_for_its_request() {
    let ceremony = Ceremony::new();
    let client = field(&ceremony.registered, "clientDataJSON");
    fuzz!(600, [&client], |input: &Input| {
        let registers = ceremony.registers(&with(&ceremony.registered, "clientDataJSON", input));
        assert!(!registers || **input == *client, "the client data are signed");
    });
}

#[test]
fn a_certificate_of_any_bytes_is_read_or_refused() {
    let (_, root) = SoftToken::new(true).unwrap();
    let party = RelyingParty::new("kasa.example", vec![ORIGIN.parse().unwrap()]).unwrap();
    let mut accepted = 0;
    fuzz!(600, [root.to_der().unwrap()], |input| {
        // Lines of 64 characters (RFC 7468 §2).
        let body = BASE64_STANDARD.encode(&**input);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        let Ok(model) = KeyModel::new("d8522d9f-575b-4866-88a9-ba99fa02f35b", &pem) else { return };
        accepted +=
            usize::from(webauthn::unreadable_root(&party.clone().taking(vec![model]).unwrap()).is_none());
    });
    assert!(accepted > 20, "changed certificates are accepted too: {accepted}");
}

#[test]
fn an_assertion_of_any_json_is_read_or_refused() {
    let ceremony = Ceremony::new();
    assert!(ceremony.is_right(&ceremony.signed));
    fuzz!(800, [&ceremony.signed, &ceremony.registered], |input| {
        let _ = ceremony.is_right(&input.text());
    });
}

/// Whether the answer is right exactly when the field is as it was signed.
fn is_signed(ceremony: &Ceremony, name: &str, input: &Input) {
    let right = ceremony.is_right(&with(&ceremony.signed, name, input));
    assert_eq!(right, **input == *field(&ceremony.signed, name), "{name}");
}

#[test]
fn inv_39_signed_authenticator_data_cannot_be_changed() {
    let ceremony = Ceremony::new();
    let data = field(&ceremony.signed, "authenticatorData");
    fuzz!(600, [data], |input| is_signed(&ceremony, "authenticatorData", input));
}

#[test]
fn inv_39_signed_client_data_cannot_be_changed() {
    let ceremony = Ceremony::new();
    let client = field(&ceremony.signed, "clientDataJSON");
    fuzz!(600, [client], |input| is_signed(&ceremony, "clientDataJSON", input));
}

#[test]
fn inv_39_a_signature_cannot_be_changed() {
    let ceremony = Ceremony::new();
    let signature = field(&ceremony.signed, "signature");
    fuzz!(600, [signature], |input| is_signed(&ceremony, "signature", input));
}

fn read_passkey(json: String) {
    let length = json.len();
    let Ok(answer) = PasskeyAnswer::read(&Secret::new(json)) else { return };
    assert!(answer.challenge.len() <= length && answer.lookup().len() <= length);
}

#[test]
fn an_answer_of_a_passkey_is_read_or_refused() {
    let ceremony = Ceremony::new();
    fuzz!(800, [ceremony.passkey(), ceremony.signed.clone()], |input| read_passkey(
        input.text().into_owned()
    ));
}

#[test]
fn client_data_of_a_passkey_are_read_or_refused() {
    let ceremony = Ceremony::new();
    let client = field(&ceremony.signed, "clientDataJSON");
    fuzz!(800, [client], |input: &Input| read_passkey(with(&ceremony.passkey(), "clientDataJSON", input)));
}
