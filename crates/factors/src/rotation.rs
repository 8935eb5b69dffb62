//! Tokens that are replaced at each use: those of trusted devices and of sessions that are refreshed. One that was replaced
//! and comes back shows that somebody has a copy.

use tidegate_core::{Rotation, Span, Timestamp, TokenDigest};

/// How long the predecessor of a token that was never used stays valid: its holder may have lost the reply.
pub const OVERLAP: Span = Span::seconds(60);

/// Whether the token of the series is valid: the newest one, or its predecessor within the overlap. Any other was replaced
/// and came back, however long ago.
pub fn admits(series: &Rotation, presented: &TokenDigest, now: Timestamp) -> bool {
    let overlaps = is_predecessor(series, presented) && now.since(series.rotated_at) <= OVERLAP;
    series.token.matches(presented) || overlaps
}

/// The series after the presented token was replaced by a new one. A predecessor that is used again replaces what it was
/// replaced by, and its time does not begin again.
pub fn next(series: &Rotation, presented: TokenDigest, token: TokenDigest, now: Timestamp) -> Rotation {
    let again = is_predecessor(series, &presented);
    let rotated_at = if again { series.rotated_at } else { now };
    Rotation { token, previous: Some(presented), rotated_at }
}

fn is_predecessor(series: &Rotation, presented: &TokenDigest) -> bool {
    series.previous.is_some_and(|previous| previous.matches(presented))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const MICROSECOND: Span = Span::from_micros(1);

    const fn digest(number: u8) -> TokenDigest {
        TokenDigest([number; 32])
    }

    /// The first token was replaced just now.
    fn second() -> Rotation {
        next(&Rotation::begin(digest(1), NOW), digest(1), digest(2), NOW)
    }

    #[test]
    fn a_predecessor_is_valid_until_its_successor_is_used_and_for_a_minute_at_most() {
        let (second, last) = (second(), NOW.plus(OVERLAP));
        assert!(admits(&second, &digest(1), last) && admits(&second, &digest(2), last));
        assert!(!admits(&second, &digest(1), last.plus(MICROSECOND)));
        assert!(admits(&second, &digest(2), NOW.plus(Span::days(30))));
        let third = next(&second, digest(2), digest(3), NOW);
        assert!(admits(&third, &digest(2), NOW) && !admits(&third, &digest(1), NOW));
    }

    #[test]
    fn a_predecessor_that_is_used_again_gets_no_more_time() {
        let later = NOW.plus(Span::seconds(59));
        let again = next(&second(), digest(1), digest(3), later);
        assert!(admits(&again, &digest(1), NOW.plus(OVERLAP)));
        assert!(!admits(&again, &digest(1), NOW.plus(OVERLAP).plus(MICROSECOND)));
        assert!(!admits(&again, &digest(2), later), "it was replaced by what its predecessor was given");
    }
}
