//! The owner of a session, and the calls that enroll a device for them.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tidegate_client::{Client, Refused};
use tidegate_core::Secret;
use tidegate_proto::{
    self as proto, EnrollmentState as State, begin_enrollment_request::About,
    complete_enrollment_request::Answer, subject::Who,
};

use super::{input::InputLines, show};
use crate::ambient::{AuthorityClock, request_id};

const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub struct Owner {
    pub client: Client,
    pub session_token: Secret<String>,
}

impl Owner {
    fn subject(&self) -> proto::Subject {
        let who = Some(Who::SessionToken(self.session_token.expose().clone()));
        proto::Subject { who, client: None }
    }

    /// The session's account; empty where a recovery code made the session, which nothing else may serve. Fails where the
    /// session is of another product, before a mail is sent.
    pub async fn account_id(&self, product: &str) -> anyhow::Result<String> {
        let request = proto::IntrospectRequest { session_token: self.session_token.expose().clone() };
        let call = async move |client: &Client| client.sessions().introspect(request.clone()).await;
        let session = self.client.retrying(call).await?.into_inner().session.unwrap_or_default();
        let is_other = !session.product.is_empty() && session.product != product;
        ensure!(!is_other, "the session is of the product {}", show::plain(&session.product));
        Ok(session.account_id)
    }

    pub async fn begin(
        &self,
        method: proto::Method,
        label: &str,
        device: proto::DeviceKey,
    ) -> Result<proto::BeginEnrollmentResponse, Refused> {
        let request = proto::BeginEnrollmentRequest {
            subject: Some(self.subject()),
            method: method.into(),
            request_id: request_id(),
            about: Some(About::Device(device)),
            label: label.to_owned(),
        };
        let call = async move |client: &Client| client.enrollments().begin_enrollment(request.clone()).await;
        Ok(self.client.retrying(call).await?.into_inner())
    }

    /// Waits until the link was opened: looks after each Enter, or without `input` every second.
    pub async fn confirmed(
        &self,
        enrollment: &proto::Enrollment,
        mut input: Option<&mut InputLines>,
    ) -> anyhow::Result<()> {
        let request = proto::GetEnrollmentRequest {
            subject: Some(self.subject()),
            enrollment_id: enrollment.id.clone(),
        };
        let expires = enrollment.expire_time.as_ref().map_or(i64::MAX, |at| at.seconds);
        loop {
            match &mut input {
                None => tokio::time::sleep(POLL_INTERVAL).await,
                Some(input) => {
                    let line = input.next().await;
                    line.context("standard input ended before the link was opened; see --wait")?;
                }
            }
            let request = request.clone();
            let call =
                async move |client: &Client| client.enrollments().get_enrollment(request.clone()).await;
            let found = self.client.retrying(call).await?.into_inner().enrollment.unwrap_or_default();
            match found.state() {
                State::Confirmed | State::AwaitingProof => return Ok(()),
                State::AwaitingConfirmation if AuthorityClock::host().unix_seconds() >= expires => {
                    bail!("the link has expired: enroll again");
                }
                State::AwaitingConfirmation if input.is_some() => {
                    println!("The link was not opened yet: open it, then press Enter.");
                }
                State::AwaitingConfirmation => {}
                ended => bail!("the enrollment has ended: {}", ended.as_str_name()),
            }
        }
    }

    pub async fn continued(&self, enrollment: &proto::Enrollment) -> Result<Option<proto::Setup>, Refused> {
        let request = proto::ContinueEnrollmentRequest {
            subject: Some(self.subject()),
            enrollment_id: enrollment.id.clone(),
            request_id: request_id(),
        };
        let call =
            async move |client: &Client| client.enrollments().continue_enrollment(request.clone()).await;
        Ok(self.client.retrying(call).await?.into_inner().setup)
    }

    pub async fn completed(
        &self,
        enrollment: &proto::Enrollment,
        decision: proto::PushDecision,
    ) -> Result<proto::CompleteEnrollmentResponse, Refused> {
        let request = proto::CompleteEnrollmentRequest {
            subject: Some(self.subject()),
            enrollment_id: enrollment.id.clone(),
            answer: Some(Answer::Decision(decision)),
            request_id: request_id(),
        };
        let call =
            async move |client: &Client| client.enrollments().complete_enrollment(request.clone()).await;
        Ok(self.client.retrying(call).await?.into_inner())
    }
}
