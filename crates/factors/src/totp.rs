//! Time-based one-time passwords (RFC 6238): usually in the variant that every authenticator app supports (SHA-1, 6 digits,
//! 30 s), and in every other one of SHA-1, SHA-256 and SHA-512, 6 or 8 digits, 30 or 60 s. One step on either side is
//! accepted.
//!
//! The mark is the time step. A code of the newest accepted step or an earlier one counts as used
//! (INV-2).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, AnswerForm, Authenticator as Style, Entropy, Mark, OtpHash, Secret, Setup, Timestamp,
};
use totp_rs::{Algorithm, Builder, Totp as Generator};

use crate::{
    code,
    method::{
        About, Asked, Consumes, FirstProof, Kind, Malformed, Occasion, Opened, Reach, Rules, SECOND_FACTOR,
        Unusable, Verdict,
    },
    qr,
};

/// Bytes of a new secret: 160 bits (RFC 4226 §4).
pub const SECRET: usize = 20;
/// Steps accepted on each side of now: 30 s of drift.
const SKEW: u16 = 1;
/// Characters of each name in a QR code. So many fit, whatever the characters are.
const DRAWN: usize = 60;

pub(crate) struct Totp;

/// A secret, and what its codes are computed with.
pub(crate) struct Seed {
    pub(crate) secret: Secret<Vec<u8>>,
    pub(crate) style: Style,
}

impl Seed {
    /// The time step of an instant.
    pub(crate) fn step(&self, now: Timestamp) -> Mark {
        Mark(i64::try_from(seconds(now) / u64::from(self.style.period)).unwrap_or(i64::MAX))
    }
}

/// For each length of a step: the last step that may have been used by `now`, and the last one that a clock that showed
/// `until` can have accepted. The ranges of two lengths never meet, because one is twice the other.
pub fn steps_ahead(now: Timestamp, until: Timestamp) -> [(Mark, Mark); 2] {
    PERIODS.map(|period| {
        let step = |at: Timestamp| i64::try_from(seconds(at) / u64::from(period)).unwrap_or(i64::MAX);
        // A code is accepted one step before its time.
        (Mark(step(now).saturating_add(1)), Mark(step(until).saturating_add(1)))
    })
}

/// The lengths of a step, in seconds.
const PERIODS: [u32; 2] = [30, 60];

/// The material of a factor with this seed.
pub(crate) fn material(seed: &Seed) -> Opened {
    let kept = Authenticator::of(&seed.secret, seed.style);
    // A struct of text and numbers always has a JSON form.
    Secret::new(serde_json::to_vec(&kept).unwrap_or_default())
}

/// The secret in base 32 (RFC 4648 §6), and the parameters of its codes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authenticator {
    secret: String,
    #[serde(default)]
    algorithm: OtpHash,
    #[serde(default = "six")]
    digits: u8,
    /// Seconds.
    #[serde(default = "thirty")]
    period: u32,
}

const fn six() -> u8 {
    6
}

const fn thirty() -> u32 {
    30
}

impl Drop for Authenticator {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Authenticator {
    fn of(secret: &Secret<Vec<u8>>, Style { hash, digits, period }: Style) -> Self {
        let secret = totp_rs::Secret::from(secret.expose().clone()).to_base32();
        Self { secret, algorithm: hash, digits, period }
    }

    /// The newest step whose code is accepted now.
    pub(crate) fn floor(&self, now: Timestamp) -> Mark {
        let step = seconds(now) / u64::from(self.period.max(1)) + u64::from(SKEW);
        Mark(i64::try_from(step).unwrap_or(i64::MAX))
    }

    fn generator(&self, account: &str, issuer: Option<String>) -> Result<Generator, Unusable> {
        let secret = totp_rs::Secret::try_from_base32(&self.secret).map_err(|_| Unusable)?;
        let algorithm = match self.algorithm {
            OtpHash::Sha1 => Algorithm::SHA1,
            OtpHash::Sha256 => Algorithm::SHA256,
            OtpHash::Sha512 => Algorithm::SHA512,
        };
        if self.period == 0 || secret.as_bytes().is_empty() {
            return Err(Unusable);
        }
        let builder = Builder::new()
            .with_secret(secret)
            .with_algorithm(algorithm)
            .with_digits(self.digits)
            .with_skew(SKEW)
            .with_step_duration(self.period.into())
            .with_account_name(account)
            .with_issuer(issuer);
        // Secrets that come from elsewhere may be shorter than the standard asks for.
        Ok(builder.build_noncompliant())
    }

    fn uri(&self, about: About<'_>, most: usize) -> Result<Secret<String>, Unusable> {
        let account = name(about.account, most);
        let issuer = Some(name(about.product, most)).filter(|issuer| !issuer.is_empty());
        let account = if account.is_empty() { "account" } else { &account };
        Ok(Secret::new(self.generator(account, issuer)?.to_url().map_err(|_| Unusable)?))
    }

    /// The time step of a right code.
    fn step(&self, code: &Secret<String>, now: Timestamp) -> Result<Option<Mark>, Unusable> {
        let step = self.generator("account", None)?.check(code.expose(), seconds(now));
        Ok(step.and_then(|step| i64::try_from(step).ok()).map(Mark))
    }
}

impl Kind for Totp {
    const RULES: Rules = Rules { several: true, ..SECOND_FACTOR };
    type Material = Authenticator;
    type Posed = ();

    fn begin(
        about: About<'_>,
        entropy: &dyn Entropy,
    ) -> Result<(Authenticator, Setup<Secret<String>>), Unusable> {
        let random: [u8; SECRET] = entropy.bytes();
        let material = Authenticator::of(&Secret::new(random.to_vec()), about.authenticator);
        let otpauth_uri = material.uri(about, usize::MAX)?;
        let drawn =
            qr::svg(&otpauth_uri).or_else(|_| qr::svg(&material.uri(about, DRAWN).map_err(|_| qr::TooLong)?));
        let qr_svg = drawn.map_err(|_| Unusable)?;
        let base32 = Secret::new(material.secret.clone());
        Ok((material, Setup::Authenticator { otpauth_uri, base32, qr_svg }))
    }

    fn read(
        material: &Authenticator,
        _: Option<&Self::Posed>,
        answer: &Answer,
    ) -> Result<Secret<String>, Malformed> {
        let Answer::Code(typed) = answer else { return Err(Malformed::Form(AnswerForm::Code)) };
        code::digits(typed, usize::from(material.digits))
    }

    fn bind(
        pending: Authenticator,
        answer: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<FirstProof<Authenticator>>, Unusable> {
        let mark = pending.step(answer, now)?;
        Ok(mark.map(|mark| FirstProof { material: pending, mark, lookup: None }))
    }

    fn pose(
        _: &Authenticator,
        _: Reach<'_>,
        _: &Occasion<'_>,
        _: &dyn Entropy,
    ) -> Result<Asked<()>, Unusable> {
        Ok(Asked::NOTHING)
    }

    fn verify(
        material: &Authenticator,
        _: Option<&()>,
        mark: Mark,
        answer: &Secret<String>,
        now: Timestamp,
    ) -> Result<Verdict, Unusable> {
        Ok(match material.step(answer, now)? {
            Some(step) if step > mark => Verdict::Right(Consumes { mark: Some(step), ..Consumes::default() }),
            Some(_) => Verdict::Used,
            None => Verdict::Wrong,
        })
    }

    /// Earlier releases stored the bare bytes of the secret.
    fn open(material: &Opened) -> Result<Authenticator, Unusable> {
        if material.expose().len() == SECRET {
            return Ok(Authenticator::of(material, Style::default()));
        }
        serde_json::from_slice(material.expose()).map_err(|_| Unusable)
    }
}

/// The code that an authenticator of the usual variant shows at an instant.
pub fn generate(secret: &Secret<Vec<u8>>, at: Timestamp) -> Result<Secret<String>, Unusable> {
    let generator = Authenticator::of(secret, Style::default()).generator("account", None)?;
    Ok(Secret::new(generator.generate(seconds(at)).to_string()))
}

/// The secret of an otpauth URI, as an authenticator reads it.
pub fn read_uri(uri: &Secret<String>) -> Result<Secret<Vec<u8>>, Unusable> {
    let totp = Generator::from_url(uri.expose()).map_err(|_| Unusable)?;
    Ok(Secret::new(totp.secret().as_bytes().to_vec()))
}

/// A name for the URI. It has no colon, because a colon separates issuer and account, and at most
/// `most` characters.
fn name(text: &str, most: usize) -> String {
    let words: Vec<_> = text.split([':', ' ']).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.unix_seconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tidegate_core::Method;

    use super::*;
    use crate::{
        method,
        testing::{CountingEntropy, about_ann},
    };

    const SHA1_SECRET: &[u8] = b"12345678901234567890";
    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_015_000_000);

    fn secret() -> Secret<Vec<u8>> {
        Secret::new(SHA1_SECRET.to_vec())
    }

    fn material(algorithm: &str, secret: &[u8], digits: u8) -> Opened {
        let secret = totp_rs::Secret::from(secret.to_vec()).to_base32();
        let json = format!(r#"{{"secret":"{secret}","algorithm":"{algorithm}","digits":{digits}}}"#);
        Secret::new(json.into_bytes())
    }

    /// The step of a right code; `Err(true)` when it is used.
    fn verify(material: &Opened, mark: i64, code: &str, now: Timestamp) -> Result<i64, bool> {
        match method::verify(Method::Totp, (material, Mark(mark)), None, &Secret::new(code.into()), now) {
            Ok(Verdict::Right(consumes)) => Ok(consumes.mark.unwrap().0),
            Ok(Verdict::Used) => Err(true),
            Ok(Verdict::Wrong) => Err(false),
            Ok(Verdict::Copied | Verdict::Denied { .. }) => panic!("a secret has no counter of its own"),
            Err(Unusable) => panic!("unusable"),
        }
    }

    /// RFC 6238, appendix B.
    #[test]
    fn rfc_6238_vectors_hold() {
        let long = b"1234567890123456789012345678901234567890123456789012345678901234";
        for (seconds, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ] {
            let at = Timestamp::from_unix_micros(seconds * 1_000_000);
            let step = Ok(seconds / 30);
            assert_eq!(generate(&secret(), at).unwrap().expose(), &sha1[2..]);
            assert_eq!(verify(&secret(), 0, &sha1[2..], at), step, "as earlier releases kept it");
            assert_eq!(verify(&material("sha1", SHA1_SECRET, 8), 0, sha1, at), step);
            assert_eq!(verify(&material("sha256", &long[..32], 8), 0, sha256, at), step);
            assert_eq!(verify(&material("sha512", &long[..64], 8), 0, sha512, at), step);
        }
    }

    #[test]
    fn one_step_either_side_counts_and_no_more() {
        let step = NOW.unix_seconds() / 30;
        let at = |seconds: i64| Timestamp::from_unix_micros(NOW.unix_micros() + seconds * 1_000_000);
        let verdict = |seconds| verify(&secret(), 0, generate(&secret(), at(seconds)).unwrap().expose(), NOW);
        assert_eq!([verdict(-30), verdict(30)], [Ok(step - 1), Ok(step + 1)]);
        assert_eq!([verdict(-60), verdict(60)], [Err(false), Err(false)]);
    }

    #[test]
    fn inv_02_a_step_not_after_the_last_is_used() {
        let step = NOW.unix_seconds() / 30;
        let code = generate(&secret(), NOW).unwrap();
        assert_eq!(verify(&secret(), step, code.expose(), NOW), Err(true));
        assert_eq!(verify(&secret(), step - 1, code.expose(), NOW), Ok(step));
    }

    #[test]
    fn inv_45_what_cannot_be_read_is_unusable() {
        for damaged in [&b""[..], b"{}", b"1234567890", br#"{"secret":"1"}"#, br#"{"secret":"","more":1}"#] {
            let damaged = Secret::new(damaged.to_vec());
            let code = Secret::new("287082".to_owned());
            let verdict = method::verify(Method::Totp, (&damaged, Mark(0)), None, &code, NOW);
            assert!(matches!(verdict, Err(Unusable)), "{:?}", damaged.expose());
        }
    }

    fn begin(account: &str, product: &str) -> (Opened, [String; 3]) {
        let about = About { account, product, now: NOW, ..about_ann() };
        let (material, setup) = method::begin(Method::Totp, about, &CountingEntropy).unwrap();
        let Setup::Authenticator { otpauth_uri, base32, qr_svg } = setup else { panic!() };
        (material, [otpauth_uri, base32, qr_svg].map(|text| text.expose().clone()))
    }

    #[test]
    fn an_app_reads_what_was_set_up() {
        let (material, [uri, base32, svg]) = begin("ann@example.com", "Kasa: home");
        assert_eq!(base32, "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT");
        assert!(uri.contains("Kasa%20home:ann") && uri.contains("issuer=Kasa%20home"), "{uri}");
        assert!(svg.contains("<svg"));
        let secret = read_uri(&Secret::new(uri)).unwrap();
        let code = generate(&secret, NOW).unwrap();
        let bound = method::bind(Method::Totp, &material, &code, NOW).unwrap().unwrap();
        assert_eq!(bound.mark, Mark(NOW.unix_seconds() / 30));
        assert_eq!(verify(&bound.material, 0, code.expose(), NOW), Ok(NOW.unix_seconds() / 30));
        assert!(method::bind(Method::Totp, &material, &Secret::new("000000".into()), NOW).unwrap().is_none());
    }

    #[test]
    fn names_of_any_length_are_drawn_and_a_colon_is_in_none() {
        let (_, [uri, _, svg]) = begin(&format!("{}@example.com", "ß".repeat(120)), &"家".repeat(200));
        assert!(uri.len() > 2_331 && svg.contains("<svg"));
        let (_, [uri, ..]) = begin(":", ": :");
        assert!(uri.starts_with("otpauth://totp/account?"), "{uri}");
    }
}
