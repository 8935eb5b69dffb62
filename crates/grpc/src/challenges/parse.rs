use tidegate_core::Purpose;
use tidegate_proto as proto;
use tidegate_service::challenges::{
    AnswerChallenge, CancelChallenge, CreateChallenge, GetChallenge, ResendChallenge,
};

use crate::{answer, form::Form};

pub(super) fn create(message: proto::CreateChallengeRequest, form: &mut Form) -> Option<CreateChallenge> {
    let subject = form.subject(message.subject);
    let purpose = form.word("purpose", message.purpose, purpose);
    let factor = form.text("factor_id", &message.factor_id);
    Some(CreateChallenge { subject: subject?, purpose: purpose?, factor: factor? })
}

pub(super) fn resend(message: proto::ResendChallengeRequest, form: &mut Form) -> Option<ResendChallenge> {
    let subject = form.subject(message.subject);
    let challenge = form.text("challenge_id", &message.challenge_id);
    Some(ResendChallenge { subject: subject?, challenge: challenge? })
}

pub(super) fn get(message: proto::GetChallengeRequest, form: &mut Form) -> Option<GetChallenge> {
    let subject = form.subject(message.subject);
    let challenge = form.text("challenge_id", &message.challenge_id);
    Some(GetChallenge { subject: subject?, challenge: challenge? })
}

pub(super) fn answer(message: proto::AnswerChallengeRequest, form: &mut Form) -> Option<AnswerChallenge> {
    let subject = form.subject(message.subject);
    let challenge = form.text("challenge_id", &message.challenge_id);
    let answer = answer::read(message.answer, form);
    Some(AnswerChallenge { subject: subject?, challenge: challenge?, answer: answer? })
}

pub(super) fn cancel(message: proto::CancelChallengeRequest, form: &mut Form) -> Option<CancelChallenge> {
    let subject = form.subject(message.subject);
    let challenge = form.text("challenge_id", &message.challenge_id);
    Some(CancelChallenge { subject: subject?, challenge: challenge? })
}

fn purpose(wire: proto::ChallengePurpose) -> Option<Purpose> {
    match wire {
        proto::ChallengePurpose::Unspecified => None,
        proto::ChallengePurpose::SignIn => Some(Purpose::SignIn),
        proto::ChallengePurpose::Change => Some(Purpose::Change),
    }
}
