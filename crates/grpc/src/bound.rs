//! How much a refusal carries, so that its trailers arrive at clients with default settings.
//!
//! HTTP/2 counts a header list uncompressed: names, values, and 32 bytes for each entry. Status
//! details count in base 64. By default the gRPC libraries accept these sizes of trailers:
//!
//! | library | bytes |
//! | --- | --- |
//! | grpc-java (Netty) | 8192 |
//! | grpc-core (C++, Python, Ruby, PHP) | 8192; above that it refuses at random, above 16384 always |
//! | grpc-go | 16 MiB; 8192 is announced for a later version |
//!
//! PROTOCOL-HTTP2.md suggests 8192 too. `MAX_TRAILERS` leaves 2 KiB of that for headers that
//! proxies add.

use crate::form::Violation;

/// The most violations that are listed. Long ones reach `MAX_VIOLATIONS_BYTES` earlier.
pub(crate) const MAX_VIOLATIONS: usize = 20;
/// Characters of the name of a field.
const MAX_FIELD: usize = 128;
/// Characters of the description of a violation, echoed input included.
const MAX_DESCRIPTION: usize = 200;
/// Characters of a value in the metadata of `ErrorInfo`.
const MAX_VALUE: usize = 64;
/// Characters of a message.
const MAX_MESSAGE: usize = 200;

/// Bytes of all listed violations. The longest violation takes less, so at least one is always
/// listed.
const MAX_VIOLATIONS_BYTES: usize = 2_048;
/// Tags and lengths that encoding adds to the texts of a violation, rounded up.
const VIOLATION_OVERHEAD: usize = 16;
/// Bytes of a message, percent-encoded.
const MAX_MESSAGE_BYTES: usize = 768;

const ELLIPSIS: char = '…';

/// The first violations that fit, each cut to its limits.
pub(crate) fn first(violations: Vec<Violation>) -> Vec<Violation> {
    let mut room = MAX_VIOLATIONS_BYTES;
    let cut = violations.into_iter().take(MAX_VIOLATIONS).map(|wrong| Violation {
        field: text(wrong.field, MAX_FIELD),
        what: text(wrong.what, MAX_DESCRIPTION),
        ..wrong
    });
    let fits = |wrong: &Violation| {
        let code = wrong.code.map_or(0, str::len);
        let bytes = wrong.field.len() + wrong.what.len() + code + VIOLATION_OVERHEAD;
        room.checked_sub(bytes).inspect(|left| room = *left).is_some()
    };
    cut.take_while(fits).collect()
}

/// A value in the metadata of `ErrorInfo`.
pub(crate) fn value(value: String) -> String {
    text(value, MAX_VALUE)
}

/// A message. It is sent twice: percent-encoded in the header `grpc-message`, and in the details.
pub(crate) fn message(message: String) -> String {
    let mut room = MAX_MESSAGE_BYTES;
    let mut fits = message.char_indices().take_while(|(_, letter)| {
        // PROTOCOL-HTTP2.md leaves space and visible ASCII as they are, except `%`.
        let plain = matches!(letter, ' '..='~') && *letter != '%';
        let bytes = if plain { 1 } else { 3 * letter.len_utf8() };
        room.checked_sub(bytes).inspect(|left| room = *left).is_some()
    });
    let fitting = fits.by_ref().take(MAX_MESSAGE).count();
    text(message, fitting)
}

/// Cuts the text to `most` characters. The last one is an ellipsis if text is left out.
fn text(mut text: String, most: usize) -> String {
    let mut letters = text.char_indices();
    let last = letters.by_ref().nth(most.saturating_sub(1));
    if let Some((at, _)) = last.filter(|_| letters.next().is_some()) {
        text.truncate(at);
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::{collection::vec, prelude::*};
    use tidegate_core::{NamesNothing, Nothing, Refusal, Span};
    use tonic::Status;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::status;

    const MAX_TRAILERS: usize = 6 * 1024;

    /// The size that `SETTINGS_MAX_HEADER_LIST_SIZE` limits, with the headers that hyper adds.
    fn list(headers: &HeaderMap) -> usize {
        let entry = |name: &str, value: usize| name.len() + value + 32;
        let added = entry(":status", 3) + entry("date", 29);
        headers.iter().map(|(name, value)| entry(name.as_str(), value.len())).sum::<usize>() + added
    }

    /// Characters of every length, plain and percent-encoded.
    fn long() -> impl Strategy<Value = String> {
        let letter = prop_oneof![any::<char>(), prop::char::range(' ', '~'), Just('%'), Just('\u{10ffff}')];
        prop_oneof![
            vec(letter, 0..300).prop_map(String::from_iter),
            (any::<char>(), 0..2_000_usize).prop_map(|(letter, count)| letter.to_string().repeat(count)),
        ]
    }

    fn fits(status: Status) -> Result<(), TestCaseError> {
        let bytes = list(status.clone().into_http::<()>().headers());
        prop_assert!(bytes <= MAX_TRAILERS, "{bytes} bytes");
        let details = status.check_error_details().unwrap();
        prop_assert!(details.error_info().is_some_and(|info| !info.reason.is_empty()));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_wrong_the_refusal_arrives(wrong in vec((long(), long()), 0..30)) {
            let violations: Vec<_> = wrong.iter().map(|(field, what)| Violation::new(field, what)).collect();
            let (count, status) = (violations.len(), status::invalid(violations));
            let details = status.get_error_details();
            let listed = details.bad_request().map_or(0, |bad| bad.field_violations.len());
            prop_assert!(listed == count || listed >= 1, "one is always listed");
            let told = details.error_info().unwrap().metadata.get("violation_count").cloned();
            prop_assert_eq!(told, (listed < count).then(|| count.to_string()));
            fits(status)?;
        }

        #[test]
        fn whatever_is_named_the_refusal_arrives(names in vec((long(), prop::option::of(long())), 1..30)) {
            let names = names.into_iter().map(|(field, name)| NamesNothing { field, what: Nothing::Account, name });
            fits(status::refused(&Refusal::NamesNothing { names: names.collect() }))?;
        }

        #[test]
        fn whatever_is_echoed_the_refusal_arrives(echo in long()) {
            fits(status::encoding_not_supported(&echo))?;
            fits(status::malformed(&echo, &echo))?;
            fits(status::malformed("message", &message(echo)))?;
            fits(status::refused(&Refusal::Busy { retry_after: Span::days(10_000) }))?;
        }

        #[test]
        fn what_is_cut_begins_as_it_was_and_ends_with_an_ellipsis(long in long(), most in 1..50_usize) {
            let cut = text(long.clone(), most);
            if long.chars().count() <= most {
                prop_assert_eq!(cut, long);
            } else {
                prop_assert_eq!(cut.chars().count(), most);
                prop_assert!(long.starts_with(cut.strip_suffix(ELLIPSIS).unwrap()));
            }
        }
    }

    #[test]
    fn a_message_is_cut_where_it_is_encoded_long() {
        assert_eq!(message("x".repeat(200)), "x".repeat(200));
        assert_eq!(message("x".repeat(201)), "x".repeat(199) + "…");
        assert_eq!(message("%".repeat(300)).len(), 199 + '…'.len_utf8());
        assert_eq!(message("\u{10ffff}".repeat(300)), "\u{10ffff}".repeat(63) + "…");
    }

    #[test]
    fn twenty_violations_of_the_usual_length_are_listed() {
        let usual = Violation::new("items[100].product", "must be 1 to 64 characters: a to z, 0 to 9, -");
        assert_eq!(first(vec![usual.clone(); 300]).len(), MAX_VIOLATIONS);
        assert_eq!(first(vec![usual; 3]).len(), 3);
    }
}
