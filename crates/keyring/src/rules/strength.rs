//! How many guesses a password withstands, as `zxcvbn` estimates: it knows lists of passwords, names and words, their
//! spelling with digits and signs for letters, repetitions, sequences, rows of keyboards, and dates.
//!
//! Its time grows with the cube of the length, and is multiplied by the ways to read signs as letters. Both are bounded
//! here. A passphrase of 28 characters takes 1 ms, and the slowest password that was found 35 ms: 256 digits that repeat a
//! date (measured on one core of a busy machine, with both estimates).
//!
//! - It gets parts of 48 characters, and at most four. A password withstands at least the guesses of its strongest part.
//! - It gets signs that may be read as letters only as long as there are few ways to read them. Where there are more, the
//!   signs are replaced by letters, which makes the estimate lower and the work constant.

use tidegate_core::{PasswordFlaw, Secret};
use zxcvbn::zxcvbn;

use super::{LEAST, OwnWords, folded};

/// Characters that are estimated at once.
const PART: usize = 48;
const MAX_PARTS: usize = 4;
/// Characters in which repetitions are looked for. Compatibility forms may become several characters each.
const MAX_LETTERS: usize = 512;

/// Common logarithms of guesses.
///
/// Less: the password is among those that an attacker tries online, against many accounts (credential stuffing, password
/// spraying).
const COMMON: f64 = 6.0;
/// What a password must withstand that may stand alone: offline guessing against its hash takes months.
const ALONE: f64 = 10.0;
/// What a password must withstand where a shorter one is accepted, because a second step follows: that of eight random
/// characters.
const WITH_SECOND_STEP: f64 = 8.0;
/// An own word counts as used if it makes the password easier to guess by more than this.
const USED: f64 = 0.5;

/// Letters, and the signs and digits that `zxcvbn` reads as them.
const SIGNS: [(char, &[char]); 12] = [
    ('a', &['4', '@']),
    ('b', &['8']),
    ('c', &['(', '{', '[', '<']),
    ('e', &['3']),
    ('g', &['6', '9']),
    ('i', &['1', '!', '|']),
    ('l', &['1', '|', '7']),
    ('o', &['0']),
    ('s', &['$', '5']),
    ('t', &['+', '7']),
    ('x', &['%']),
    ('z', &['2']),
];
/// Ways to read the signs of a part. Each takes as long as the part without signs.
const MAX_READINGS: usize = 4;

/// Common logarithms of the guesses that a password withstands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strength {
    /// Against an attacker who knows nothing of the account.
    stranger: f64,
    /// Against an attacker who tries the account's own words first.
    acquaintance: f64,
}

impl Strength {
    pub(super) fn of(password: &Secret<String>, own_words: &OwnWords) -> Self {
        let text = Secret::new(folded(password.expose()));
        let (stranger, words) = (guesses(&text, &[]), own_words.all());
        if words.is_empty() {
            return Self { stranger, acquaintance: stranger };
        }
        // An own word costs an attacker nothing, and signs between own words hide them from the estimate.
        let acquaintance = guesses(&text, &words).min(guesses(&own_words.without(&text), &words));
        Self { stranger, acquaintance }
    }

    pub(super) fn flaws(self, least: usize) -> Vec<PasswordFlaw> {
        let needed = if least < LEAST { WITH_SECOND_STEP } else { ALONE };
        let common = self.stranger < COMMON;
        let uses_own_words = self.acquaintance < needed && self.acquaintance + USED < self.stranger;
        let weak = self.stranger < needed && !common;
        let flaws = [
            (common, PasswordFlaw::Common),
            (uses_own_words, PasswordFlaw::OwnWords),
            (weak, PasswordFlaw::Weak),
        ];
        flaws.into_iter().filter_map(|(found, flaw)| found.then_some(flaw)).collect()
    }
}

/// Looks at further parts only until one is strong. Blanks are left out: they hardly delay an attacker, but hide
/// repetitions and words that are written together.
fn guesses(text: &Secret<String>, own_words: &[&str]) -> f64 {
    let letters = text.expose().chars().filter(|c| !c.is_whitespace()).take(MAX_LETTERS);
    let letters = Secret::new(letters.collect::<Vec<_>>());
    let mut most = 0.0_f64;
    for part in without_repetitions(letters.expose()).chunks(PART).take(MAX_PARTS) {
        let part = Secret::new(legible(part));
        most = most.max(zxcvbn(part.expose(), own_words).guesses_log10());
        if most >= ALONE {
            break;
        }
    }
    most
}

/// Two rounds of a text that goes round: the end of a part would hide the others.
fn without_repetitions(letters: &[char]) -> &[char] {
    let goes_round =
        |round: &usize| letters.iter().zip(letters.iter().skip(*round)).all(|(one, next)| one == next);
    let round = (1..=letters.len() / 2).find(goes_round);
    round.and_then(|round| letters.get(..2 * round)).unwrap_or(letters)
}

/// The part, with letters in place of signs if there are too many ways to read them.
fn legible(part: &[char]) -> String {
    let ways = |signs: &[char]| signs.iter().filter(|sign| part.contains(sign)).count().max(1);
    let readings: usize = SIGNS.iter().map(|(_, signs)| ways(signs)).product();
    if readings <= MAX_READINGS {
        return part.iter().collect();
    }
    let letter =
        |c: &char| SIGNS.iter().find(|(_, signs)| signs.contains(c)).map_or(*c, |(letter, _)| *letter);
    part.iter().map(letter).collect()
}
