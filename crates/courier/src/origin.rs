//! From where something was done, as a notice says it.
//!
//! The user agent is a text that the client chose. A client that has the password, and no more, causes a notice to its owner,
//! and could have its own words and links in a mail of the product (phishing). So a notice says it on one line, and without
//! what a mail program would make a link of.

use tidegate_core::is_readable;

/// In Unicode characters.
const MAX_CHARS: usize = 300;

/// One line, without links.
pub(crate) fn shown(from: &str) -> String {
    let blank_or = |c: char| if is_readable(c) { c } else { ' ' };
    let line: String = from.chars().map(blank_or).collect();
    let words: Vec<_> = line.split_whitespace().filter(|word| !is_link(word)).collect();
    words.join(" ").chars().take(MAX_CHARS).collect()
}

/// A URL, an address or a domain. Versions and IP addresses are none: no letter follows their dots. Browsers read some more
/// characters as dots (UTS 46).
fn is_link(word: &str) -> bool {
    let labels = word.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).skip(1);
    let is_domain = labels.into_iter().any(|label| label.starts_with(char::is_alphabetic));
    is_domain || word.contains("//") || word.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_and_its_address_are_shown_as_they_are() {
        for from in [
            "Firefox on Linux, 203.0.113.7",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0, 2001:db8::7",
            "Dalvik/2.1.0 (Linux; U; Android 9; SM-G960F Build/PPR1.180610.011), 203.0.113.7",
            "käsa/1.2, 203.0.113.7",
        ] {
            assert_eq!(shown(from), from);
        }
    }

    #[test]
    fn a_client_adds_no_line_and_no_link() {
        for (from, expected) in [
            ("a\r\n\r\nOpen this:\u{2028}b\u{202e}c\u{200b}\0", "a Open this: b c"),
            ("Open https://evil.example/x now, 203.0.113.7", "Open now, 203.0.113.7"),
            ("Open (evil.example) or //evil or http:\u{2f}\u{2f}203.0.113.9", "Open or or"),
            ("Open evil\u{3002}example, evil\u{ff0e}example, xn--evil.7.xn--e", "Open"),
            ("Write to eve@203.0.113.9", "Write to"),
            ("\n", ""),
        ] {
            assert_eq!(shown(from), expected);
        }
        assert_eq!(shown(&"ä ".repeat(1_000)).chars().count(), MAX_CHARS);
    }
}
