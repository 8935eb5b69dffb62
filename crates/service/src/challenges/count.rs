//! Counts what comes of answers.

use tidegate_core::{Answered, Word as _};

use super::context::ChallengeContext;
use crate::CommandContext;

/// Counts the outcome of an answer, and returns it.
pub(super) fn count(cx: &CommandContext, cc: &ChallengeContext, outcome: Answered) -> Answered {
    let word = match outcome {
        Answered::Approved => "approved",
        Answered::AlreadyApproved => "already_approved",
        Answered::WrongAnswer { .. } => "wrong_answer",
        Answered::Replayed => "replayed",
        Answered::Expired => "expired",
        Answered::UsedUp => "used_up",
        Answered::Superseded => "superseded",
        Answered::Slowed { .. } => "slowed",
        Answered::Closed => "closed",
        Answered::Denied => "denied",
    };
    let metrics = cx.query().metrics();
    metrics.challenged(cc.challenge.method.as_str(), word);
    if matches!(outcome, Answered::Slowed { .. } | Answered::Closed) {
        metrics.throttled("guesses");
    }
    outcome
}
