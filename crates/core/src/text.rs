//! Text that people read and compare: which characters it may have, in which form it is kept, and when two
//! texts are alike. The character properties are those of the Unicode Character Database (UAX 44).
//!
//! The unit of every limit is the Unicode scalar value, called a Unicode character in messages and in the
//! contract. It is counted after normalisation.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory},
};
use unicode_security::confusable_detection::skeleton;

/// A blank that no Unicode property marks as one.
const BRAILLE_PATTERN_BLANK: char = '\u{2800}';

/// Whether a reader sees the character for what it is. Two texts that differ only in characters
/// that are not readable look alike, and a bidirectional control makes a text read as another one.
/// So text by which people decide contains none of these:
///
/// - controls, line and paragraph separators (Cc, Zl, Zp);
/// - format characters, `Bidi_Control` and `Default_Ignorable_Code_Point`: joiners, zero-width blanks, soft
///   hyphens, variation selectors, fillers;
/// - private use and unassigned code points, which fonts and later versions of Unicode show as they like.
pub fn is_readable(c: char) -> bool {
    use GeneralCategory as G;
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let unseen = matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        G::Control
            | G::Format
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::PrivateUse
            | G::Surrogate
            | G::Unassigned
    );
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    let bidirectional = CodePointSetData::new::<BidiControl>().contains(c);
    !unseen && !ignorable && !bidirectional && c != BRAILLE_PATTERN_BLANK
}

/// The text in NFC (UAX 15), without blanks around it. `None` when the result is empty, longer than
/// `most` Unicode characters, or not readable.
pub(crate) fn readable(text: &str, most: usize) -> Option<String> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count());
    (fits && text.chars().all(is_readable)).then(|| text.to_owned())
}

/// NFKC and case folding, without blanks around it, for comparison only. Each of the two can undo
/// the other's normal form, so both run twice.
pub(crate) fn folded(text: &str) -> String {
    let (normal, fold) = (ComposingNormalizerBorrowed::new_nfkc(), CaseMapper::new());
    let folded = normal.normalize(&fold.fold_string(&normal.normalize(text))).into_owned();
    normal.normalize(&fold.fold_string(&folded)).trim().to_owned()
}

/// Whether a reader may take one text for the other. Blanks, case, compatibility forms and characters that are not
/// readable make no difference, nor do letters that look alike, as a Latin and a Cyrillic a (the skeleton of UTS 39).
pub(crate) fn look_alike(one: &str, other: &str) -> bool {
    // In small letters, 0 is o. As written, a capital I is l, which it is not in small letters.
    in_small_letters(one) == in_small_letters(other) || as_written(one) == as_written(other)
}

fn in_small_letters(text: &str) -> String {
    // A dotless ı folds to itself, although it is the small letter of I.
    let letters = folded(&without_gaps(&folded(text)).to_uppercase());
    folded(&skeleton(&letters).collect::<String>())
}

fn as_written(text: &str) -> String {
    folded(&skeleton(&without_gaps(text)).collect::<String>())
}

fn without_gaps(text: &str) -> String {
    text.chars().filter(|c| is_readable(*c) && !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_alike_are_told() {
        for (one, other) in [
            ("Ann", "\u{410}nn"),
            ("Ann", "\u{0391}nn"),
            ("pay", "\u{440}\u{430}\u{443}"),
            ("Bob", "B0b"),
            ("Bill", "BiIl"),
            ("BILL", "B1LL"),
            ("Marn", "Mam"),
            ("Ann", "𝐀𝐧𝐧"),
            ("Ann", "An\u{200d}n"),
            ("Zoë", "Zoe\u{308}"),
        ] {
            assert!(look_alike(one, other), "{one} {other}");
        }
        for (one, other) in [("Ann", "Anna"), ("Zoë", "Zoe"), ("Ann", "Bob"), ("Ivan", "Иван")] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_a_reader_does_not_see_is_not_readable() {
        for unseen in [
            '\0',
            '\t',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fffe}',
            '\u{e000}',
            '\u{378}',
            '\u{e0001}',
            '\u{e0100}',
            '\u{10ffff}',
        ] {
            assert!(!is_readable(unseen), "{}", unseen.escape_unicode());
        }
        for seen in ['a', ' ', '~', 'ß', 'ς', '한', '語', 'ह', '\u{94d}', '😀', '\u{a0}', '\u{3000}', '١']
        {
            assert!(is_readable(seen), "{seen}");
        }
    }

    /// Only planes that have letters.
    #[test]
    fn inv_28_folding_every_character_twice_changes_nothing() {
        for c in '\0'..='\u{3ffff}' {
            let once = folded(&c.to_string());
            assert_eq!(folded(&once), once, "{}", c.escape_unicode());
        }
    }

    #[test]
    fn text_is_kept_in_one_form() {
        assert_eq!(readable("  Ka\u{308}sa\u{a0}", 4).as_deref(), Some("Käsa"));
        assert_eq!(readable(&"😀".repeat(4), 4).as_deref(), Some("😀😀😀😀"));
        for text in ["", " \u{3000} ", "12345", "Ka\u{200b}s", "K\u{202e}s", "a\tb"] {
            assert_eq!(readable(text, 4), None, "{text:?}");
        }
    }
}
