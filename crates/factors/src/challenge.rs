//! The life of one challenge.
//!
//! ```text
//!   open ── right answer ──► approved
//!    │ ├── last wrong answer ► used_up
//!    │ ├── newer challenge ──► superseded
//!    │ └── given up ─────────► cancelled
//!    └ at expires_at every answer is "expired"; the row needs no change for that
//! ```

use tidegate_core::{Answered, Challenge, ChallengeState, Timestamp};

/// The answer that needs no evaluation of the proof, if there is one.
pub fn closed(challenge: &Challenge, now: Timestamp) -> Option<Answered> {
    match challenge.state {
        ChallengeState::Approved => Some(Answered::AlreadyApproved),
        ChallengeState::Superseded => Some(Answered::Superseded),
        ChallengeState::UsedUp | ChallengeState::Cancelled => Some(Answered::UsedUp),
        ChallengeState::Denied => Some(Answered::Denied),
        ChallengeState::Open if now >= challenge.expires_at => Some(Answered::Expired),
        ChallengeState::Open if challenge.tries >= challenge.max_tries => Some(Answered::UsedUp),
        ChallengeState::Open => None,
    }
}
