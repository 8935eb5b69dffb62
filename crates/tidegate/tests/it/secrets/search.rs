//! The secrets of a run, and a search for them in its output and its files.

use std::fmt::Write as _;

/// Every secret that was sent or returned, with what it was.
#[derive(Default)]
pub struct Secrets {
    pub long: Vec<(&'static str, String)>,
    /// Codes of six digits, which other numbers contain by chance.
    pub codes: Vec<(&'static str, String)>,
    /// Secrets as bytes. Their texts are in `long`.
    pub bytes: Vec<(&'static str, Vec<u8>)>,
}

impl Secrets {
    pub fn keep(&mut self, name: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 10, "{name} is too short to be looked for: {secret:?}");
        self.long.push((name, secret.to_owned()));
        // Tokens and keys end in hexadecimal digits.
        let digits: String = secret.chars().rev().take_while(char::is_ascii_hexdigit).collect();
        if digits.len() == 64 {
            let digits: String = digits.chars().rev().collect();
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            self.bytes.push((name, (0..64).step_by(2).map(byte).collect()));
        }
        secret.to_owned()
    }

    pub fn code(&mut self, name: &'static str, code: &str) -> String {
        self.codes.push((name, code.to_owned()));
        code.to_owned()
    }

    /// The secrets that a text contains, each with its line.
    pub fn told_by(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = |name: &str, what: &str, at: Option<usize>| {
            if let Some(at) = at {
                let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
                let line: String =
                    text[line..].chars().take_while(|letter| *letter != '\n').take(600).collect();
                found.push(format!("{name} ({what}) in: {line}"));
            }
        };
        for (name, secret) in &self.long {
            look(name, secret, text.find(secret));
        }
        for (name, code) in &self.codes {
            look(name, code, apart(text, code));
        }
        let plain = text.to_ascii_lowercase();
        for (name, bytes) in &self.bytes {
            let digits = hexadecimal(bytes);
            look(name, &digits, plain.find(&digits));
        }
        found
    }

    /// The secrets that a file contains, as text or as bytes.
    pub fn held_by(&self, file: &[u8]) -> Vec<&'static str> {
        let long = self.long.iter().map(|(name, secret)| (*name, secret.as_bytes()));
        let all = long.chain(self.bytes.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
        all.filter(|(_, secret)| holds(file, secret)).map(|(name, _)| name).collect()
    }
}

/// Where the code stands apart: not within a longer number or a fraction of a second.
fn apart(text: &str, code: &str) -> Option<usize> {
    let joins = |letter: Option<char>| letter.is_some_and(|c| c.is_alphanumeric() || ".:-_".contains(c));
    text.match_indices(code)
        .map(|(at, _)| at)
        .find(|at| !joins(text[..*at].chars().next_back()) && !joins(text[at + code.len()..].chars().next()))
}

fn holds(file: &[u8], secret: &[u8]) -> bool {
    let first = secret[0];
    let mut rest = file;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        rest = &rest[at..];
        if rest.starts_with(secret) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    secrets.keep("a token", &format!("tgs_{}", "a7".repeat(32)));
    secrets.code("a code", "714154");
    assert_eq!(secrets.told_by(&format!("x tgs_{} y", "a7".repeat(32))).len(), 2);
    assert_eq!(secrets.told_by(&format!("X'{}'", "A7".repeat(32))).len(), 1);
    assert_eq!(secrets.told_by("at 10:38:24.714154Z 1714154 714154ns").len(), 0);
    for told in ["code: \"714154\"", "code=714154", "{714154}", "714154"] {
        assert_eq!(secrets.told_by(told).len(), 1, "{told}");
    }
    assert_eq!(secrets.held_by(&[&[0xa7; 31][..], &[1, 2]].concat()).len(), 0);
    assert_eq!(secrets.held_by(&[&[1, 2][..], &[0xa7; 32], &[3]].concat()), ["a token"]);
}
