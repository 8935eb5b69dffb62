//! Recovery codes: 10 of 120 bits each, shown once. Using a code consumes its row, so each works
//! once. An access pass, which support mails, is one more code of the same alphabet, with 130 bits.

use tidegate_core::{Answer, AnswerForm, Entropy, Mark, Secret, Setup, Span, Timestamp};

use crate::{
    code,
    method::{
        About, Asked, Consumes, FirstProof, Kind, Malformed, Occasion, Opened, Reach, Rules, SECOND_FACTOR,
        Unusable, Verdict,
    },
};

pub const COUNT: i64 = 10;
/// How long an access pass counts; the hard limit of mailed artifacts.
pub const PASS_TTL: Span = Span::hours(24);
/// Letters and digits of a code.
const LENGTH: usize = 24;
/// Those of an access pass. It is longer, so that it has at least 128 bits.
const PASS_LENGTH: usize = 26;

/// Crockford's base 32, which has no letter that people mistake for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Four groups of six characters, for example `4m6ptc-9s2k0w-xv81ha-z7qe5d`.
pub fn mint(entropy: &dyn Entropy) -> Secret<String> {
    grouped(&entropy.bytes::<LENGTH>())
}

/// The same with two characters more, for example `4m6ptc-9s2k0w-xv81ha-z7qe5d-3k`.
pub fn mint_pass(entropy: &dyn Entropy) -> Secret<String> {
    grouped(&entropy.bytes::<PASS_LENGTH>())
}

fn grouped(random: &[u8]) -> Secret<String> {
    let mut code = String::new();
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place % 6 == 0 {
            code.push('-');
        }
        // Each letter uses five bits of its byte.
        let letter = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
        code.push(char::from(letter));
    }
    Secret::new(code)
}

/// The text that is digested: the code without groups and in lower case, with mistaken letters
/// replaced by their digits.
pub fn canonical(typed: &Secret<String>) -> Result<Secret<String>, Malformed> {
    let mut code = String::with_capacity(PASS_LENGTH);
    for letter in typed.expose().chars().filter(|letter| !code::is_separator(*letter)) {
        let letter = match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        };
        let known = u8::try_from(letter).is_ok_and(|letter| ALPHABET.contains(&letter));
        if !known || code.len() == PASS_LENGTH {
            return Err(Malformed::RecoveryCode);
        }
        code.push(letter);
    }
    if [LENGTH, PASS_LENGTH].contains(&code.len()) {
        Ok(Secret::new(code))
    } else {
        Err(Malformed::RecoveryCode)
    }
}

pub(crate) struct RecoveryCodes;

impl Kind for RecoveryCodes {
    const RULES: Rules = Rules { worth: None, enrollable: false, ..SECOND_FACTOR };
    /// Each code is a row of its own, which stores only its digest.
    type Material = ();
    type Posed = ();

    fn begin(_: About<'_>, _: &dyn Entropy) -> Result<((), Setup<Secret<String>>), Unusable> {
        Err(Unusable)
    }

    fn read((): &(), _: Option<&Self::Posed>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Answer::Code(typed) = answer else { return Err(Malformed::Form(AnswerForm::Code)) };
        canonical(typed)
    }

    fn bind((): (), _: &Secret<String>, _: Timestamp) -> Result<Option<FirstProof<()>>, Unusable> {
        Err(Unusable)
    }

    fn pose((): &(), _: Reach<'_>, _: &Occasion<'_>, _: &dyn Entropy) -> Result<Asked<()>, Unusable> {
        Ok(Asked::NOTHING)
    }

    fn verify(
        (): &(),
        _: Option<&()>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        Ok(Verdict::Right(Consumes { code: Some(answer.clone()), ..Consumes::default() }))
    }

    fn open(_: &Opened) -> Result<(), Unusable> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingEntropy;

    fn read(typed: &str) -> Option<String> {
        canonical(&Secret::new(typed.to_owned())).ok().map(|code| code.expose().clone())
    }

    #[test]
    fn a_code_has_24_letters_of_five_bits_in_four_groups() {
        let code = mint(&CountingEntropy);
        assert_eq!(code.expose(), "012345-6789ab-cdefgh-jkmnpq");
        for typed in
            [" 012345 6789AB-cdefgh-jkmnpq", "OI2345\u{2013}6789ab cdefghjkmnpq", "0l23456789abcdefghjkmnpq"]
        {
            assert_eq!(read(typed).as_deref(), Some("0123456789abcdefghjkmnpq"), "{typed}");
        }
    }

    #[test]
    fn a_pass_has_two_letters_more() {
        let pass = mint_pass(&CountingEntropy);
        assert_eq!(pass.expose(), "012345-6789ab-cdefgh-jkmnpq-rs");
        assert_eq!(read(" O12345 6789AB cdefgh-jkmnpq-rs").as_deref(), Some("0123456789abcdefghjkmnpqrs"));
    }

    #[test]
    fn a_text_of_another_form_is_refused() {
        for typed in [
            "",
            "012345",
            "u12345-6789ab-cdefgh-jkmnpq",
            "012345-6789ab-cdefgh-jkmnpqr",
            "012345-6789ab-cdefgh-jkmnpqrst",
            "012345-6789ab-cdefgh-jkmnpß",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }
}
