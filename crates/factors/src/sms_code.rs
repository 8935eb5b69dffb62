//! A code of 6 digits that is sent to a phone by SMS, valid for 5 minutes.
//!
//! The factor is the number. It is verified by the first code, and a change of the number is verified like a new one. Who takes
//! over the number or reads along in the network gets the codes, so the method is a restricted one (SP 800-63B-4 §3.2.9).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, AnswerForm, Channel, Enrollee, Entropy, Mark, PhoneNumber, Prompt, Recipient, Secret, Setup,
    Span, Timestamp,
};

use crate::{
    code,
    method::{
        About, Asked, Consumes, Enrolled, FirstProof, Kind, Malformed, Occasion, Opened, Outgoing, Reach,
        Rules, SECOND_FACTOR, Unusable, Verdict,
    },
};

/// Digits of a code; the hard limit is 10^6 values (SP 800-63B-4 §3.1.3).
pub const DIGITS: usize = 6;
/// How long a code is valid; the hard limit is 10 minutes.
const TTL: Span = Span::minutes(5);

pub(crate) struct SmsCode;

/// What an enrollment stores of a phone, and then its factor.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phone {
    /// The first code was sent, and not typed yet.
    Pending {
        number: PhoneNumber,
        code: String,
        until: Timestamp,
    },
    Enrolled {
        number: PhoneNumber,
    },
}

/// The code, and the number that it was sent to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Texted {
    code: String,
    to: PhoneNumber,
}

impl Drop for Texted {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.code);
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        if let Self::Pending { code, .. } = self {
            zeroize::Zeroize::zeroize(code);
        }
    }
}

impl Phone {
    const fn number(&self) -> &PhoneNumber {
        match self {
            Self::Pending { number, .. } | Self::Enrolled { number } => number,
        }
    }
}

/// The number of a factor, or of one that is being enrolled.
pub fn number(material: &Opened) -> Result<PhoneNumber, Unusable> {
    SmsCode::open(material).map(|phone| phone.number().clone())
}

impl Kind for SmsCode {
    const RULES: Rules =
        Rules { challenge_ttl: TTL, sends: Some(Channel::Sms), about: Enrolled::Phone, ..SECOND_FACTOR };
    type Material = Phone;
    type Posed = Texted;

    fn begin(about: About<'_>, entropy: &dyn Entropy) -> Result<(Phone, Setup<Secret<String>>), Unusable> {
        let Some(Enrollee::Phone(number)) = about.enrollee else { return Err(Unusable) };
        let code = code::mint(DIGITS, entropy).expose().clone();
        let setup = Setup::Sent { hint: number.masked() };
        Ok((Phone::Pending { number: number.clone(), code, until: about.now.plus(TTL) }, setup))
    }

    fn first_message(pending: &Phone) -> Option<(Outgoing, Timestamp)> {
        let Phone::Pending { number, code, until } = pending else { return None };
        let code = Some(Secret::new(code.clone()));
        Some((Outgoing { to: Recipient::Phone(number.clone()), code }, *until))
    }

    fn is_late(pending: &Phone, now: Timestamp) -> bool {
        matches!(pending, Phone::Pending { until, .. } if now >= *until)
    }

    fn hint(phone: &Phone) -> Option<String> {
        Some(phone.number().masked())
    }

    fn read(_: &Phone, _: Option<&Texted>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Answer::Code(typed) = answer else { return Err(Malformed::Form(AnswerForm::Code)) };
        code::digits(typed, DIGITS)
    }

    fn bind(
        pending: Phone,
        answer: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<FirstProof<Phone>>, Unusable> {
        let Phone::Pending { number, code, until } = &pending else { return Err(Unusable) };
        let right = now < *until && code::is_same(code, answer);
        let material = Phone::Enrolled { number: number.clone() };
        Ok(right.then_some(FirstProof { material, mark: Mark(0), lookup: None }))
    }

    fn pose(
        phone: &Phone,
        _: Reach<'_>,
        _: &Occasion<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Asked<Texted>, Unusable> {
        let Phone::Enrolled { number } = phone else { return Err(Unusable) };
        let code = code::mint(DIGITS, entropy);
        let posed = Texted { code: code.expose().clone(), to: number.clone() };
        let outgoing = Outgoing { to: Recipient::Phone(number.clone()), code: Some(code) };
        let prompt = Prompt::Sent { hint: number.masked() };
        Ok(Asked { posed: Some(posed), prompt, outgoing: Some(outgoing) })
    }

    fn verify(
        phone: &Phone,
        posed: Option<&Texted>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        let posed = posed.ok_or(Unusable)?;
        // A code proves the number that it was sent to, and no later one.
        let right = code::is_same(&posed.code, answer) && posed.to == *phone.number();
        Ok(if right { Verdict::Right(Consumes::default()) } else { Verdict::Wrong })
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Method;

    use super::*;
    use crate::{
        method::{self, Posed},
        testing::{CountingEntropy, about_ann, occasion},
    };

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const METHOD: Method = Method::SmsCode;

    fn begin(number: &str) -> (Opened, Secret<String>) {
        let enrollee = Enrollee::Phone(PhoneNumber::parse(number).unwrap());
        let about = About { enrollee: Some(&enrollee), now: NOW, ..about_ann() };
        let (pending, setup) = method::begin(METHOD, about, &CountingEntropy).unwrap();
        assert_eq!(method::hint(METHOD, &pending).unwrap(), Some("+49…78".to_owned()));
        assert!(matches!(setup, Setup::Sent { hint } if hint == "+49…78"));
        let (outgoing, until) = method::first_message(METHOD, &pending).unwrap().unwrap();
        assert_eq!(until, NOW.plus(TTL));
        assert!(matches!(outgoing.to, Recipient::Phone(to) if to.e164() == "+4915112345678"));
        (pending, outgoing.code.unwrap())
    }

    fn enrolled() -> Opened {
        let (pending, code) = begin("+4915112345678");
        method::bind(METHOD, &pending, &code, NOW).unwrap().unwrap().material
    }

    fn pose(phone: &Opened) -> (Posed, Secret<String>) {
        let (reach, product) = (Reach { email: None, party: None }, "kasa".parse().unwrap());
        let posed = method::pose(METHOD, phone, reach, &occasion(&product), &CountingEntropy).unwrap();
        let code = posed.outgoing.as_ref().unwrap().code.as_ref().unwrap().clone();
        (posed, code)
    }

    #[test]
    fn the_first_code_verifies_the_number() {
        let (pending, code) = begin("+49 151 12345678");
        let wrong = Secret::new(if code.expose() == "000000" { "000001" } else { "000000" }.to_owned());
        assert!(method::bind(METHOD, &pending, &wrong, NOW).unwrap().is_none());
        let bound = method::bind(METHOD, &pending, &code, NOW).unwrap().unwrap();
        assert_eq!(number(&bound.material).unwrap().e164(), "+4915112345678");
        assert!(method::first_message(METHOD, &bound.material).unwrap().is_none(), "nothing is sent again");
        assert!(method::bind(METHOD, &bound.material, &code, NOW).is_err(), "bound once");
    }

    #[test]
    fn the_first_code_is_valid_for_five_minutes() {
        let (pending, code) = begin("+4915112345678");
        let last = NOW.plus(Span::from_micros(TTL.micros() - 1));
        assert!(!method::is_late(METHOD, &pending, last).unwrap());
        assert!(method::bind(METHOD, &pending, &code, last).unwrap().is_some());
        assert!(method::is_late(METHOD, &pending, NOW.plus(TTL)).unwrap());
        assert!(method::bind(METHOD, &pending, &code, NOW.plus(TTL)).unwrap().is_none());
        assert!(!method::is_late(METHOD, &enrolled(), NOW.plus(Span::days(9))).unwrap());
    }

    #[test]
    fn a_code_proves_the_number_that_it_was_sent_to() {
        let phone = enrolled();
        let (posed, code) = pose(&phone);
        let verify = |phone: &Opened, code: &Secret<String>| {
            method::verify(METHOD, (phone, Mark(0)), posed.material.as_ref(), code, NOW).unwrap()
        };
        assert!(matches!(verify(&phone, &code), Verdict::Right(_)));
        let wrong = Secret::new(if code.expose() == "000000" { "000001" } else { "000000" }.to_owned());
        assert!(matches!(verify(&phone, &wrong), Verdict::Wrong));
        let other = Phone::Enrolled { number: PhoneNumber::parse("+4915112345679").unwrap() };
        let other = SmsCode::write(&other).unwrap();
        assert!(matches!(verify(&other, &code), Verdict::Wrong), "the number was changed meanwhile");
        assert!(method::verify(METHOD, (&phone, Mark(0)), None, &code, NOW).is_err());
        let reach = Reach { email: None, party: None };
        let (pending, product) = (begin("+4915112345678").0, "kasa".parse().unwrap());
        assert!(method::pose(METHOD, &pending, reach, &occasion(&product), &CountingEntropy).is_err());
    }
}
