//! An owner's app on one device: what it calls, in the order it calls it.

use anyhow::Context as _;
use tidegate_core::{Clock as _, Secret, Span};
use tidegate_factors::totp;
use tidegate_proto::{
    self as proto, answer_challenge_request, begin_sign_in_request::FirstFactor, complete_enrollment_request,
    setup::Setup, subject::Who,
};

use super::{cast::Demo, people};
use crate::ambient::AuthorityClock;

/// An app on a device; it keeps what a sign-in gives it.
pub struct OwnerApp<'d> {
    demo: &'d Demo,
    pub account: String,
    device: String,
    device_token: String,
    pub session_token: String,
}

/// A sign-in that was begun.
pub struct Begun {
    pub sign_in: proto::SignIn,
    pub token: String,
}

impl<'d> OwnerApp<'d> {
    pub fn new(demo: &'d Demo, account: &str, device: &str) -> Self {
        Self {
            demo,
            account: account.to_owned(),
            device: device.to_owned(),
            device_token: String::new(),
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

    pub async fn begin(&self, product: &str) -> anyhow::Result<Begun> {
        let request = proto::BeginSignInRequest {
            product: product.into(),
            identifier: people::email(&self.account),
            first_factor: Some(FirstFactor::Password(people::PASSWORD.into())),
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
        self.answer_challenge(begun, &challenge, code).await
    }

    /// The id of a new challenge by one of the sign-in's offers.
    pub async fn challenge(&self, begun: &Begun, offer: &proto::Offer) -> anyhow::Result<String> {
        let (subject, purpose) = (Some(self.signing_in(begun)), proto::ChallengePurpose::SignIn);
        self.create_challenge(subject, purpose, &offer.factor_id).await
    }

    pub async fn answer_challenge(
        &self,
        begun: &Begun,
        challenge: &str,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::ProofOutcome> {
        self.submit(Some(self.signing_in(begun)), challenge, code).await
    }

    /// The id of a challenge for a change, by the account's verified address.
    pub async fn challenge_mailbox(&self) -> anyhow::Result<String> {
        let request = proto::ListFactorsRequest { subject: Some(self.signed_in()) };
        let listed = self.demo.frontend.enrollments().list_factors(request).await.context("ListFactors")?;
        let factors = listed.into_inner().factors;
        let mailbox = factors.iter().find(|factor| factor.method() == proto::Method::EmailCode);
        let factor = &mailbox.context("a mailbox")?.id;
        self.create_challenge(Some(self.signed_in()), proto::ChallengePurpose::Change, factor).await
    }

    /// Answers a challenge for a change.
    pub async fn prove(&self, challenge: &str, code: &Secret<String>) -> anyhow::Result<proto::ProofOutcome> {
        self.submit(Some(self.signed_in()), challenge, code).await
    }

    async fn create_challenge(
        &self,
        subject: Option<proto::Subject>,
        purpose: proto::ChallengePurpose,
        factor: &str,
    ) -> anyhow::Result<String> {
        let (purpose, factor_id) = (purpose.into(), factor.to_owned());
        let request = proto::CreateChallengeRequest { subject, purpose, factor_id, ..Default::default() };
        let created = self.demo.frontend.challenges().create_challenge(request).await;
        Ok(created.context("CreateChallenge")?.into_inner().challenge.context("a challenge")?.id)
    }

    async fn submit(
        &self,
        subject: Option<proto::Subject>,
        challenge: &str,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::ProofOutcome> {
        let request = proto::AnswerChallengeRequest {
            subject,
            challenge_id: challenge.to_owned(),
            answer: Some(answer_challenge_request::Answer::Code(code.expose().clone())),
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

    pub async fn begin_enrollment(&self) -> anyhow::Result<proto::BeginEnrollmentResponse> {
        let request = proto::BeginEnrollmentRequest {
            subject: Some(self.signed_in()),
            method: proto::Method::Totp.into(),
            ..Default::default()
        };
        let begun = self.demo.frontend.enrollments().begin_enrollment(request).await;
        Ok(begun.context("BeginEnrollment")?.into_inner())
    }

    pub async fn continue_enrollment(&self, id: &str) -> anyhow::Result<proto::TotpSecret> {
        let request = proto::ContinueEnrollmentRequest {
            subject: Some(self.signed_in()),
            enrollment_id: id.into(),
            ..Default::default()
        };
        let continued = self.demo.frontend.enrollments().continue_enrollment(request).await;
        match continued.context("ContinueEnrollment")?.into_inner().setup.and_then(|setup| setup.setup) {
            Some(Setup::Totp(secret)) => Ok(secret),
            _ => anyhow::bail!("ContinueEnrollment returned no secret for an app"),
        }
    }

    /// Adds an authenticator app to the factors that the account has.
    pub async fn add_authenticator(&self) -> anyhow::Result<Authenticator> {
        let begun = self.begin_enrollment().await?;
        let id = begun.enrollment.context("an enrollment")?.id;
        let Some(Setup::Totp(secret)) = begun.setup.and_then(|setup| setup.setup) else {
            anyhow::bail!("BeginEnrollment returned no secret for an app");
        };
        let authenticator = Authenticator::scan(&secret.otpauth_uri)?;
        let completed = self.complete_enrollment(&id, &authenticator.code_before()?).await?;
        anyhow::ensure!(completed.outcome() == proto::ProofOutcome::Approved, "expected: the code is good");
        Ok(authenticator)
    }

    pub async fn remove_factor(&self, factor_id: &str) -> anyhow::Result<()> {
        let (subject, factor_id) = (Some(self.signed_in()), factor_id.to_owned());
        let request = proto::RemoveFactorRequest { subject, factor_id, ..Default::default() };
        self.demo.frontend.enrollments().remove_factor(request).await.context("RemoveFactor")?;
        Ok(())
    }

    /// Returns how many recovery codes there are now.
    pub async fn new_recovery_codes(&self) -> anyhow::Result<usize> {
        let request =
            proto::GenerateRecoveryCodesRequest { subject: Some(self.signed_in()), ..Default::default() };
        let generated = self.demo.frontend.enrollments().generate_recovery_codes(request).await;
        Ok(generated.context("GenerateRecoveryCodes")?.into_inner().recovery_codes.len())
    }

    /// Whether a product would serve the session.
    pub async fn is_served(&self) -> anyhow::Result<bool> {
        let request = proto::IntrospectRequest { session_token: self.session_token.clone() };
        let introspected = self.demo.frontend.sessions().introspect(request).await;
        Ok(introspected.context("Introspect")?.into_inner().active)
    }

    pub async fn complete_enrollment(
        &self,
        id: &str,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::CompleteEnrollmentResponse> {
        let request = proto::CompleteEnrollmentRequest {
            subject: Some(self.signed_in()),
            enrollment_id: id.into(),
            answer: Some(complete_enrollment_request::Answer::Code(code.expose().clone())),
            ..Default::default()
        };
        let completed = self.demo.frontend.enrollments().complete_enrollment(request).await;
        Ok(completed.context("CompleteEnrollment")?.into_inner())
    }
}

/// The owner's authenticator app.
pub struct Authenticator {
    seed: Secret<Vec<u8>>,
    clock: AuthorityClock,
}

impl Authenticator {
    pub fn scan(otpauth_uri: &str) -> anyhow::Result<Self> {
        let seed = totp::read_uri(&Secret::new(otpauth_uri.to_owned()))?;
        Ok(Self { seed, clock: AuthorityClock::default() })
    }

    pub fn code(&self) -> anyhow::Result<Secret<String>> {
        Ok(totp::generate(&self.seed, self.clock.now())?)
    }

    /// The code of the previous time step. It is still accepted. Using it leaves the current one
    /// for the next sign-in, so that the demo need not wait for half a minute.
    pub fn code_before(&self) -> anyhow::Result<Secret<String>> {
        Ok(totp::generate(&self.seed, self.clock.now().minus(Span::seconds(30)))?)
    }
}
