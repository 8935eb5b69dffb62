//! The calls that are measured, as the generated clients make them.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tidegate_core::Secret;
use tidegate_factors::totp;
use tidegate_proto::{
    self as proto, challenge_service_client::ChallengeServiceClient,
    evaluation_service_client::EvaluationServiceClient, session_service_client::SessionServiceClient,
    sign_in_service_client::SignInServiceClient, subject::Who,
};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::{ambient, echo::EchoClient, load::Call, people::Guest};

/// A connection, and who calls over it. The echo is sent the credential too: the wire is the same.
#[derive(Clone)]
pub struct Line {
    channel: Channel,
    authorization: MetadataValue<Ascii>,
}

impl Line {
    pub fn new(channel: Channel, credential: &Secret<String>) -> anyhow::Result<Self> {
        let authorization = format!("Bearer {}", credential.expose().trim()).parse();
        Ok(Self { channel, authorization: authorization.context("no credential")? })
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// What is asked by the call of a number.
pub type Asking<M> = Arc<dyn Fn(u64) -> M + Send + Sync>;

/// The same messages again and again.
pub fn again<M: Clone + Default + Send + Sync + 'static>(messages: Vec<M>) -> Asking<M> {
    let count = messages.len().max(1) as u64;
    let place = move |number: u64| usize::try_from(number % count).unwrap_or(0);
    Arc::new(move |number| messages.get(place(number)).cloned().unwrap_or_default())
}

#[derive(Clone)]
pub struct Evaluate {
    pub line: Line,
    pub asked: Asking<proto::EvaluateRequest>,
}

impl Call for Evaluate {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.line.request((self.asked)(number));
        let answer = EvaluationServiceClient::new(self.line.channel.clone()).evaluate(request).await?;
        ensure!(answer.get_ref().decision.is_some(), "an answer without a decision");
        Ok(())
    }
}

#[derive(Clone)]
pub struct Same(pub Evaluate);

impl Call for Same {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        let answer = EchoClient::new(self.0.line.channel.clone()).same(request).await?;
        ensure!(!answer.get_ref().account.is_empty(), "an empty echo");
        Ok(())
    }
}

#[derive(Clone)]
pub struct Canned(pub Evaluate);

impl Call for Canned {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        let answer = EchoClient::new(self.0.line.channel.clone()).canned(request).await?;
        ensure!(answer.get_ref().decision.is_some(), "an answer without a decision");
        Ok(())
    }
}

#[derive(Clone)]
pub struct Batch {
    pub line: Line,
    pub asked: Asking<proto::BatchEvaluateRequest>,
}

impl Call for Batch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let message = (self.asked)(number);
        let items = message.items.len();
        let request = self.line.request(message);
        let answer = EvaluationServiceClient::new(self.line.channel.clone()).batch_evaluate(request).await?;
        ensure!(answer.get_ref().results.len() == items, "results are missing");
        Ok(())
    }
}

#[derive(Clone)]
pub struct SameBatch(pub Batch);

impl Call for SameBatch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).same_batch(request).await?;
        Ok(())
    }
}

#[derive(Clone)]
pub struct CannedBatch(pub Batch);

impl Call for CannedBatch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).canned_batch(request).await?;
        Ok(())
    }
}

#[derive(Clone)]
pub struct Introspect {
    pub line: Line,
    pub asked: Asking<proto::IntrospectRequest>,
}

impl Call for Introspect {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.line.request((self.asked)(number));
        let answer = SessionServiceClient::new(self.line.channel.clone()).introspect(request).await?;
        ensure!(answer.get_ref().session.is_some(), "a session is not live");
        Ok(())
    }
}

#[derive(Clone)]
pub struct SameToken(pub Introspect);

impl Call for SameToken {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).same_token(request).await?;
        Ok(())
    }
}

/// Each guest once: a code is good for one sign-in.
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
            code: code.expose().clone(),
            request_id: String::new(),
        });
        let answer = ChallengeServiceClient::new(self.line.channel.clone()).answer_challenge(request).await?;
        let outcome = answer.get_ref().outcome();
        ensure!(outcome == proto::ProofOutcome::Approved, "a right code is {outcome:?}");
        Ok(())
    }
}

#[derive(Clone)]
pub struct BeginSignIn {
    pub line: Line,
    pub asked: Asking<proto::BeginSignInRequest>,
}

impl BeginSignIn {
    pub async fn begin(
        &self,
        number: u64,
    ) -> anyhow::Result<Result<proto::BeginSignInResponse, tonic::Status>> {
        let request = self.line.request((self.asked)(number));
        let answer = SignInServiceClient::new(self.line.channel.clone()).begin_sign_in(request).await;
        Ok(answer.map(tonic::Response::into_inner))
    }
}

impl Call for BeginSignIn {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let begun = self.begin(number).await??;
        ensure!(!begun.sign_in_token.is_empty(), "a right password is denied");
        Ok(())
    }
}
