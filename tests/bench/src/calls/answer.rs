//! `AnswerChallenge`.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tidegate_factors::totp;
use tidegate_proto::{self as proto, challenge_service_client::ChallengeServiceClient, subject::Who};

use super::Line;
use crate::{ambient, load::Call, people::Guest};

/// Each guest answers once, because a code is accepted only once.
#[derive(Clone)]
pub struct Answer {
    pub line: Line,
    pub guests: Arc<Vec<Guest>>,
}

impl Call for Answer {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let guest = self.guests.get(usize::try_from(number)?).context("there are not enough guests")?;
        let code = totp::generate(&guest.seed, ambient::now())?;
        let request = self.line.request(proto::AnswerChallengeRequest {
            subject: Some(proto::Subject {
                who: Some(Who::SignInToken(guest.sign_in.expose().clone())),
                client: None,
            }),
            challenge_id: guest.challenge.to_string(),
            answer: Some(proto::answer_challenge_request::Answer::Code(code.expose().clone())),
            request_id: String::new(),
        });
        let answer = ChallengeServiceClient::new(self.line.channel.clone()).answer_challenge(request).await?;
        let outcome = answer.get_ref().outcome();
        ensure!(outcome == proto::ProofOutcome::Approved, "a right code is {outcome:?}");
        Ok(())
    }
}
