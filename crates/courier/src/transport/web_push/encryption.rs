//! Encrypts a notification for a subscription: RFC 8291, with the content coding `aes128gcm` (RFC 8188) in one record.
//!
//! Only the browser can read it: the push service sees its length.

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::Aead as _};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman, elliptic_curve::sec1::ToSec1Point as _};
use sha2::Sha256;
use tidegate_core::Entropy;

/// The keys that a browser gave: its public key, and a secret that the push service does not know.
pub(super) struct Subscription<'s> {
    key: PublicKey,
    point: &'s [u8],
    auth: &'s [u8],
}

/// The record size (RFC 8188 §2.1). Push services must take a body of this length (RFC 8030 §7.2).
const RECORD: usize = 4_096;
/// Salt, record size, length of the key, key (RFC 8188 §2.1).
const HEADER: usize = 16 + 4 + 1 + 65;
/// Marks the last record (RFC 8188 §2), and the tag of AES-GCM.
const TRAILER: usize = 1 + 16;
/// How often a random number may be no key. A random number is no key once in 2³².
const MAX_DRAWS: usize = 8;

impl<'s> Subscription<'s> {
    /// `None`: the public key is not on the curve.
    pub(super) fn read(point: &'s [u8], auth: &'s [u8]) -> Option<Self> {
        let key = PublicKey::from_sec1_bytes(point).ok()?;
        Some(Self { key, point, auth })
    }

    /// With a new key pair and salt. `None`: the content is too long.
    pub(super) fn encrypt(&self, content: &[u8], entropy: &dyn Entropy) -> Option<Vec<u8>> {
        let secret = (0..MAX_DRAWS).find_map(|_| SecretKey::from_slice(&entropy.bytes::<32>()).ok())?;
        self.encrypt_with(content, &secret, entropy.bytes())
    }

    fn encrypt_with(&self, content: &[u8], secret: &SecretKey, salt: [u8; 16]) -> Option<Vec<u8>> {
        if content.len() > RECORD - HEADER - TRAILER {
            return None;
        }
        let sender = secret.public_key().to_sec1_point(false);
        let shared = diffie_hellman(secret.to_nonzero_scalar(), self.key.as_affine());
        // RFC 8291 §3.4: the auth secret makes the keys unknown to a push service, which knows the public keys.
        let (mut input, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        let info = [b"WebPush: info\0", self.point, sender.as_bytes()].concat();
        Hkdf::<Sha256>::new(Some(self.auth), shared.raw_secret_bytes().as_ref())
            .expand(&info, &mut input)
            .ok()?;
        let derived = Hkdf::<Sha256>::new(Some(&salt), &input);
        derived.expand(b"Content-Encoding: aes128gcm\0", &mut key).ok()?;
        derived.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;
        // 2: the last record, without padding (RFC 8188 §2).
        let record = [content, &[2]].concat();
        let sealed = Aes128Gcm::new(&key.into()).encrypt(&nonce.into(), record.as_slice()).ok()?;
        let size = u32::try_from(RECORD).ok()?.to_be_bytes();
        let length = u8::try_from(sender.as_bytes().len()).ok()?;
        Some([&salt, size.as_slice(), &[length], sender.as_bytes(), &sealed].concat())
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    const POINT: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

    /// RFC 8291 §5 and appendix A.
    #[test]
    fn the_example_of_rfc_8291_is_met() {
        let (point, auth) = (bytes(POINT), bytes("BTBZMqHH6r4Tts7J_aSIgg"));
        let secret = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let subscription = Subscription::read(&point, &auth).unwrap();
        let body =
            subscription.encrypt_with(b"When I grow up, I want to be a watermelon", &secret, salt).unwrap();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(body),
            concat!(
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz",
                "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
            )
        );
    }

    #[test]
    fn a_body_is_never_longer_than_push_services_must_take() {
        let (point, auth) = (bytes(POINT), [7; 16]);
        let subscription = Subscription::read(&point, &auth).unwrap();
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        let longest = vec![b'x'; RECORD - HEADER - TRAILER];
        assert_eq!(subscription.encrypt_with(&longest, &secret, [1; 16]).unwrap().len(), RECORD);
        assert!(subscription.encrypt_with(&[longest, vec![b'x']].concat(), &secret, [1; 16]).is_none());
    }

    #[test]
    fn a_key_that_is_not_on_the_curve_is_no_subscription() {
        let mut point = bytes(POINT);
        *point.last_mut().unwrap() ^= 1;
        assert!(Subscription::read(&point, &[7; 16]).is_none());
        assert!(Subscription::read(&[], &[7; 16]).is_none());
    }
}
