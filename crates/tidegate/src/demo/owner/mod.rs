//! An owner's app on one device: what it calls, in the order it calls it.

mod authenticator;
mod enroll;

use anyhow::Context as _;
use tidegate_core::Secret;
use tidegate_proto::{
    self as proto, answer_challenge_request::Answer, begin_sign_in_request::FirstFactor, subject::Who,
};

pub use self::authenticator::Authenticator;
use crate::demo::{cast::Demo, people};

/// An app on a device; it keeps what a sign-in gives it.
pub struct OwnerApp<'d> {
    demo: &'d Demo,
    pub account: String,
    device: String,
    device_token: String,
    password: String,
    pub session_token: String,
}

/// A sign-in that was begun.
pub struct Begun {
    pub sign_in: proto::SignIn,
    pub token: String,
}

impl Begun {
    /// The first offer of a method.
    pub fn offer(&self, method: proto::Method) -> anyhow::Result<&proto::Offer> {
        let offer = self.sign_in.offers.iter().find(|offer| offer.method() == method);
        offer.with_context(|| format!("no offer of {}", method.as_str_name()))
    }
}

/// A code as the answer to a challenge.
pub fn by_code(code: &Secret<String>) -> Answer {
    Answer::Code(code.expose().clone())
}

impl<'d> OwnerApp<'d> {
    pub fn new(demo: &'d Demo, account: &str, device: &str) -> Self {
        Self {
            demo,
            account: account.to_owned(),
            device: device.to_owned(),
            device_token: String::new(),
            password: people::PASSWORD.to_owned(),
            session_token: String::new(),
        }
    }

    fn client(&self) -> proto::ClientContext {
        proto::ClientContext {
            ip: "203.0.113.7".into(),
            user_agent: "Demo/1.0".into(),
            device_id: self.device.clone(),
            language: "en".into(),
        }
    }

    fn signed_in(&self) -> proto::Subject {
        let who = Some(Who::SessionToken(self.session_token.clone()));
        proto::Subject { who, client: Some(self.client()) }
    }

    fn signing_in(&self, begun: &Begun) -> proto::Subject {
        let who = Some(Who::SignInToken(begun.token.clone()));
        proto::Subject { who, client: Some(self.client()) }
    }

    /// Begins a sign-in with the password.
    pub async fn begin(&self, product: &str) -> anyhow::Result<Begun> {
        let password = FirstFactor::Password(self.password.clone());
        self.begin_by(product, people::email(&self.account), password).await
    }

    /// What the product's page passes to the browser, as JSON, to ask for a passkey.
    pub async fn passkey_options(&self, product: &str) -> anyhow::Result<String> {
        let (product, client) = (product.to_owned(), Some(self.client()));
        let request = proto::CreatePasskeyRequestRequest { product, client, ..Default::default() };
        let asked = self.demo.frontend.sign_ins().create_passkey_request(request).await;
        Ok(asked.context("CreatePasskeyRequest")?.into_inner().webauthn_options_json)
    }

    /// Begins a sign-in with a passkey, which names its account.
    pub async fn begin_by_passkey(&self, product: &str, passkey_json: String) -> anyhow::Result<Begun> {
        self.begin_by(product, String::new(), FirstFactor::PasskeyJson(passkey_json)).await
    }

    async fn begin_by(
        &self,
        product: &str,
        identifier: String,
        first_factor: FirstFactor,
    ) -> anyhow::Result<Begun> {
        let request = proto::BeginSignInRequest {
            product: product.into(),
            identifier,
            first_factor: Some(first_factor),
            client: Some(self.client()),
            device_token: self.device_token.clone(),
            ..Default::default()
        };
        let begun =
            self.demo.frontend.sign_ins().begin_sign_in(request).await.context("BeginSignIn")?.into_inner();
        let sign_in = begun.sign_in.context("a sign-in")?;
        anyhow::ensure!(sign_in.state() != proto::SignInState::Denied, "the sign-in was denied");
        Ok(Begun { sign_in, token: begun.sign_in_token })
    }

    pub async fn complete(
        &mut self,
        begun: &Begun,
        remember: bool,
    ) -> anyhow::Result<proto::CompleteSignInResponse> {
        let request = proto::CompleteSignInRequest {
            subject: Some(self.signing_in(begun)),
            remember_device: remember,
            ..Default::default()
        };
        let completed = self.demo.frontend.sign_ins().complete_sign_in(request).await;
        let completed = completed.context("CompleteSignIn")?.into_inner();
        self.session_token.clone_from(&completed.session_token);
        self.device_token.clone_from(&completed.device_token);
        Ok(completed)
    }

    /// Signs in with the password alone. Fails if more is asked.
    pub async fn sign_in(&mut self, product: &str) -> anyhow::Result<proto::CompleteSignInResponse> {
        let begun = self.begin(product).await?;
        let state = begun.sign_in.state();
        anyhow::ensure!(state == proto::SignInState::Ready, "expected a ready sign-in, not {state:?}");
        self.complete(&begun, false).await
    }

    /// Asks for a challenge by the first offer and answers it.
    pub async fn answer(&self, begun: &Begun, code: &Secret<String>) -> anyhow::Result<proto::ProofOutcome> {
        self.answer_by(begun, begun.sign_in.offers.first(), code).await
    }

    /// Asks for a challenge by the last offer, a set of recovery codes, and answers it.
    pub async fn recover(&self, begun: &Begun, code: &Secret<String>) -> anyhow::Result<proto::ProofOutcome> {
        self.answer_by(begun, begun.sign_in.offers.last(), code).await
    }

    async fn answer_by(
        &self,
        begun: &Begun,
        offer: Option<&proto::Offer>,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::ProofOutcome> {
        let challenge = self.challenge(begun, offer.context("an offer")?).await?;
        self.answer_challenge(begun, &challenge.id, by_code(code)).await
    }

    /// A new challenge by one of the sign-in's offers.
    pub async fn challenge(&self, begun: &Begun, offer: &proto::Offer) -> anyhow::Result<proto::Challenge> {
        let (subject, purpose) = (Some(self.signing_in(begun)), proto::ChallengePurpose::SignIn);
        self.create_challenge(subject, purpose, &offer.factor_id).await
    }

    pub async fn answer_challenge(
        &self,
        begun: &Begun,
        challenge_id: &str,
        answer: Answer,
    ) -> anyhow::Result<proto::ProofOutcome> {
        self.submit(Some(self.signing_in(begun)), challenge_id, answer).await
    }

    /// A challenge for a change, by the account's verified address.
    pub async fn challenge_mailbox(&self) -> anyhow::Result<proto::Challenge> {
        let request = proto::ListFactorsRequest { subject: Some(self.signed_in()) };
        let listed = self.demo.frontend.enrollments().list_factors(request).await.context("ListFactors")?;
        let factors = listed.into_inner().factors;
        let mailbox = factors.iter().find(|factor| factor.method() == proto::Method::EmailCode);
        let factor = &mailbox.context("a mailbox")?.id;
        self.create_challenge(Some(self.signed_in()), proto::ChallengePurpose::Change, factor).await
    }

    /// Answers a challenge for a change.
    pub async fn prove(
        &self,
        challenge_id: &str,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::ProofOutcome> {
        self.submit(Some(self.signed_in()), challenge_id, by_code(code)).await
    }

    async fn create_challenge(
        &self,
        subject: Option<proto::Subject>,
        purpose: proto::ChallengePurpose,
        factor: &str,
    ) -> anyhow::Result<proto::Challenge> {
        let (purpose, factor_id) = (purpose.into(), factor.to_owned());
        let request = proto::CreateChallengeRequest { subject, purpose, factor_id, ..Default::default() };
        let created = self.demo.frontend.challenges().create_challenge(request).await;
        created.context("CreateChallenge")?.into_inner().challenge.context("a challenge")
    }

    async fn submit(
        &self,
        subject: Option<proto::Subject>,
        challenge_id: &str,
        answer: Answer,
    ) -> anyhow::Result<proto::ProofOutcome> {
        let request = proto::AnswerChallengeRequest {
            subject,
            challenge_id: challenge_id.to_owned(),
            answer: Some(answer),
            ..Default::default()
        };
        let answered = self.demo.frontend.challenges().answer_challenge(request).await;
        Ok(answered.context("AnswerChallenge")?.into_inner().outcome())
    }

    pub async fn enable(&self) -> anyhow::Result<proto::Decision> {
        let request = proto::EnableTwoStepRequest { subject: Some(self.signed_in()), ..Default::default() };
        let enabled = self.demo.frontend.enrollments().enable_two_step(request).await;
        enabled.context("EnableTwoStep")?.into_inner().decision.context("a decision")
    }

    pub async fn is_mailbox_only(&self) -> anyhow::Result<bool> {
        let request = proto::GetTwoStepStatusRequest { subject: Some(self.signed_in()) };
        let status = self.demo.frontend.enrollments().get_two_step_status(request).await;
        Ok(status.context("GetTwoStepStatus")?.into_inner().mailbox_only)
    }

    pub async fn status(&self) -> anyhow::Result<proto::Decision> {
        let request = proto::GetTwoStepStatusRequest { subject: Some(self.signed_in()) };
        let status = self.demo.frontend.enrollments().get_two_step_status(request).await;
        status.context("GetTwoStepStatus")?.into_inner().decision.context("a decision")
    }

    /// The page of the link "this wasn't me", after its button was pressed.
    pub async fn was_not_me(
        &self,
        product: &str,
        token: String,
    ) -> anyhow::Result<proto::ReportNotMeResponse> {
        let (product, client) = (product.to_owned(), Some(self.client()));
        let request = proto::ReportNotMeRequest { token, product, client, ..Default::default() };
        let reported = self.demo.frontend.accounts().report_not_me(request).await;
        Ok(reported.context("ReportNotMe")?.into_inner())
    }

    /// The page of the link that sets a new password, which the app keeps.
    pub async fn set_password(
        &mut self,
        product: &str,
        token: String,
        password: &str,
    ) -> anyhow::Result<proto::ProofOutcome> {
        password.clone_into(&mut self.password);
        let (product, client, password) = (product.to_owned(), Some(self.client()), password.to_owned());
        let request =
            proto::CompleteRecoveryRequest { product, token, password, client, ..Default::default() };
        let completed = self.demo.frontend.sign_ins().complete_recovery(request).await;
        Ok(completed.context("CompleteRecovery")?.into_inner().outcome())
    }

    /// Whether a product would serve the session.
    pub async fn is_served(&self) -> anyhow::Result<bool> {
        let request = proto::IntrospectRequest { session_token: self.session_token.clone() };
        let introspected = self.demo.frontend.sessions().introspect(request).await;
        Ok(introspected.context("Introspect")?.into_inner().active)
    }
}
