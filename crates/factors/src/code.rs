//! Codes as people type them: with blanks, dashes and dots, in the digits of their own script, and
//! with the invisible characters that copying adds.

use icu_properties::{CodePointMapData, props::GeneralCategory};
use subtle::ConstantTimeEq as _;
use tidegate_core::{Entropy, Secret};

use crate::method::Malformed;

/// The code's `length` decimal digits, in ASCII. Any other text is no code of this form, and is
/// refused before it is charged as a guess.
pub fn digits(typed: &Secret<String>, length: usize) -> Result<Secret<String>, Malformed> {
    let mut code = String::with_capacity(length);
    for letter in typed.expose().chars().filter(|letter| !is_separator(*letter)) {
        let digit = decimal_digit(letter).filter(|_| code.len() < length);
        code.push(digit.ok_or(Malformed::Digits(length))?);
    }
    if code.len() == length { Ok(Secret::new(code)) } else { Err(Malformed::Digits(length)) }
}

/// A random code of `length` decimal digits, at most 9. No value is more likely than another by more than 1 in 10^9.
pub fn mint(length: usize, entropy: &dyn Entropy) -> Secret<String> {
    let random = u64::from_le_bytes(entropy.bytes());
    let values = (0..length).fold(1_u64, |values, _| values.saturating_mul(10));
    Secret::new(format!("{:0length$}", random % values))
}

/// Compares in a time that does not depend on where the two differ.
pub(crate) fn is_same(kept: &str, typed: &Secret<String>) -> bool {
    kept.as_bytes().ct_eq(typed.expose().as_bytes()).into()
}

/// The characters that people and programs put between the characters of a code.
pub(crate) fn is_separator(letter: char) -> bool {
    use GeneralCategory as Category;
    let category = CodePointMapData::<GeneralCategory>::new().get(letter);
    letter == '.'
        || letter == '\u{b7}'
        || letter.is_whitespace()
        || matches!(category, Category::DashPunctuation | Category::Format | Category::SpaceSeparator)
}

/// The ASCII digit of a decimal digit of any script. Unicode keeps the ten digits of a script together, in order
/// (Unicode 4.6), so a digit's value is its distance from the script's zero.
fn decimal_digit(letter: char) -> Option<char> {
    let categories = CodePointMapData::<GeneralCategory>::new();
    if categories.get(letter) != GeneralCategory::DecimalNumber {
        return None;
    }
    let is_digit = |distance: u32| {
        let before = u32::from(letter).checked_sub(distance).and_then(char::from_u32);
        before.is_some_and(|before| categories.get(before) == GeneralCategory::DecimalNumber)
    };
    // Scripts that follow one another without a gap begin at a multiple of ten from the first one's
    // zero.
    let mut run = 0;
    while is_digit(run + 1) {
        run += 1;
    }
    char::from_digit(run % 10, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingEntropy;

    fn read(typed: &str) -> Option<String> {
        digits(&Secret::new(typed.to_owned()), 6).ok().map(|code| code.expose().clone())
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in [
            "287082",
            " 287 082 ",
            "287-082",
            "287.082",
            "287\u{2013}082",
            "287\u{b7}082",
            "\u{200e}287082",
            "287\u{a0}082",
            "\u{ff12}\u{ff18}\u{ff17}\u{ff10}\u{ff18}\u{ff12}",
            "\u{662}\u{668}\u{667}\u{660}\u{668}\u{662}",
            "\u{968}\u{96e}\u{96d}\u{966}\u{96e}\u{968}",
            "\u{1d7d0}\u{1d7d6}\u{1d7d5}\u{1d7ce}\u{1d7d6}\u{1d7d0}",
        ] {
            assert_eq!(read(typed).as_deref(), Some("287082"), "{typed:?}");
        }
    }

    struct Zero;

    impl Entropy for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn a_minted_code_has_every_digit() {
        assert_eq!(
            mint(8, &CountingEntropy).expose(),
            &format!("{:08}", 0x0706_0504_0302_0100_u64 % 100_000_000)
        );
        assert_eq!(mint(6, &Zero).expose(), "000000");
    }

    #[test]
    fn a_code_of_another_form_is_refused() {
        for typed in
            ["", "28708", "2870820", "28708a", "O87082", "287082\u{2075}", "\u{56db}87082", "-.-", "½87082"]
        {
            assert_eq!(read(typed), None, "{typed:?}");
        }
    }
}
