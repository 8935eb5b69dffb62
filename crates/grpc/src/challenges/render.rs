use tidegate_core::{Answered, ChallengeState, Purpose};
use tidegate_proto as proto;
use tidegate_service::challenges::{ChallengeView, MAX_TRIES};

use crate::render::{self, method, timestamp};

pub(super) fn created(asked: ChallengeView) -> proto::CreateChallengeResponse {
    proto::CreateChallengeResponse { challenge: Some(challenge(asked)) }
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
    let purpose = match challenge.purpose {
        Purpose::SignIn => proto::ChallengePurpose::SignIn,
        Purpose::Change => proto::ChallengePurpose::Change,
    };
    let state = match challenge.state {
        ChallengeState::Open => Wire::Open,
        ChallengeState::Approved => Wire::Approved,
        ChallengeState::Superseded => Wire::Superseded,
        ChallengeState::UsedUp => Wire::UsedUp,
        ChallengeState::Cancelled => Wire::Cancelled,
    };
    proto::Challenge {
        id: challenge.id.to_string(),
        purpose: purpose.into(),
        factor_id: challenge.factor.to_string(),
        method: method(asked.method).into(),
        state: state.into(),
        tries_left: i32::try_from(MAX_TRIES.saturating_sub(challenge.tries)).unwrap_or(0),
        expire_time: Some(timestamp(challenge.expires_at)),
        prompt: None,
    }
}
