//! Times in requests that must lie before or after now.
//!
//! The authority clock decides, in the transaction that would store the time. So a retry of a
//! request that was carried out gets its first outcome, however late it comes.

use tidegate_core::{Refusal, Span, Timestamp};

/// How far another system's clock may be ahead of ours when it reports a time of creation.
const CLOCK_TOLERANCE: Span = Span::minutes(5);

pub(crate) const PAST: &str = "must not be more than 5 minutes after now";
const FUTURE: &str = "must be after now";

/// Whether something may have been created at this time.
pub(crate) fn is_past(at: Timestamp, now: Timestamp) -> bool {
    at <= now.plus(CLOCK_TOLERANCE)
}

/// A time of creation from another system; absent: now.
pub(crate) fn created(
    field: &'static str,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    match at {
        Some(at) if !is_past(at, now) => Err(Refusal::TimeNotAcceptable { field, must: PAST }),
        at => Ok(at.unwrap_or(now)),
    }
}

/// Refuses a time at which nothing can have happened yet. Absent: nothing happened.
pub(crate) fn happened(field: &'static str, at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    created(field, at, now).map(drop)
}

/// Refuses an end that is not after now; absent: never.
pub(crate) fn ends(field: &'static str, at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match at {
        Some(at) if at <= now => Err(Refusal::TimeNotAcceptable { field, must: FUTURE }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);
    const INSTANT: Span = Span::from_micros(1);

    #[test]
    fn a_creation_may_be_five_minutes_ahead() {
        let latest = NOW.plus(Span::minutes(5));
        assert_eq!(created("at", None, NOW), Ok(NOW));
        assert_eq!(created("at", Some(latest), NOW), Ok(latest));
        assert!(created("at", Some(latest.plus(INSTANT)), NOW).is_err());
    }

    #[test]
    fn an_end_is_after_now() {
        assert_eq!(ends("at", None, NOW), Ok(()));
        assert_eq!(ends("at", Some(NOW.plus(INSTANT)), NOW), Ok(()));
        assert!(ends("at", Some(NOW), NOW).is_err());
        assert!(ends("at", Some(NOW.minus(INSTANT)), NOW).is_err());
    }
}
