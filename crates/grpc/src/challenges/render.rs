use tidegate_core::{Answered, ChallengeState, Prompt};
use tidegate_proto as proto;
use tidegate_service::challenges::ChallengeView;

use crate::render::{self, method, timestamp};

pub(super) fn created(asked: ChallengeView) -> proto::CreateChallengeResponse {
    proto::CreateChallengeResponse { challenge: Some(challenge(asked)) }
}

pub(super) fn resent(asked: ChallengeView) -> proto::ResendChallengeResponse {
    proto::ResendChallengeResponse { challenge: Some(challenge(asked)) }
}

pub(super) fn got(asked: ChallengeView) -> proto::GetChallengeResponse {
    proto::GetChallengeResponse { challenge: Some(challenge(asked)) }
}

pub(super) fn cancelled(asked: ChallengeView) -> proto::CancelChallengeResponse {
    proto::CancelChallengeResponse { challenge: Some(challenge(asked)) }
}

pub(super) fn answered(outcome: Answered) -> proto::AnswerChallengeResponse {
    let (outcome, tries_left, retry_time) = render::answered(outcome);
    proto::AnswerChallengeResponse { outcome: outcome.into(), tries_left, retry_time }
}

fn challenge(asked: ChallengeView) -> proto::Challenge {
    use proto::ChallengeState as Wire;
    let challenge = asked.challenge;
    let state = match challenge.state {
        ChallengeState::Open => Wire::Open,
        ChallengeState::Approved => Wire::Approved,
        ChallengeState::Superseded => Wire::Superseded,
        ChallengeState::UsedUp => Wire::UsedUp,
        ChallengeState::Cancelled => Wire::Cancelled,
        ChallengeState::Denied => Wire::Denied,
    };
    proto::Challenge {
        id: challenge.id.to_string(),
        purpose: render::purpose(challenge.purpose).into(),
        factor_id: challenge.factor.map(|id| id.to_string()).unwrap_or_default(),
        method: method(challenge.method).into(),
        state: state.into(),
        tries_left: i32::try_from(challenge.max_tries.saturating_sub(challenge.tries)).unwrap_or(0),
        expire_time: Some(timestamp(challenge.expires_at)),
        prompt: asked.prompt.and_then(prompt),
    }
}

/// `None` for methods whose code the person reads from an app or from a list.
fn prompt(prompt: Prompt) -> Option<proto::Prompt> {
    use proto::prompt::Prompt as Wire;
    let prompt = match prompt {
        Prompt::Nothing => return None,
        Prompt::Sent { hint } => Wire::Sent(proto::SentPrompt { hint }),
        Prompt::WebAuthn { options } => Wire::WebauthnOptionsJson(options),
        Prompt::Push { number } => Wire::Push(proto::PushPrompt { number }),
    };
    Some(proto::Prompt { prompt: Some(prompt) })
}
