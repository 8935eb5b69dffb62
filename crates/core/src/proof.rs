//! What passes between a person and a factor: what is shown, what is asked, and what is answered.

use serde::{Deserialize, Serialize};

use crate::{PhoneNumber, PushAddress, Secret};

/// An answer to a challenge, or to the first question of a factor that is being enrolled.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Typed by the person.
    Code(Secret<String>),
    /// What a browser or a security key returned, as JSON (WebAuthn §5.1.4, `PublicKeyCredential`).
    Assertion(Secret<String>),
    /// What an enrolled device signed.
    Decision(SignedDecision),
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    Code,
    Assertion,
    Decision,
}

/// What a person decided on an enrolled device, and the device's signature over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDecision {
    pub approve: bool,
    /// The person says that the sign-in is not theirs.
    pub report: bool,
    /// The number that the person typed on the device.
    pub number: String,
    pub signature: Vec<u8>,
}

/// An app that enrolls its key, and how it is notified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDevice {
    /// A DER-encoded `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    pub address: Option<PushAddress>,
}

/// What the request to enroll a factor says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Enrollee {
    Device(NewDevice),
    Phone(PhoneNumber),
}

impl Answer {
    pub const fn form(&self) -> AnswerForm {
        match self {
            Self::Code(_) => AnswerForm::Code,
            Self::Assertion(_) => AnswerForm::Assertion,
            Self::Decision(_) => AnswerForm::Decision,
        }
    }
}

/// What a challenge asks of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Nothing was sent: the person has the code, or reads it in an app.
    Nothing,
    /// A code was sent to this masked address or number.
    Sent { hint: String },
    /// What the browser passes to `navigator.credentials.get`, as JSON.
    WebAuthn { options: String },
    /// The number that the person types on the device.
    Push { number: String },
}

/// What a person needs to set a factor up. `T` is a text that is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setup<T> {
    /// For an authenticator app.
    Authenticator { otpauth_uri: T, base32: T, qr_svg: T },
    /// What the browser passes to `navigator.credentials.create`, as JSON.
    WebAuthn { options: String },
    /// What the device signs, as hexadecimal digits.
    Device { nonce: T },
    /// A code was sent to this masked address or number.
    Sent { hint: String },
}

impl<T> Setup<T> {
    /// The same setup with each text changed.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Setup<U> {
        match self {
            Self::Authenticator { otpauth_uri, base32, qr_svg } => Setup::Authenticator {
                otpauth_uri: change(otpauth_uri),
                base32: change(base32),
                qr_svg: change(qr_svg),
            },
            Self::WebAuthn { options } => Setup::WebAuthn { options },
            Self::Device { nonce } => Setup::Device { nonce: change(nonce) },
            Self::Sent { hint } => Setup::Sent { hint },
        }
    }

    /// The texts, always in the same order.
    pub fn texts(&mut self) -> Vec<&mut T> {
        match self {
            Self::Authenticator { otpauth_uri, base32, qr_svg } => vec![otpauth_uri, base32, qr_svg],
            Self::Device { nonce } => vec![nonce],
            Self::WebAuthn { .. } | Self::Sent { .. } => Vec::new(),
        }
    }
}
