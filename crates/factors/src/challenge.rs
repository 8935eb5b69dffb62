//! The life of one challenge.
//!
//! ```text
//!   open ── right answer ──► approved
//!    │ ├── last wrong answer ► used_up
//!    │ ├── newer challenge ──► superseded
//!    │ └── given up ─────────► cancelled
//!    └ at expires_at every answer is "expired"; the row needs no change for that
//! ```

use tidegate_core::{Answered, Challenge, ChallengeState, Span, Timestamp};

/// Wrong answers a challenge takes; the hard limit is 10.
pub const MAX_TRIES: i64 = 5;
/// How long a challenge waits for an answer; the hard limit is 10 minutes.
pub const TTL: Span = Span::minutes(5);
/// Live challenges of one account; the hard limit is 5.
pub const MAX_LIVE: usize = 3;

/// The answer that needs no look at the proof, if there is one.
pub fn closed(challenge: &Challenge, now: Timestamp) -> Option<Answered> {
    match challenge.state {
        ChallengeState::Approved => Some(Answered::Replayed),
        ChallengeState::Superseded => Some(Answered::Superseded),
        ChallengeState::UsedUp | ChallengeState::Cancelled => Some(Answered::UsedUp),
        ChallengeState::Open if now >= challenge.expires_at => Some(Answered::Expired),
        ChallengeState::Open if challenge.tries >= MAX_TRIES => Some(Answered::UsedUp),
        ChallengeState::Open => None,
    }
}

/// What a wrong answer leaves, counted with the try it took.
pub const fn wrong(tries: i64) -> Answered {
    match MAX_TRIES - tries {
        left if left > 0 => Answered::WrongAnswer { tries_left: left },
        _ => Answered::UsedUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_answer_is_the_last() {
        assert_eq!(wrong(1), Answered::WrongAnswer { tries_left: 4 });
        assert_eq!(wrong(4), Answered::WrongAnswer { tries_left: 1 });
        assert_eq!(wrong(5), Answered::UsedUp);
    }
}
