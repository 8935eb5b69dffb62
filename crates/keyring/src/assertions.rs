//! Signs assertions: tokens that a verifier checks with a published key, without asking the server (JWT, RFC 7519). The
//! signature is ES256, ECDSA over P-256 with SHA-256 (RFC 7518 §3.4), because every library knows it.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value, json};
use tidegate_core::{Entropy, RealmId, Sealed, Secret, SigningKeyId};

use crate::{Keyring, SealContext, Unreadable};

/// A signing key that was opened.
pub struct AssertionSigner {
    id: SigningKeyId,
    key: SigningKey,
}

/// The type of a token, so that no verifier takes a token of another kind for an assertion (RFC 8725 §3.11).
const TYPE: &str = "tidegate-assertion+jwt";
/// Not every number is a key; one of these is, except in less than 1 of 2^128 cases.
const TRIES: usize = 4;

impl Keyring {
    /// Makes a key for a realm, and seals it.
    pub fn new_signing_key(
        &self,
        realm: RealmId,
        id: SigningKeyId,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        for _ in 0..TRIES {
            let number: Secret<[u8; 32]> = Secret::new(entropy.bytes());
            if SigningKey::from_slice(number.expose()).is_ok() {
                let bytes = Secret::new(number.expose().to_vec());
                return self.seal(&SealContext::SigningKey { realm, key: id }, &bytes, entropy);
            }
        }
        Err(Unreadable::Damaged)
    }

    pub fn signer(
        &self,
        realm: RealmId,
        id: SigningKeyId,
        sealed: &Sealed,
    ) -> Result<AssertionSigner, Unreadable> {
        let bytes = self.open(&SealContext::SigningKey { realm, key: id }, sealed)?;
        let key = SigningKey::from_slice(bytes.expose()).map_err(|_| Unreadable::Damaged)?;
        Ok(AssertionSigner { id, key })
    }
}

impl AssertionSigner {
    /// The public key as a member of a JWK set (RFC 7517).
    pub fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        // `04`, then the coordinates, 32 bytes each.
        let coordinate =
            |from: usize| BASE64.encode(point.as_bytes().get(from..from + 32).unwrap_or_default());
        json!({
            "kty": "EC", "crv": "P-256", "x": coordinate(1), "y": coordinate(33),
            "use": "sig", "alg": "ES256", "kid": self.id.to_string(),
        })
    }

    /// The token with these claims, a JSON object, in the compact form (RFC 7515 §7.1).
    pub fn sign(&self, claims: &[u8]) -> Secret<String> {
        let header = json!({"typ": TYPE, "alg": "ES256", "kid": self.id.to_string()}).to_string();
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        Secret::new(format!("{signed}.{}", BASE64.encode(signature.to_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::{VerifyingKey, signature::Verifier as _};
    use tidegate_core::Id;

    use super::*;
    use crate::{MasterFile, fixed_entropy::FixedEntropy};

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);
    const KEY: SigningKeyId = Id::from_uuid_bytes([2; 16]);

    fn keyring() -> Keyring {
        Keyring::new(&MasterFile::generate(&FixedEntropy))
    }

    fn decoded(text: &Value) -> Vec<u8> {
        BASE64.decode(text.as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_published_key_verifies_what_was_signed_and_nothing_else() {
        let keyring = keyring();
        let sealed = keyring.new_signing_key(REALM, KEY, &FixedEntropy).unwrap();
        let signer = keyring.signer(REALM, KEY, &sealed).unwrap();
        let token = signer.sign(br#"{"sub":"acct_1"}"#);
        let parts: Vec<_> = token.expose().split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{parts:?}") };
        let header: Value = serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap();
        assert_eq!(header, json!({"typ": "tidegate-assertion+jwt", "alg": "ES256", "kid": KEY.to_string()}));
        let jwk = signer.jwk();
        assert_eq!((&jwk["kid"], &jwk["alg"], &jwk["use"]), (&header["kid"], &header["alg"], &json!("sig")));
        assert!(jwk.get("d").is_none(), "the private number is not published");
        let point = [vec![4], decoded(&jwk["x"]), decoded(&jwk["y"])].concat();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        let signature = Signature::from_slice(&BASE64.decode(signature).unwrap()).unwrap();
        let content = token.expose().rsplit_once('.').unwrap().0;
        assert!(key.verify(content.as_bytes(), &signature).is_ok());
        assert!(key.verify(format!("{content}x").as_bytes(), &signature).is_err());
        assert_eq!(BASE64.decode(claims).unwrap(), br#"{"sub":"acct_1"}"#);
    }

    #[test]
    fn inv_46_a_signing_key_opens_in_its_realm_and_row_only() {
        let keyring = keyring();
        let sealed = keyring.new_signing_key(REALM, KEY, &FixedEntropy).unwrap();
        let other = [3; 16];
        assert!(keyring.signer(Id::from_uuid_bytes(other), KEY, &sealed).is_err());
        assert!(keyring.signer(REALM, Id::from_uuid_bytes(other), &sealed).is_err());
        assert!(keyring.signer(REALM, KEY, &Sealed(vec![])).is_err());
    }
}
