//! How an owner's app adds and removes factors.

use anyhow::{Context as _, ensure};
use tidegate_core::Secret;
use tidegate_proto::{self as proto, complete_enrollment_request::Answer, setup::Setup};

use super::{Authenticator, OwnerApp};
use crate::demo::{mailbox, people};

impl OwnerApp<'_> {
    /// The subject of the request is this app's session.
    pub async fn begin_enrollment(
        &self,
        request: proto::BeginEnrollmentRequest,
    ) -> anyhow::Result<proto::BeginEnrollmentResponse> {
        let request = proto::BeginEnrollmentRequest { subject: Some(self.signed_in()), ..request };
        let begun = self.demo.frontend.enrollments().begin_enrollment(request).await;
        Ok(begun.context("BeginEnrollment")?.into_inner())
    }

    /// Opens the mailed link, and confirms that the owner began an enrollment.
    pub async fn open_link(&self) -> anyhow::Result<()> {
        let token = mailbox::link(&self.demo.mails, &people::email(&self.account), "confirm").await?;
        let request = proto::RedeemLinkRequest { token, ..Default::default() };
        let redeemed = self.demo.frontend.sign_ins().redeem_link(request).await.context("RedeemLink")?;
        let outcome = redeemed.into_inner().outcome();
        ensure!(outcome == proto::ProofOutcome::Approved, "expected: the link is good");
        Ok(())
    }

    pub async fn continue_enrollment(&self, id: &str) -> anyhow::Result<Setup> {
        let request = proto::ContinueEnrollmentRequest {
            subject: Some(self.signed_in()),
            enrollment_id: id.into(),
            ..Default::default()
        };
        let continued = self.demo.frontend.enrollments().continue_enrollment(request).await;
        let setup = continued.context("ContinueEnrollment")?.into_inner().setup;
        setup.and_then(|setup| setup.setup).context("ContinueEnrollment returned no set-up")
    }

    /// Begins an enrollment, and opens the mailed link where one is needed. Returns the enrollment's id, and what the
    /// factor is set up with.
    pub async fn set_up(&self, request: proto::BeginEnrollmentRequest) -> anyhow::Result<(String, Setup)> {
        let begun = self.begin_enrollment(request).await?;
        let id = begun.enrollment.context("an enrollment")?.id;
        if let Some(setup) = begun.setup.and_then(|setup| setup.setup) {
            return Ok((id, setup));
        }
        self.open_link().await?;
        let setup = self.continue_enrollment(&id).await?;
        Ok((id, setup))
    }

    /// Fails if the answer is not right.
    pub async fn complete_enrollment(
        &self,
        id: &str,
        answer: Answer,
    ) -> anyhow::Result<proto::CompleteEnrollmentResponse> {
        let request = proto::CompleteEnrollmentRequest {
            subject: Some(self.signed_in()),
            enrollment_id: id.into(),
            answer: Some(answer),
            ..Default::default()
        };
        let completed = self.demo.frontend.enrollments().complete_enrollment(request).await;
        let completed = completed.context("CompleteEnrollment")?.into_inner();
        ensure!(completed.outcome() == proto::ProofOutcome::Approved, "expected: the answer is right");
        Ok(completed)
    }

    /// Completes the enrollment of an authenticator app with its first code.
    pub async fn complete_authenticator(
        &self,
        id: &str,
        code: &Secret<String>,
    ) -> anyhow::Result<proto::CompleteEnrollmentResponse> {
        self.complete_enrollment(id, Answer::Code(code.expose().clone())).await
    }

    /// Adds an authenticator app to the factors that the account has.
    pub async fn add_authenticator(&self) -> anyhow::Result<Authenticator> {
        let method = proto::Method::Totp.into();
        let request = proto::BeginEnrollmentRequest { method, ..Default::default() };
        let (id, Setup::Totp(secret)) = self.set_up(request).await? else {
            anyhow::bail!("no secret for an app was returned");
        };
        let authenticator = Authenticator::scan(&secret.otpauth_uri)?;
        self.complete_authenticator(&id, &authenticator.code_before()?).await?;
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
}
