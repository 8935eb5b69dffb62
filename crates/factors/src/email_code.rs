//! A code that is mailed to the account's verified address: 8 digits, valid for 10 minutes.
//!
//! The factor exists as long as the address is verified, and has no material: a code is sent to the address that the
//! account has then. It belongs to its challenge, and so to one sign-in or session, one purpose and one address. It is
//! worth less than a second factor, because the mailbox may be all that protects the password, too.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, AnswerForm, Channel, Email, Entropy, Level, Mark, Prompt, Recipient, Secret, Setup, Span,
    Timestamp,
};

use crate::{
    code,
    method::{
        About, Asked, Consumes, FirstProof, Kind, Malformed, Occasion, Opened, Outgoing, Reach, Rules,
        SECOND_FACTOR, Unusable, Verdict,
    },
};

/// Digits of a code; the hard limit is 10^6 values (SP 800-63B-4 §3.1.3).
pub const DIGITS: usize = 8;

pub(crate) struct EmailCode;

/// The code, and the address that it was sent to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Mailed {
    code: String,
    to: String,
}

impl Drop for Mailed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.code);
    }
}

impl Kind for EmailCode {
    const RULES: Rules = Rules {
        worth: Some(Level::Aal1Email),
        enrollable: false,
        challenge_ttl: Span::minutes(10),
        sends: Some(Channel::Mail),
        ..SECOND_FACTOR
    };
    type Material = ();
    type Posed = Mailed;

    fn begin(_: About<'_>, _: &dyn Entropy) -> Result<((), Setup<Secret<String>>), Unusable> {
        Err(Unusable)
    }

    fn read((): &(), _: Option<&Self::Posed>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Answer::Code(typed) = answer else { return Err(Malformed::Form(AnswerForm::Code)) };
        code::digits(typed, DIGITS)
    }

    fn bind((): (), _: &Secret<String>, _: Timestamp) -> Result<Option<FirstProof<()>>, Unusable> {
        Err(Unusable)
    }

    fn pose(
        (): &(),
        reach: Reach<'_>,
        _: &Occasion<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Asked<Mailed>, Unusable> {
        let address = reach.email.ok_or(Unusable)?;
        let code = code::mint(DIGITS, entropy);
        let posed = Mailed { code: code.expose().clone(), to: address.as_typed().to_owned() };
        let outgoing = Outgoing { to: Recipient::Mailbox(address.destination()), code: Some(code) };
        let prompt = Prompt::Sent { hint: address.masked() };
        Ok(Asked { posed: Some(posed), prompt, outgoing: Some(outgoing) })
    }

    fn is_for(posed: &Mailed, reach: Reach<'_>) -> bool {
        reach.email.map(Email::as_typed) == Some(posed.to.as_str())
    }

    fn verify(
        (): &(),
        posed: Option<&Mailed>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        let posed = posed.ok_or(Unusable)?;
        let right = code::is_same(&posed.code, answer);
        Ok(if right { Verdict::Right(Consumes::default()) } else { Verdict::Wrong })
    }

    fn open(_: &Opened) -> Result<(), Unusable> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Method;

    use super::*;
    use crate::{
        method::{self, Posed},
        testing::{CountingEntropy, occasion},
    };

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    fn nothing() -> Opened {
        Secret::new(Vec::new())
    }

    fn ann() -> Email {
        Email::parse("Ann@example.com").unwrap()
    }

    fn pose() -> Posed {
        let ann = ann();
        let (reach, product) = (Reach { email: Some(&ann), party: None }, "kasa".parse().unwrap());
        method::pose(Method::EmailCode, &nothing(), reach, &occasion(&product), &CountingEntropy).unwrap()
    }

    fn verify(posed: &Posed, code: &str) -> Verdict {
        let code = Answer::Code(Secret::new(code.to_owned()));
        let code = method::read(Method::EmailCode, &nothing(), posed.material.as_ref(), &code).unwrap();
        let material = nothing();
        method::verify(Method::EmailCode, (&material, Mark(0)), posed.material.as_ref(), &code, NOW).unwrap()
    }

    #[test]
    fn the_code_that_was_mailed_is_right() {
        let posed = pose();
        assert_eq!(posed.prompt, Prompt::Sent { hint: "A…@e….com".to_owned() });
        let sent = posed.outgoing.as_ref().unwrap();
        let Recipient::Mailbox(to) = &sent.to else { panic!("no mailbox") };
        assert_eq!(to.as_typed(), "Ann@example.com");
        let code = sent.code.as_ref().unwrap().expose();
        assert!(code.len() == DIGITS && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
        assert!(matches!(verify(&posed, code), Verdict::Right(_)));
        assert!(matches!(verify(&posed, &format!("{} {}", &code[..4], &code[4..])), Verdict::Right(_)));
    }

    #[test]
    fn every_other_code_is_wrong() {
        let posed = pose();
        let code: u32 = posed.outgoing.as_ref().unwrap().code.as_ref().unwrap().expose().parse().unwrap();
        for other in [code + 1, code - 1, 0, 99_999_999, code ^ 1] {
            assert!(matches!(verify(&posed, &format!("{other:08}")), Verdict::Wrong), "{other}");
        }
        let unposed =
            method::verify(Method::EmailCode, (&nothing(), Mark(0)), None, &Secret::new("1".into()), NOW);
        assert_eq!(unposed.unwrap_err(), Unusable, "never right without a challenge");
    }

    #[test]
    fn a_code_is_for_the_address_that_it_was_sent_to() {
        let posed = pose();
        let material = posed.material.as_ref().unwrap();
        let is_for = |email: Option<&Email>| {
            method::is_for(Method::EmailCode, material, Reach { email, party: None }).unwrap()
        };
        assert!(is_for(Some(&ann())));
        assert!(!is_for(Some(&Email::parse("eve@example.com").unwrap())));
        assert!(!is_for(None));
        let (none, product) = (Reach { email: None, party: None }, "kasa".parse().unwrap());
        assert!(
            method::pose(Method::EmailCode, &nothing(), none, &occasion(&product), &CountingEntropy).is_err()
        );
    }
}
