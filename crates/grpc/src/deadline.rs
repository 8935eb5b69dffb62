//! Every call has a deadline: the caller's `grpc-timeout`, at most the server's limit. The deadline
//! ends the caller's wait, not the work: a command continues in its own task, and a retry with the
//! same `request_id` returns its outcome.
//!
//! (tonic's own handling of `grpc-timeout` answers CANCELLED, which clients do not retry. Its server is
//! not used.)

use std::time::Duration;

use tidegate_proto as proto;

/// How much earlier than `grpc-timeout` a call ends, so that the answer arrives before the caller's
/// own timer, which started earlier.
const AHEAD: Duration = Duration::from_millis(5);

/// How long a call of the method at this path may take. `None` for a stream whose caller sets no
/// deadline: the limit for calls does not apply to streams.
pub(crate) fn of(path: &str, asked: Option<Duration>, longest: Duration) -> Option<Duration> {
    let most = (!proto::STREAMS.contains(&path)).then_some(longest);
    let asked = asked.map(|asked| asked.saturating_sub(AHEAD).max(asked / 2));
    asked.into_iter().chain(most).min()
}

/// Reads `grpc-timeout`: at most eight digits and a unit. PROTOCOL-HTTP2.md does not allow 0, but
/// clients whose deadline has passed send it.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3_600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        assert_eq!(parse("150m"), Some(Duration::from_millis(150)));
        assert_eq!(parse("1H"), Some(Duration::from_hours(1)));
        for text in ["", "S", "123456789S", "2s", "-1S", "+1S", "2", "2µ"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
