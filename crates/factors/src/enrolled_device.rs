//! An app on a device that is enrolled with a key of its own. Push prompts and device codes share it.
//!
//! What a device signs is a text of lines that names its purpose first, so a signature is worth nothing for another
//! purpose. `common.proto` and `push_service.proto` tell the texts to those who write apps.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key, pkcs8::DecodePublicKey as _};
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key, signature::Verifier as _};
use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, AnswerForm, Enrollee, Entropy, FactorId, Mark, Method, NewDevice, PushAddress, Secret, Setup,
    SignedDecision, Timestamp, Word as _,
};

use crate::method::{About, FirstProof, Malformed, Opened, Unusable};

/// The longest public key that is read, in bytes. A P-256 key has 91.
pub const MAX_KEY_BYTES: usize = 256;

/// What an enrollment stores of a device, and then its factor.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Device {
    /// It was asked for a signature, and has not answered yet.
    Pending {
        key: Vec<u8>,
        address: Option<PushAddress>,
        nonce: [u8; 32],
    },
    Enrolled {
        key: Vec<u8>,
        address: Option<PushAddress>,
    },
}

/// The public key of a device, read from its `SubjectPublicKeyInfo`.
enum PublicKey {
    Ed25519(Ed25519Key),
    P256(P256Key),
}

impl PublicKey {
    fn read(der: &[u8]) -> Option<Self> {
        if der.len() > MAX_KEY_BYTES {
            return None;
        }
        // Anybody can sign for a key of small order.
        let ed25519 = Ed25519Key::from_public_key_der(der).ok().filter(|key| !key.is_weak());
        let p256 = || P256Key::from_public_key_der(der).ok().map(Self::P256);
        ed25519.map(Self::Ed25519).or_else(p256)
    }

    /// Ed25519 over the text (RFC 8032), or ECDSA over its SHA-256, as DER or as r and s.
    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => Ed25519Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok()),
            Self::P256(key) => {
                let plain = P256Signature::from_slice(signature).ok();
                let signature = plain.or_else(|| P256Signature::from_der(signature).ok());
                signature.is_some_and(|signature| key.verify(text.as_bytes(), &signature).is_ok())
            }
        }
    }
}

/// Whether the bytes are a key that devices may have.
pub fn is_key(der: &[u8]) -> bool {
    PublicKey::read(der).is_some()
}

/// Whether factors of the method are devices.
pub const fn is_enrolled_by(method: Method) -> bool {
    matches!(method, Method::Push | Method::DeviceCode)
}

/// Where a device is notified. `None`: its app asks.
pub fn address(material: &Opened) -> Option<PushAddress> {
    let device: Device = serde_json::from_slice(material.expose()).ok()?;
    device.address().ok()?.cloned()
}

impl Device {
    pub(crate) fn begin(
        about: About<'_>,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Setup<Secret<String>>), Unusable> {
        let Some(Enrollee::Device(device)) = about.enrollee else { return Err(Unusable) };
        let NewDevice { public_key: key, address } = device.clone();
        let nonce = entropy.bytes();
        let setup = Setup::Device { nonce: Secret::new(hex(&nonce)) };
        Ok((Self::Pending { key, address, nonce }, setup))
    }

    /// The first answer of a device proves that it holds the private key. A signature cannot be guessed, so a wrong one is no
    /// guess.
    pub(crate) fn read_first(&self, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Answer::Decision(decision) = answer else { return Err(Malformed::Form(AnswerForm::Decision)) };
        let Self::Pending { nonce, .. } = self else { return Err(Malformed::Signature) };
        if decision.approve && self.signed(&enrollment_text(nonce), decision) {
            Ok(Secret::new("enrolls".to_owned()))
        } else {
            Err(Malformed::Signature)
        }
    }

    /// Makes the factor of a device whose first answer was read.
    pub(crate) fn bind(self, method: Method) -> Result<FirstProof<Self>, Unusable> {
        let Self::Pending { key, address, .. } = self else { return Err(Unusable) };
        let lookup = [method.as_str().as_bytes(), b" ", &key].concat();
        Ok(FirstProof { material: Self::Enrolled { key, address }, mark: Mark(0), lookup: Some(lookup) })
    }

    pub(crate) fn signed(&self, text: &str, decision: &SignedDecision) -> bool {
        self.verifies(text, &decision.signature)
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        let (Self::Pending { key, .. } | Self::Enrolled { key, .. }) = self;
        PublicKey::read(key).is_some_and(|key| key.verifies(text, signature))
    }

    /// Where the factor is notified. `None`: its app asks.
    pub(crate) fn address(&self) -> Result<Option<&PushAddress>, Unusable> {
        match self {
            Self::Enrolled { address, .. } => Ok(address.as_ref()),
            Self::Pending { .. } => Err(Unusable),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        digits
            .extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or_default()));
    }
    digits
}

fn enrollment_text(nonce: &[u8]) -> String {
    format!("tidegate device enrollment v1\nnonce: {}\n", BASE64.encode(nonce))
}

/// A call by which a device asks what waits for it.
#[derive(Debug)]
pub struct DeviceRequest<'r> {
    /// The method's name in the contract.
    pub method: &'static str,
    pub factor: FactorId,
    pub at: Timestamp,
    /// Its address from now on.
    pub address: Option<&'r PushAddress>,
}

impl DeviceRequest<'_> {
    fn text(&self) -> String {
        let Self { method, factor, at, address } = self;
        let address = match address {
            None => String::new(),
            Some(PushAddress::Fcm { token }) => format!("fcm {token}"),
            Some(PushAddress::Apns { token }) => format!("apns {token}"),
            Some(PushAddress::WebPush { endpoint, .. }) => format!("web_push {endpoint}"),
        };
        let at = whole_seconds(*at);
        format!(
            "tidegate device request v1\nmethod: {method}\nfactor: {factor}\ntime: {at}\naddress: {address}\n"
        )
    }
}

/// Whether the device that is enrolled with this material signed the request.
pub fn is_signed(material: &Opened, request: &DeviceRequest<'_>, signature: &[u8]) -> bool {
    let device: Result<Device, _> = serde_json::from_slice(material.expose());
    device.is_ok_and(|device| {
        matches!(device, Device::Enrolled { .. }) && device.verifies(&request.text(), signature)
    })
}

/// The material with another address. `None`: it is the one that it has.
pub fn at_address(material: &Opened, new: PushAddress) -> Result<Option<Opened>, Unusable> {
    let device: Device = serde_json::from_slice(material.expose()).map_err(|_| Unusable)?;
    let Device::Enrolled { key, address } = device else { return Err(Unusable) };
    if address.as_ref() == Some(&new) {
        return Ok(None);
    }
    let moved = Device::Enrolled { key, address: Some(new) };
    serde_json::to_vec(&moved).map(|moved| Some(Secret::new(moved))).map_err(|_| Unusable)
}

/// UTC with whole seconds, rounded down.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(at.unix_seconds().saturating_mul(1_000_000))
}
