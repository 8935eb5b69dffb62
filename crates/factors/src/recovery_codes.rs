//! Recovery codes: 10 of 120 bits each, shown once.

use tidegate_core::{Entropy, Secret};

pub const COUNT: i64 = 10;

/// Crockford's base 32: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Four groups of six characters, for example `4m6ptc-9s2k0w-xv81ha-z7qe5d`.
pub fn mint(entropy: &dyn Entropy) -> Secret<String> {
    let random: [u8; 24] = entropy.bytes();
    let mut code = String::new();
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place % 6 == 0 {
            code.push('-');
        }
        // Five bits of each byte.
        let letter = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
        code.push(char::from(letter));
    }
    Secret::new(code)
}

/// What is digested: as it is read aloud, without groups and case.
pub fn canonical(code: &str) -> Secret<String> {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    Secret::new(letters.map(|c| c.to_ascii_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct CountingEntropy;
    impl Entropy for CountingEntropy {
        fn fill(&self, bytes: &mut [u8]) {
            for (byte, n) in bytes.iter_mut().zip(0..) {
                *byte = n;
            }
        }
    }

    #[test]
    fn a_code_has_24_letters_of_five_bits_in_four_groups() {
        let code = mint(&CountingEntropy);
        assert_eq!(code.expose(), "012345-6789ab-cdefgh-jkmnpq");
        assert_eq!(canonical(" 012345 6789AB-cdefgh-jkmnpq").expose(), "0123456789abcdefghjkmnpq");
    }
}
