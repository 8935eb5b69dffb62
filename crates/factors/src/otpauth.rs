//! Secrets of authenticator apps that come from elsewhere: the Key URI format (`otpauth://totp/…`), and the payload by which
//! the common app moves its accounts (`otpauth-migration://offline?data=…`).
//!
//! Both are read strictly: what an app would ignore or guess is refused, because a wrong guess locks an owner out.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost::Message as _;
use tidegate_core::{Authenticator, Mark, Method, OtpHash, Secret, Timestamp};
use url::Url;

use crate::{
    method::Opened,
    totp::{self, Seed},
};

/// Bytes of a secret: 80 bits are accepted from elsewhere; more than 512 bits add nothing (RFC 6238 §5.1).
const BYTES: std::ops::RangeInclusive<usize> = 10..=64;
/// Secrets of fewer bits are not made any more (RFC 4226 §4 R6).
pub const STRONG: usize = 128;
/// The longest text that is read, in bytes.
const LONGEST: usize = 8_192;

/// Why a text is not read. It says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    #[error("must be otpauth://totp/… or otpauth-migration://offline?data=…, at most 8192 bytes")]
    Form,
    #[error("must have a secret in base 32, of 80 to 512 bits")]
    Secret,
    #[error("must have algorithm SHA1, SHA256 or SHA512")]
    Algorithm,
    #[error("must have 6 or 8 digits")]
    Digits,
    #[error("must have a period of 30 or 60 seconds")]
    Period,
    #[error("must hold time-based codes: counters (HOTP) are not supported")]
    Counter,
    #[error("must be a whole migration payload, and hold an account")]
    Payload,
}

/// A factor that can be stored.
pub struct Imported {
    pub method: Method,
    pub material: Opened,
    /// No code of a step up to this one is accepted: it may have been used elsewhere.
    pub mark: Mark,
    pub bits: usize,
}

/// The factors of one text, in its order; at least one.
pub fn read(text: &Secret<String>, now: Timestamp) -> Result<Vec<Imported>, NotRead> {
    if text.expose().len() > LONGEST {
        return Err(NotRead::Form);
    }
    let uri = Url::parse(text.expose()).map_err(|_| NotRead::Form)?;
    let seeds = match (uri.scheme(), uri.host_str()) {
        ("otpauth", Some("totp")) => vec![of_uri(&uri)?],
        ("otpauth", Some("hotp")) => return Err(NotRead::Counter),
        ("otpauth-migration", Some("offline")) => of_payload(&uri)?,
        _ => return Err(NotRead::Form),
    };
    let import = |seed: Seed| Imported {
        method: Method::Totp,
        bits: seed.secret.expose().len() * 8,
        mark: seed.step(now),
        material: totp::material(&seed),
    };
    Ok(seeds.into_iter().map(import).collect())
}

fn of_uri(uri: &Url) -> Result<Seed, NotRead> {
    let (mut secret, mut style) = (None, Authenticator::default());
    for (name, value) in uri.query_pairs() {
        match name.as_ref() {
            "secret" => secret = Some(value.into_owned()),
            "algorithm" => style.hash = hash(&value)?,
            "digits" => style.digits = digits(value.parse().map_err(|_| NotRead::Digits)?)?,
            "period" => style.period = period(value.parse().map_err(|_| NotRead::Period)?)?,
            _ => {}
        }
    }
    let secret = totp_rs::Secret::try_from_base32(secret.ok_or(NotRead::Secret)?.trim_end_matches('='));
    seed(secret.map_err(|_| NotRead::Secret)?.as_bytes(), style)
}

fn hash(name: &str) -> Result<OtpHash, NotRead> {
    match name.to_ascii_uppercase().replace('-', "").as_str() {
        "SHA1" | "HMACSHA1" => Ok(OtpHash::Sha1),
        "SHA256" | "HMACSHA256" => Ok(OtpHash::Sha256),
        "SHA512" | "HMACSHA512" => Ok(OtpHash::Sha512),
        _ => Err(NotRead::Algorithm),
    }
}

const fn digits(digits: u8) -> Result<u8, NotRead> {
    if matches!(digits, 6 | 8) { Ok(digits) } else { Err(NotRead::Digits) }
}

const fn period(period: u32) -> Result<u32, NotRead> {
    if matches!(period, 30 | 60) { Ok(period) } else { Err(NotRead::Period) }
}

fn seed(secret: &[u8], style: Authenticator) -> Result<Seed, NotRead> {
    if BYTES.contains(&secret.len()) {
        Ok(Seed { secret: Secret::new(secret.to_vec()), style })
    } else {
        Err(NotRead::Secret)
    }
}

/// The common app's payload. Its schema is not published; these are the fields that it writes.
#[derive(prost::Message)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    accounts: Vec<Account>,
}

#[derive(prost::Message)]
struct Account {
    #[prost(bytes = "vec", tag = "1")]
    secret: Vec<u8>,
    /// 1: SHA-1, 2: SHA-256, 3: SHA-512, 4: MD5.
    #[prost(int32, tag = "4")]
    algorithm: i32,
    /// 1: six, 2: eight.
    #[prost(int32, tag = "5")]
    digits: i32,
    /// 1: by a counter, 2: by time.
    #[prost(int32, tag = "6")]
    kind: i32,
}

fn of_payload(uri: &Url) -> Result<Vec<Seed>, NotRead> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&STANDARD, config);
    let data = uri.query_pairs().find(|(name, _)| name == "data").ok_or(NotRead::Payload)?.1;
    // A `+` that was not percent-encoded is read as a blank.
    let bytes = base64.decode(data.replace(' ', "+")).map_err(|_| NotRead::Payload)?;
    let payload = Payload::decode(bytes.as_slice()).map_err(|_| NotRead::Payload)?;
    let seeds: Vec<_> = payload.accounts.iter().map(of_account).collect::<Result<_, _>>()?;
    if seeds.is_empty() { Err(NotRead::Payload) } else { Ok(seeds) }
}

/// The payload has no period: the app knows only 30 seconds.
fn of_account(account: &Account) -> Result<Seed, NotRead> {
    if account.kind != 2 {
        return Err(NotRead::Counter);
    }
    let hash = match account.algorithm {
        0 | 1 => OtpHash::Sha1,
        2 => OtpHash::Sha256,
        3 => OtpHash::Sha512,
        _ => return Err(NotRead::Algorithm),
    };
    let digits = match account.digits {
        0 | 1 => 6,
        2 => 8,
        _ => return Err(NotRead::Digits),
    };
    seed(&account.secret, Authenticator { hash, digits, ..Authenticator::default() })
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.accounts.iter_mut().for_each(|account| zeroize::Zeroize::zeroize(&mut account.secret));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_core::Answer;

    use super::*;
    use crate::method::{self, Verdict};

    const NOW: Timestamp = Timestamp::from_unix_micros(59_000_000);

    fn all(text: &str) -> Result<Vec<Imported>, NotRead> {
        read(&Secret::new(text.to_owned()), NOW)
    }

    fn one(text: &str) -> Imported {
        all(text).unwrap_or_else(|why| panic!("{text}: {why}")).remove(0)
    }

    fn wrong(text: &str) -> NotRead {
        all(text).map(|read| read.len()).unwrap_err()
    }

    /// Whether the code is right at 59 s, where RFC 6238 has its first vectors.
    fn accepts(imported: &Imported, code: &str) -> bool {
        let code = Answer::Code(Secret::new(code.to_owned()));
        let Ok(code) = method::read(Method::Totp, &imported.material, None, &code) else { return false };
        let verdict = method::verify(Method::Totp, (&imported.material, Mark(0)), None, &code, NOW).unwrap();
        matches!(verdict, Verdict::Right(_))
    }

    /// The vectors of RFC 6238, appendix B: SHA-1, SHA-256 and SHA-512 with secrets of their lengths.
    #[test]
    fn codes_of_every_hash_are_those_of_the_standard() {
        let base32 = |text: &str| totp_rs::Secret::from(text.as_bytes().to_vec()).to_base32();
        for (hash, secret, code) in [
            ("SHA1", "12345678901234567890", "94287082"),
            ("SHA256", "12345678901234567890123456789012", "46119246"),
            ("SHA512", "1234567890123456789012345678901234567890123456789012345678901234", "90693936"),
        ] {
            let uri = format!(
                "otpauth://totp/Kasa:ann@example.com?secret={}&issuer=Kasa&algorithm={hash}&digits=8&period=30",
                base32(secret)
            );
            let imported = one(&uri);
            assert!(accepts(&imported, code) && !accepts(&imported, "94287083"), "{hash}");
            assert_eq!((imported.bits, imported.mark), (secret.len() * 8, Mark(1)));
        }
        let minute = one(&format!("otpauth://totp/x?secret={}&period=60", base32("12345678901234567890")));
        assert_eq!(minute.mark, Mark(0), "the first minute");
        // RFC 4226, appendix D: counts 0, 1 and 2. The first minute is spent, and the third is too far away.
        let right = ["755224", "287082", "359152"].map(|code| accepts(&minute, code));
        assert_eq!(right, [false, true, false]);
    }

    #[test]
    fn a_short_secret_is_taken_and_a_shorter_one_is_not() {
        assert_eq!(one("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ").bits, 80);
        for secret in ["", "GEZDGNBVGY3TQOI", "not base 32!", "0189"] {
            assert_eq!(wrong(&format!("otpauth://totp/x?secret={secret}")), NotRead::Secret, "{secret}");
        }
        assert_eq!(wrong(&format!("otpauth://totp/x?secret={}", "A".repeat(104))), NotRead::Secret);
        assert_eq!(wrong("otpauth://totp/x"), NotRead::Secret);
    }

    #[test]
    fn what_an_app_would_guess_is_refused() {
        let uri = |more: &str| format!("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&{more}");
        assert_eq!(wrong(&uri("algorithm=MD5")), NotRead::Algorithm);
        assert_eq!(wrong(&uri("digits=7")), NotRead::Digits);
        assert_eq!(wrong(&uri("digits=six")), NotRead::Digits);
        assert_eq!(wrong(&uri("period=0")), NotRead::Period);
        assert_eq!(wrong(&uri("period=15")), NotRead::Period);
        assert_eq!(wrong("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1"), NotRead::Counter);
        for text in
            ["", "GEZDGNBVGY3TQOJQ", "https://kasa.example/", "otpauth://steam/x", &uri(&"x".repeat(9_000))]
        {
            assert_eq!(wrong(text), NotRead::Form);
        }
    }

    /// A payload as the app shows it in a QR code, made from fields with these numbers.
    fn payload(accounts: Vec<Account>) -> String {
        let data = base64::prelude::BASE64_STANDARD.encode(Payload { accounts }.encode_to_vec());
        let mut uri = Url::parse("otpauth-migration://offline").unwrap();
        uri.query_pairs_mut().append_pair("data", &data);
        uri.to_string()
    }

    fn account() -> Account {
        Account { secret: b"12345678901234567890".to_vec(), algorithm: 1, digits: 1, kind: 2 }
    }

    #[test]
    fn a_migration_payload_holds_several_accounts() {
        let eight = Account { digits: 2, ..account() };
        let read = all(&payload(vec![account(), eight])).unwrap();
        assert_eq!(read.len(), 2);
        assert!(accepts(&read[0], "287082") && accepts(&read[1], "94287082"));
        // As the app writes it: with a name, an issuer, a version and a batch that are skipped.
        let app = "otpauth-migration://offline?data=CjEKCkhello%21";
        assert_eq!(wrong(app), NotRead::Payload);
        let written = "otpauth-migration://offline?data=CjgKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEhRLYXNhOmFubkBleGFtcGxlLmNvbRoES2FzYSABKAEwAhABGAEgACiOspWX%2Bf%2F%2F%2F%2F8B";
        assert!(accepts(&one(written), "287082"));
        assert_eq!(wrong(&payload(vec![])), NotRead::Payload);
        assert_eq!(wrong("otpauth-migration://offline"), NotRead::Payload);
        assert_eq!(wrong(&payload(vec![Account { kind: 1, ..account() }])), NotRead::Counter);
        assert_eq!(wrong(&payload(vec![Account { algorithm: 4, ..account() }])), NotRead::Algorithm);
        assert_eq!(wrong(&payload(vec![Account { digits: 3, ..account() }])), NotRead::Digits);
        assert_eq!(
            wrong(&payload(vec![account(), Account { secret: vec![1; 9], ..account() }])),
            NotRead::Secret
        );
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
            let _ = all(&text);
            let _ = all(&format!("otpauth://totp/{text}?secret={text}"));
            let data = base64::prelude::BASE64_URL_SAFE.encode(&bytes);
            let _ = all(&format!("otpauth-migration://offline?data={data}"));
        }
    }
}
