//! What the owner of an account holds: devices, sign-ins, sessions, seeds. What the owner does with them is
//! in `app_calls.rs`.

use std::sync::Mutex;

use tidegate_core::Clock as _;
use tidegate_proto::{self as proto, subject::Who};
use totp_rs::Totp;

use crate::test_server::TestServer;

/// A device of the owner. It keeps the device token for the next sign-in.
pub struct Device {
    pub id: String,
    trust: Trust,
    token: Mutex<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Asked,
    NotAsked,
}

impl Device {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), trust: Trust::NotAsked, token: Mutex::default() }
    }

    /// Its owner ticks "remember this device".
    pub fn remembered(id: &str) -> Self {
        Self { trust: Trust::Asked, ..Self::new(id) }
    }

    pub fn token(&self) -> String {
        self.token.lock().unwrap().clone()
    }

    pub fn keep(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap());
    }

    pub fn asks_for_trust(&self) -> bool {
        self.trust == Trust::Asked
    }

    pub fn client(&self) -> proto::ClientContext {
        proto::ClientContext { device_id: self.id.clone(), ..Default::default() }
    }
}

/// A sign-in under way.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub token: String,
    pub state: proto::SignInState,
    pub offers: Vec<proto::Offer>,
}

/// A session that a sign-in made.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    pub token: String,
    pub answer: proto::CompleteSignInResponse,
}

/// What an authenticator app keeps.
#[derive(Debug, Clone)]
pub struct Seed(Totp);

/// A factor, as its owner holds it.
#[derive(Debug, Clone)]
pub struct Enrolled {
    pub seed: Seed,
    pub factor: String,
    pub recovery_codes: Vec<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "a request's subject may be absent")]
pub fn subject(who: Who) -> Option<proto::Subject> {
    Some(proto::Subject { who: Some(who), client: None })
}

/// What enrolls a factor: a session, or a sign-in that waits for it.
pub trait Enrolls {
    fn enrolls(&self) -> Option<proto::Subject>;
}

impl Enrolls for Session {
    fn enrolls(&self) -> Option<proto::Subject> {
        self.subject()
    }
}

impl Enrolls for SignIn {
    fn enrolls(&self) -> Option<proto::Subject> {
        self.subject()
    }
}

impl SignIn {
    pub fn subject(&self) -> Option<proto::Subject> {
        subject(Who::SignInToken(self.token.clone()))
    }

    /// The factor that is offered first.
    pub fn factor(&self) -> String {
        self.offers[0].factor_id.clone()
    }
}

impl Session {
    pub fn subject(&self) -> Option<proto::Subject> {
        subject(Who::SessionToken(self.token.clone()))
    }
}

impl Seed {
    /// Reads what an enrollment shows for an authenticator app.
    pub fn scan(setup: Option<proto::Setup>) -> Self {
        Self(Totp::from_url(totp_secret(setup).otpauth_uri).unwrap())
    }
}

pub fn totp_secret(setup: Option<proto::Setup>) -> proto::TotpSecret {
    match setup.and_then(|setup| setup.setup) {
        Some(proto::setup::Setup::Totp(totp)) => totp,
        other => panic!("no secret for an authenticator app: {other:?}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_password(password: impl Into<String>) -> Option<proto::begin_sign_in_request::FirstFactor> {
    Some(proto::begin_sign_in_request::FirstFactor::Password(password.into()))
}

/// The answer to a challenge.
#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_code(code: impl Into<String>) -> Option<proto::answer_challenge_request::Answer> {
    Some(proto::answer_challenge_request::Answer::Code(code.into()))
}

/// The answer that completes an enrollment.
#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_first_code(code: impl Into<String>) -> Option<proto::complete_enrollment_request::Answer> {
    Some(proto::complete_enrollment_request::Answer::Code(code.into()))
}

/// The owner presses the button of a verification mail, signed in.
pub fn confirm_email(token: &str, session: &Session) -> proto::ConfirmEmailRequest {
    let (token, subject) = (token.to_owned(), session.subject());
    proto::ConfirmEmailRequest { token, subject, ..Default::default() }
}

impl TestServer {
    /// The code an authenticator app shows now.
    pub fn code(&self, seed: &Seed) -> String {
        seed.0.generate(u64::try_from(self.clock.now().unix_seconds()).unwrap()).to_string()
    }
}
