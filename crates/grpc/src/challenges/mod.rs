//! `ChallengeService`.

mod parse;
mod render;

crate::door::handlers! { ChallengeService in challenge_service_server {
    act create_challenge(CreateChallengeRequest) -> CreateChallengeResponse = parse::create, render::created;
    act resend_challenge(ResendChallengeRequest) -> ResendChallengeResponse = parse::resend, render::resent;
    ask get_challenge(GetChallengeRequest) -> GetChallengeResponse = parse::get, render::got;
    act answer_challenge(AnswerChallengeRequest) -> AnswerChallengeResponse = parse::answer, render::answered;
    act cancel_challenge(CancelChallengeRequest) -> CancelChallengeResponse = parse::cancel, render::cancelled;
} }
