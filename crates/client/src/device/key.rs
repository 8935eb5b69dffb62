//! The key pair of a device: Ed25519 (RFC 8032). The private key never leaves the device.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, pkcs8::DecodePrivateKey as _};
use tidegate_core::{Entropy, Secret, Timestamp};
use tidegate_proto as proto;

use super::signed_lines::{self, PushDecision, PushMethod, Unsignable};

/// What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410 §7).
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key in a `SubjectPublicKeyInfo` (RFC 8410 §4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The private key of a device. `Debug` prints only the public key; the private key is wiped on drop.
#[derive(Debug)]
pub struct DeviceKey(SigningKey);

/// The text is not a private key that a device can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 private key in PEM (PKCS #8)")]
pub struct DeviceKeyError;

impl DeviceKey {
    /// A new key. `entropy` must be the random source of the operating system.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_seed(&Secret::new(entropy.bytes()))
    }

    /// The key of a seed (RFC 8032 §5.1.5), which is the private key.
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(seed.expose()))
    }

    pub fn seed(&self) -> Secret<[u8; 32]> {
        Secret::new(self.0.to_bytes())
    }

    /// Reads PKCS #8 in PEM, as [`DeviceKey::to_pem`] and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    /// The text is not such a key.
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, DeviceKeyError> {
        SigningKey::from_pkcs8_pem(pem.expose()).map(Self).map_err(|_| DeviceKeyError)
    }

    /// PKCS #8 in PEM (RFC 7468 §10), to be stored where only the app can read it.
    pub fn to_pem(&self) -> Secret<String> {
        let der = Secret::new([PRIVATE_PREFIX.as_slice(), self.seed().expose()].concat());
        let body = Secret::new(STANDARD.encode(der.expose()));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", body.expose());
        Secret::new(pem)
    }

    /// The public key as `DeviceKey.public_key` of the contract takes it: a DER-encoded `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> Vec<u8> {
        [PUBLIC_PREFIX.as_slice(), self.0.verifying_key().as_bytes()].concat()
    }

    /// The answer that completes an enrollment: a signature over the nonce of the device's setup.
    pub fn sign_enrollment(&self, nonce: &[u8]) -> proto::PushDecision {
        let signature = self.sign(&signed_lines::enrollment(nonce));
        proto::PushDecision { approve: true, signature, ..Default::default() }
    }

    /// Shows that a call comes from this device, at this time, and with this address.
    ///
    /// # Errors
    /// The address is empty, or a text has a control character.
    pub fn sign_request(
        &self,
        method: PushMethod,
        factor_id: &str,
        time: Timestamp,
        address: Option<&proto::PushAddress>,
    ) -> Result<proto::DeviceProof, Unsignable> {
        let lines = signed_lines::request(method, factor_id, time, address)?;
        let signature = self.sign(&lines);
        let mut proof =
            proto::DeviceProof { factor_id: factor_id.to_owned(), signature, ..Default::default() };
        proof.sign_time.get_or_insert_default().seconds = time.unix_seconds();
        Ok(proof)
    }

    /// Signs what the person decided, over what the device showed.
    ///
    /// # Errors
    /// The push is not one that is decided, a text has a control character, or the number is not digits.
    pub fn sign_decision(
        &self,
        push: &proto::Push,
        decision: PushDecision<'_>,
    ) -> Result<proto::PushDecision, Unsignable> {
        let signature = self.sign(&signed_lines::decision(push, decision)?);
        Ok(proto::PushDecision {
            approve: matches!(decision, PushDecision::Approve { .. }),
            number: decision.number().to_owned(),
            report: matches!(decision, PushDecision::Report),
            signature,
        })
    }

    fn sign(&self, lines: &str) -> Vec<u8> {
        self.0.sign(lines.as_bytes()).to_bytes().to_vec()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proto::push_address::Address;

    use super::*;

    /// The private and the public key of RFC 8410 §10.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    pub fn key() -> DeviceKey {
        DeviceKey::from_pem(&Secret::new(PEM.to_owned())).unwrap()
    }

    pub fn push() -> proto::Push {
        let mut push = proto::Push {
            challenge_id: "chl_01h455vb4pex5vsknk084sn02q".into(),
            method: proto::Method::Push.into(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            account_id: "acct_01h455vb4pex5vsknk084sn02q".into(),
            product: "kasa".into(),
            context: "Firefox on Linux, 203.0.113.7".into(),
            nonce: (0..32).collect(),
            ..Default::default()
        };
        let expires = push.expire_time.get_or_insert_default();
        // 2026-03-02T09:01:00Z, and nearly one second.
        (expires.seconds, expires.nanos) = (1_772_442_060, 999_000_000);
        push
    }

    pub fn at() -> Timestamp {
        Timestamp::from_rfc3339("2026-03-02T09:00:00.9Z").unwrap()
    }

    /// Signatures made by OpenSSL, of the lines that `signed_lines` tests.
    fn signed_by_openssl(signature: &[u8], expected: &str) {
        assert_eq!(STANDARD.encode(signature), expected);
    }

    #[test]
    fn keys_are_those_of_rfc_8410() {
        assert_eq!(key().to_pem().expose(), PEM);
        assert_eq!(STANDARD.encode(key().public_key()), PUBLIC);
        assert_eq!(DeviceKey::from_seed(&key().seed()).to_pem().expose(), PEM);
    }

    #[test]
    fn what_is_no_ed25519_key_is_refused() {
        let p256 = "-----BEGIN PRIVATE KEY-----\n\
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4EpZDMg0h7LCOnX4\n\
            QQf3edsJQLFG5wfRBTIJtGajrK+hRANCAAQiQAOSTMqPw5j5uFhv49CDA7EpTEEh\n\
            KOTstRMtsIzcsof+diexsvZ0pIARx8fDiVgWogpajPIozSaqNrkPrx8m\n\
            -----END PRIVATE KEY-----\n";
        for text in ["", "tgk_1_x", &PEM.replace("MC4C", "MC4D"), p256] {
            assert!(DeviceKey::from_pem(&Secret::new(text.to_owned())).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let printed = format!("{:?}", key());
        for part in ["d4ee72", "212, 238, 114", "1O5y2/"] {
            assert!(!printed.to_lowercase().contains(part), "{printed}");
        }
    }

    #[test]
    fn an_enrollment_is_signed() {
        let signed = key().sign_enrollment(&push().nonce);
        assert!(signed.approve && !signed.report && signed.number.is_empty());
        signed_by_openssl(
            &signed.signature,
            "R3R0ewwICmk2p6K6vfUthMh2B8rSCRSZvB8sJ07O5lJ6ey0eBjyXFvndrzsa+REJdbk3lee3RtHs8aca2NS6BA==",
        );
    }

    #[test]
    fn a_request_is_signed_with_its_time_in_whole_seconds() {
        let address = proto::PushAddress { address: Some(Address::FcmToken("dGVzdA:APA91b".to_owned())) };
        let proof = key().sign_request(PushMethod::WatchPushes, "fac_1", at(), Some(&address)).unwrap();
        let time = proof.sign_time.unwrap();
        assert_eq!((proof.factor_id.as_str(), time.seconds, time.nanos), ("fac_1", 1_772_442_000, 0));
        signed_by_openssl(
            &proof.signature,
            "33f5QA1ADsBlVVAa8PpGeSMg3z8OMMhV1rI0B0NEAj9YZsAtF+g+tIbK3E6+pnUpRgVwSDY25bGufr3KVEreCQ==",
        );
    }

    #[test]
    fn a_decision_is_signed_and_says_what_it_is() {
        let approved = key().sign_decision(&push(), PushDecision::Approve { number: "42" }).unwrap();
        assert!(approved.approve && !approved.report && approved.number == "42");
        signed_by_openssl(
            &approved.signature,
            "EQgJNgO6LQH3uGWUuRlpCv4sutIz2pif8AsNAIxeeOo+s2woLMcnXrNO1h1HNRLVMwtBFbrDq+NUP430C5mIDg==",
        );
        let reported = key().sign_decision(&push(), PushDecision::Report).unwrap();
        assert!(!reported.approve && reported.report && reported.number.is_empty());
        let denied = key().sign_decision(&push(), PushDecision::Deny).unwrap();
        assert!(!denied.approve && !denied.report && denied.number.is_empty());
        assert_ne!(denied.signature, reported.signature);
    }
}
