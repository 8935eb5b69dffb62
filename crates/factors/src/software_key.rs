//! A security key in software, together with the browser that asks it: what `totp::generate` is to authenticator apps.
//! The demo and tests hold one. It is no protection: its private key lies in the process.
//!
//! It keeps one credential, which it finds by the domain alone (a passkey), and it says that it verified its user. A
//! browser refuses a page that is not of the domain; here the caller names the page, so that a refusal can be shown.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use p256::ecdsa::{DerSignature, SigningKey, signature::Signer as _};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tidegate_core::{Entropy, Secret};

use crate::method::Unusable;

/// The key signs ECDSA over P-256 with SHA-256 (ES256).
pub struct SoftwareKey {
    signing: SigningKey,
    /// The id of the credential.
    id: [u8; 16],
    /// The domain (RP ID) that it signs for.
    domain: String,
    /// The user handle, as the relying party spelled it.
    user: String,
    /// How often it has signed.
    counter: u32,
}

/// What of `PublicKeyCredentialCreationOptions` the key needs.
#[derive(Deserialize)]
struct Creation {
    rp: Named,
    user: Named,
    challenge: String,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// What of `PublicKeyCredentialRequestOptions` the key needs.
#[derive(Deserialize)]
struct Request {
    challenge: String,
}

/// Flags of the authenticator data (WebAuthn Level 3 §6.1): the user is present, and was verified.
const PRESENT_AND_VERIFIED: u8 = 0b101;
/// A credential follows.
const ATTESTED: u8 = 0b100_0000;

impl SoftwareKey {
    /// A new credential, as `navigator.credentials.create` makes it at a page of this origin, and what its `toJSON`
    /// returns.
    pub fn register(options: &str, origin: &str, entropy: &dyn Entropy) -> Result<(Self, String), Unusable> {
        let Creation { rp, user, challenge } = serde_json::from_str(options).map_err(|_| Unusable)?;
        let signing =
            SigningKey::from_slice(Secret::new(entropy.bytes::<32>()).expose()).map_err(|_| Unusable)?;
        let key = Self { signing, id: entropy.bytes(), domain: rp.id, user: user.id, counter: 0 };
        let response = json!({
            "clientDataJSON": BASE64.encode(client_data("webauthn.create", &challenge, origin)),
            "attestationObject": BASE64.encode(key.attestation()?),
        });
        let made = key.credential(response);
        Ok((key, made))
    }

    /// What `navigator.credentials.get` at a page of this origin returns, by `toJSON`.
    pub fn sign(&mut self, options: &str, origin: &str) -> Result<String, Unusable> {
        let Request { challenge } = serde_json::from_str(options).map_err(|_| Unusable)?;
        self.counter = self.counter.checked_add(1).ok_or(Unusable)?;
        let client_data = client_data("webauthn.get", &challenge, origin);
        let about = self.about(PRESENT_AND_VERIFIED);
        let signed = [about.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature: DerSignature = self.signing.sign(&signed);
        Ok(self.credential(json!({
            "clientDataJSON": BASE64.encode(client_data),
            "authenticatorData": BASE64.encode(about),
            "signature": BASE64.encode(signature),
            "userHandle": self.user,
        })))
    }

    /// `PublicKeyCredential` as JSON (WebAuthn Level 3 §5.1).
    fn credential(&self, response: serde_json::Value) -> String {
        let id = BASE64.encode(self.id);
        let (kind, extensions) = ("public-key", json!({}));
        json!({"id": id, "rawId": id, "type": kind, "response": response, "clientExtensionResults": extensions})
            .to_string()
    }

    /// What the key says of itself (authenticator data, §6.1).
    fn about(&self, flags: u8) -> Vec<u8> {
        [Sha256::digest(&self.domain).as_slice(), &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// An attestation object in CBOR (§6.5.4) that proves no model: `{"fmt": "none", "attStmt": {}, "authData": …}`.
    fn attestation(&self) -> Result<Vec<u8>, Unusable> {
        const NO_MODEL: [u8; 16] = [0; 16];
        let id_length = u16::try_from(self.id.len()).map_err(|_| Unusable)?.to_be_bytes();
        let mut data = self.about(PRESENT_AND_VERIFIED | ATTESTED);
        data.extend([NO_MODEL.as_slice(), &id_length, &self.id, &self.public_key()?].concat());
        let length = u8::try_from(data.len()).map_err(|_| Unusable)?;
        Ok([b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length], &data].concat())
    }

    /// A `COSE_Key` (RFC 9053 §7.1.1): `{kty: EC2, alg: ES256, crv: P-256, x: …, y: …}`.
    fn public_key(&self) -> Result<Vec<u8>, Unusable> {
        let point = self.signing.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().ok_or(Unusable)?, point.y().ok_or(Unusable)?);
        Ok([b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat())
    }
}

/// What the page told the key (client data, §5.8.1).
fn client_data(kind: &str, challenge: &str, origin: &str) -> String {
    json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}).to_string()
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Mark, Method, Prompt, RelyingParty, Setup, Timestamp};

    use super::*;
    use crate::{
        method::{self, About, Opened, Reach, Verdict},
        passkey::{self, PasskeyAnswer},
        testing::{CountingEntropy, about_ann, occasion},
    };

    const ORIGIN: &str = "https://kasa.example";
    const ELSEWHERE: &str = "https://kasa.evil.example";
    const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);

    /// What a page of this origin registers: the key, and the material of its factor where the registration is right.
    fn registered(party: &RelyingParty, origin: &str) -> (SoftwareKey, Option<Opened>) {
        let about = About { party: Some(party), user: [7; 16], now: NOW, ..about_ann() };
        let (pending, setup) = method::begin(Method::WebAuthn, about, &CountingEntropy).unwrap();
        let Setup::WebAuthn { options } = setup else { panic!("options") };
        let (key, made) = SoftwareKey::register(&options, origin, &CountingEntropy).unwrap();
        let bound = method::bind(Method::WebAuthn, &pending, &Secret::new(made), NOW).unwrap();
        (key, bound.map(|bound| bound.material))
    }

    fn party() -> RelyingParty {
        RelyingParty::new("kasa.example", vec![ORIGIN.parse().unwrap()]).unwrap()
    }

    #[test]
    fn it_is_a_second_step_at_its_own_pages() {
        let party = party();
        assert!(registered(&party, ELSEWHERE).1.is_none());
        let (mut key, material) = registered(&party, ORIGIN);
        let (material, product) = (material.unwrap(), "kasa".parse().unwrap());
        let reach = Reach { email: None, party: Some(&party) };
        let posed = method::pose(Method::WebAuthn, &material, reach, &occasion(&product), &CountingEntropy);
        let posed = posed.unwrap();
        let Prompt::WebAuthn { options } = posed.prompt else { panic!("options") };
        let mut verdict = |origin| {
            let signed = Secret::new(key.sign(&options, origin).unwrap());
            method::verify(Method::WebAuthn, (&material, Mark(0)), posed.material.as_ref(), &signed, NOW)
        };
        assert!(matches!(verdict(ELSEWHERE).unwrap(), Verdict::Wrong));
        let Verdict::Right(consumes) = verdict(ORIGIN).unwrap() else { panic!("the key is right") };
        assert_eq!(consumes.mark, Some(Mark(2)), "it counts what it signs");
    }

    #[test]
    fn it_is_a_first_factor_that_names_its_account() {
        let party = party();
        let (mut key, material) = registered(&party, ORIGIN);
        let asked = passkey::ask(&party).unwrap();
        let signed = PasskeyAnswer::read(&Secret::new(key.sign(&asked.options, ORIGIN).unwrap())).unwrap();
        assert_eq!((signed.account, &signed.challenge), ([7; 16], &asked.challenge));
        let verdict = passkey::verify(&material.unwrap(), &asked.material, &signed).unwrap();
        assert!(matches!(verdict, Verdict::Right(_)), "{verdict:?}");
    }
}
