//! Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 s, one step either side.
//!
//! Never decides whether a code is *used*: it names the step, and the table that keeps the newest
//! accepted step decides (INV-2).

use tidegate_core::{Secret, Step, Timestamp};
use totp_rs::{Builder, Totp};

/// Bytes of a new secret: 160 bits (RFC 4226 §4).
pub const SECRET: usize = 20;
const PERIOD: u64 = 30;
/// Steps accepted on each side of now: 30 s of drift.
const SKEW: u16 = 1;

/// What a code says about a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Right, and newer than every accepted step; consuming it must still be compared-and-set.
    Fresh(Step),
    /// Right, but this step or a later one was accepted before.
    Used,
    Wrong,
}

/// What the owner's app needs.
pub struct Provisioning {
    pub otpauth_uri: Secret<String>,
    pub base32: Secret<String>,
}

/// The secret cannot be used: it is shorter than 128 bits, or a label has a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a TOTP secret or its label cannot be used")]
pub struct Unusable;

/// Blanks in a code do not matter: apps show them in groups.
pub fn verify(
    seed: &Secret<Vec<u8>>,
    last_step: Step,
    code: &Secret<String>,
    now: Timestamp,
) -> Result<Verdict, Unusable> {
    let totp = totp(seed, "account", None)?;
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
    let digits: Secret<String> = Secret::new(code.expose().chars().filter(|c| !c.is_whitespace()).collect());
    let matched = totp.check(digits.expose(), seconds).and_then(|step| i64::try_from(step).ok()).map(Step);
    Ok(match matched {
        Some(step) if step > last_step => Verdict::Fresh(step),
        Some(_) => Verdict::Used,
        None => Verdict::Wrong,
    })
}

/// The code that an authenticator shows at an instant.
pub fn generate(seed: &Secret<Vec<u8>>, at: Timestamp) -> Result<Secret<String>, Unusable> {
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
    Ok(Secret::new(totp(seed, "account", None)?.generate(seconds).to_string()))
}

/// The secret of an otpauth URI, as an authenticator reads it.
pub fn read_uri(uri: &Secret<String>) -> Result<Secret<Vec<u8>>, Unusable> {
    let totp = Totp::from_url(uri.expose()).map_err(|_| Unusable)?;
    Ok(Secret::new(totp.secret().as_bytes().to_vec()))
}

/// Colons separate issuer and account in the URI, so they are left out of both.
pub fn provision(seed: &Secret<Vec<u8>>, account: &str, issuer: &str) -> Result<Provisioning, Unusable> {
    let plain = |text: &str| text.replace(':', " ");
    let totp = totp(seed, &plain(account), Some(plain(issuer)))?;
    Ok(Provisioning {
        otpauth_uri: Secret::new(totp.to_url().map_err(|_| Unusable)?),
        base32: Secret::new(totp.secret().to_base32()),
    })
}

fn totp(seed: &Secret<Vec<u8>>, account: &str, issuer: Option<String>) -> Result<Totp, Unusable> {
    Builder::new()
        .with_secret(seed.expose().clone())
        .with_skew(SKEW)
        .with_step_duration(PERIOD)
        .with_account_name(account)
        .with_issuer(issuer)
        .build()
        .map_err(|_| Unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Secret<Vec<u8>> {
        Secret::new(b"12345678901234567890".to_vec())
    }

    /// RFC 6238, appendix B, SHA-1; the last six of the eight digits.
    #[test]
    fn rfc_6238_vectors_hold() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp::from_unix_micros(seconds * 1_000_000);
            assert_eq!(generate(&seed(), at).unwrap().expose(), code);
            let verdict = verify(&seed(), Step(0), &Secret::new(code.into()), at).unwrap();
            assert_eq!(verdict, Verdict::Fresh(Step(seconds / 30)), "{seconds}");
        }
    }

    #[test]
    fn one_step_either_side_counts_and_no_more() {
        let now = Timestamp::from_unix_micros(1_700_000_015_000_000);
        let at = |seconds: i64| Timestamp::from_unix_micros(now.unix_micros() + seconds * 1_000_000);
        let verdict =
            |seconds| verify(&seed(), Step(0), &generate(&seed(), at(seconds)).unwrap(), now).unwrap();
        let step = now.unix_seconds() / 30;
        assert_eq!(verdict(-30), Verdict::Fresh(Step(step - 1)));
        assert_eq!(verdict(30), Verdict::Fresh(Step(step + 1)));
        assert_eq!(verdict(-60), Verdict::Wrong);
        assert_eq!(verdict(60), Verdict::Wrong);
    }

    #[test]
    fn inv_02_a_step_not_after_the_last_is_used() {
        let now = Timestamp::from_unix_micros(1_700_000_015_000_000);
        let code = generate(&seed(), now).unwrap();
        let step = now.unix_seconds() / 30;
        assert_eq!(verify(&seed(), Step(step), &code, now).unwrap(), Verdict::Used);
        assert_eq!(verify(&seed(), Step(step - 1), &code, now).unwrap(), Verdict::Fresh(Step(step)));
    }

    #[test]
    fn blanks_do_not_matter_and_other_letters_do() {
        let at = Timestamp::from_unix_micros(59_000_000);
        let verdict = |code: &str| verify(&seed(), Step(0), &Secret::new(code.into()), at).unwrap();
        assert_eq!(verdict("287 082"), Verdict::Fresh(Step(1)));
        for code in ["", "28708", "2870822", "28708x", "２８７０８２"] {
            assert_eq!(verdict(code), Verdict::Wrong, "{code}");
        }
    }

    #[test]
    fn an_app_reads_what_was_provisioned() {
        let shown = provision(&seed(), "ann@example.com", "Kasa: home").unwrap();
        assert_eq!(read_uri(&shown.otpauth_uri).unwrap().expose(), seed().expose());
        assert!(shown.otpauth_uri.expose().contains("issuer=Kasa%20%20home"));
        assert_eq!(shown.base32.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
