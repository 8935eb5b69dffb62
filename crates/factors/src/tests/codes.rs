//! Codes as people type them.

use tidegate_core::Secret;
use tidegate_fuzz::fuzz;

use crate::{code, recovery_codes, testing::CountingEntropy};

#[test]
fn a_code_is_read_as_its_digits_alone() {
    fuzz!(
        2_000,
        ["287 082", "２８７-０８２", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}", "12345678"],
        |input| {
            let typed = Secret::new(input.text().into_owned());
            for length in [6, 8] {
                let Ok(digits) = code::digits(&typed, length) else { continue };
                assert!(
                    digits.expose().len() == length
                        && digits.expose().bytes().all(|byte| byte.is_ascii_digit())
                );
                assert_eq!(code::digits(&digits, length).unwrap().expose(), digits.expose());
            }
        }
    );
}

#[test]
fn inv_28_a_recovery_code_has_one_canonical_form() {
    let minted = recovery_codes::mint(&CountingEntropy);
    assert_eq!(recovery_codes::canonical(&minted).unwrap().expose(), &minted.expose().replace('-', ""));
    fuzz!(2_000, [minted.expose().as_str(), "OI2345\u{2013}6789ab cdefghjkmnpq"], |input| {
        let Ok(code) = recovery_codes::canonical(&Secret::new(input.text().into_owned())) else { return };
        assert!(
            [24, 26].contains(&code.expose().len()) && code.expose().is_ascii(),
            "a code, or an access pass"
        );
        assert_eq!(recovery_codes::canonical(&code).unwrap().expose(), code.expose());
    });
}
