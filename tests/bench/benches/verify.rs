//! What one right answer costs, method by method, from its text to the verdict: `cargo bench -p tidegate-bench --bench verify`.

#[path = "../src/ambient.rs"]
#[expect(dead_code, reason = "the clock is not read here")]
mod ambient;

use std::hint::black_box;

use ambient::System;
use anyhow::{Context as _, bail, ensure};
use criterion::Criterion;
use tidegate_client::{DeviceKey, PushDecision};
use tidegate_core::{
    Answer, Authenticator, Email, Enrollee, Id, Mark, Method, NewDevice, PhoneNumber, Prompt, Purpose,
    RelyingParty, Secret, Setup, SignedDecision, Span, Timestamp, Word as _,
};
use tidegate_factors::{
    method::{self, About, Occasion, Opened, Posed, Reach, Verdict},
    push, recovery_codes,
    software_key::SoftwareKey,
    totp,
};
use tidegate_proto as proto;

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);
const PRODUCT: &str = "kasa";
const ORIGIN: &str = "https://login.kasa.example";

/// A factor, what a challenge posed, and the right answer to it.
struct Proof {
    method: Method,
    material: Opened,
    posed: Posed,
    answer: Answer,
}

impl Proof {
    fn verify(&self) -> anyhow::Result<Verdict> {
        let posed = self.posed.material.as_ref();
        let read = method::read(self.method, &self.material, posed, &self.answer);
        let read = read.map_err(|why| anyhow::anyhow!("{:?}: {why:?}", self.method))?;
        Ok(method::verify(self.method, (&self.material, Mark(0)), posed, &read, NOW)?)
    }
}

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    for proof in [totp()?, sent(Method::EmailCode)?, sms()?, security_key()?, push()?, recovery_code()?] {
        ensure!(matches!(proof.verify()?, Verdict::Right(_)), "{:?} must be right", proof.method);
        criterion.bench_function(proof.method.as_str(), |bencher| {
            bencher.iter(|| black_box(black_box(&proof).verify().is_ok()));
        });
    }
    criterion.final_summary();
    Ok(())
}

fn begin(method: Method, enrollee: Option<&Enrollee>) -> anyhow::Result<(Opened, Setup<Secret<String>>)> {
    let party = party()?;
    let about = About {
        account: "ann@example.com",
        product: "Kasa",
        authenticator: Authenticator::default(),
        party: Some(&party),
        enrollee,
        user: [1; 16],
        registered: &[],
        now: NOW,
    };
    Ok(method::begin(method, about, &System)?)
}

fn bind(method: Method, pending: &Opened, answer: &Answer) -> anyhow::Result<Opened> {
    let read = method::read(method, pending, None, answer);
    let read = read.map_err(|why| anyhow::anyhow!("{method:?}: {why:?}"))?;
    Ok(method::bind(method, pending, &read, NOW)?.context("the first answer is right")?.material)
}

fn pose(method: Method, material: &Opened) -> anyhow::Result<Posed> {
    let (email, party, product) = (Email::parse("ann@example.com").ok(), party()?, PRODUCT.parse()?);
    let occasion = Occasion {
        challenge: Id::from_uuid_bytes([2; 16]),
        account: Id::from_uuid_bytes([3; 16]),
        product: &product,
        purpose: Purpose::SignIn,
        context: "Firefox, 203.0.113.7",
        label: "",
        expires_at: NOW.plus(Span::minutes(1)),
    };
    let reach = Reach { email: email.as_ref(), party: Some(&party) };
    Ok(method::pose(method, material, reach, &occasion, &System)?)
}

fn party() -> anyhow::Result<RelyingParty> {
    let origins = vec![ORIGIN.parse().map_err(|_| anyhow::anyhow!("an origin"))?];
    RelyingParty::new("kasa.example", origins).map_err(|_| anyhow::anyhow!("a relying party"))
}

/// The code of the time is the one after that which activated the factor.
fn totp() -> anyhow::Result<Proof> {
    let method = Method::Totp;
    let (material, Setup::Authenticator { otpauth_uri, .. }) = begin(method, None)? else { bail!("a setup") };
    let answer = Answer::Code(totp::generate(&totp::read_uri(&otpauth_uri)?, NOW)?);
    Ok(Proof { method, posed: pose(method, &material)?, material, answer })
}

fn sent(method: Method) -> anyhow::Result<Proof> {
    coded(method, Secret::new(Vec::new()))
}

fn sms() -> anyhow::Result<Proof> {
    let number = PhoneNumber::parse("+4915112345678").map_err(|_| anyhow::anyhow!("a number"))?;
    let (pending, _) = begin(Method::SmsCode, Some(&Enrollee::Phone(number)))?;
    let first = method::first_message(Method::SmsCode, &pending)?.and_then(|(sent, _)| sent.code);
    let material = bind(Method::SmsCode, &pending, &Answer::Code(first.context("a code")?))?;
    coded(Method::SmsCode, material)
}

/// The answer is the code that the challenge sent.
fn coded(method: Method, material: Opened) -> anyhow::Result<Proof> {
    let posed = pose(method, &material)?;
    let code = posed.outgoing.as_ref().and_then(|sent| sent.code.clone()).context("a code")?;
    Ok(Proof { method, material, posed, answer: Answer::Code(code) })
}

fn security_key() -> anyhow::Result<Proof> {
    let method = Method::WebAuthn;
    let (pending, Setup::WebAuthn { options }) = begin(method, None)? else { bail!("options") };
    let (mut key, registered) = SoftwareKey::register(&options, ORIGIN, &System)?;
    let material = bind(method, &pending, &Answer::Assertion(Secret::new(registered)))?;
    let posed = pose(method, &material)?;
    let Prompt::WebAuthn { options } = &posed.prompt else { bail!("options") };
    let answer = Answer::Assertion(Secret::new(key.sign(options, ORIGIN)?));
    Ok(Proof { method, material, posed, answer })
}

fn push() -> anyhow::Result<Proof> {
    let (method, key) = (Method::Push, DeviceKey::generate(&System));
    let device = Enrollee::Device(NewDevice { public_key: key.public_key(), address: None });
    let (pending, Setup::Device { nonce }) = begin(method, Some(&device))? else { bail!("a nonce") };
    let digits =
        nonce.expose().as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    let nonce: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<_, _>>()?;
    let material = bind(method, &pending, &decided(key.sign_enrollment(&nonce)))?;
    let posed = pose(method, &material)?;
    let Prompt::Push { number } = &posed.prompt else { bail!("a number") };
    let details = push::details(posed.material.as_ref().context("a prompt")?)?;
    let shown = proto::Push {
        challenge_id: details.shown.challenge.to_string(),
        method: proto::Method::Push.into(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        account_id: details.shown.account.to_string(),
        product: PRODUCT.to_owned(),
        context: details.shown.context,
        expire_time: Some(prost_types::Timestamp {
            seconds: details.shown.expires_at.unix_seconds(),
            nanos: 0,
        }),
        nonce: details.nonce.to_vec(),
        ..Default::default()
    };
    let answer = decided(key.sign_decision(&shown, PushDecision::Approve { number })?);
    Ok(Proof { method, material, posed, answer })
}

fn decided(signed: proto::PushDecision) -> Answer {
    let proto::PushDecision { approve, report, number, signature } = signed;
    Answer::Decision(SignedDecision { approve, report, number, signature })
}

/// The set's row with the code's digest is found in the database, which this leaves out.
fn recovery_code() -> anyhow::Result<Proof> {
    let (method, material) = (Method::RecoveryCodes, Secret::new(Vec::new()));
    let answer = Answer::Code(recovery_codes::mint(&System));
    Ok(Proof { method, posed: pose(method, &material)?, material, answer })
}
