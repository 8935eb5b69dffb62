//! What the owner of an account does through an app, in short: sign-ins, codes, enrollment.

use tidegate_client::Refused;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{PASSWORD, Person},
    owner::{Device, Enrolled, Enrolls, Seed, Session, SignIn, by_code, by_first_code, by_password},
};

impl Actor {
    #[expect(clippy::unused_self, reason = "reads like what the app says")]
    pub fn begin_request(
        &self,
        person: &Person,
        product: &str,
        device: &Device,
    ) -> proto::BeginSignInRequest {
        proto::BeginSignInRequest {
            product: product.to_owned(),
            identifier: person.email.clone(),
            first_factor: by_password(PASSWORD),
            client: Some(device.client()),
            device_token: device.token(),
            request_id: String::new(),
        }
    }

    pub async fn begin(&self, person: &Person, product: &str, device: &Device) -> SignIn {
        let begun = self.ok(self.begin_request(person, product, device)).await;
        let sign_in = begun.sign_in.unwrap();
        SignIn { token: begun.sign_in_token, state: sign_in.state(), offers: sign_in.offers }
    }

    pub async fn finish(&self, sign_in: &SignIn, device: &Device) -> Result<Session, Refused> {
        let request = proto::CompleteSignInRequest {
            subject: sign_in.subject(),
            remember_device: device.asks_for_trust(),
            request_id: String::new(),
        };
        let answer = self.call(request).await?;
        device.keep(&answer.device_token);
        let id = answer.session.as_ref().unwrap().id.clone();
        Ok(Session { id, token: answer.session_token.clone(), answer })
    }

    /// A sign-in that asks for nothing but the password.
    pub async fn sign_in(&self, person: &Person, product: &str, device: &Device) -> Session {
        let begun = self.begin(person, product, device).await;
        self.finish(&begun, device).await.unwrap()
    }

    /// A sign-in that asks for a code.
    pub async fn sign_in_with(
        &self,
        person: &Person,
        product: &str,
        device: &Device,
        seed: &Seed,
    ) -> Session {
        let begun = self.begin(person, product, device).await;
        let challenge = self.challenge(&begun).await;
        let answer = self.answer(&begun, &challenge, &self.server.code(seed)).await;
        assert_eq!(answer.outcome(), proto::ProofOutcome::Approved);
        self.finish(&begun, device).await.unwrap()
    }

    /// The id of a new challenge for the first factor that is offered.
    pub async fn challenge(&self, sign_in: &SignIn) -> String {
        let request = proto::CreateChallengeRequest {
            subject: sign_in.subject(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: sign_in.factor(),
            request_id: String::new(),
        };
        self.ok(request).await.challenge.unwrap().id
    }

    pub async fn answer(
        &self,
        sign_in: &SignIn,
        challenge: &str,
        code: &str,
    ) -> proto::AnswerChallengeResponse {
        let (challenge_id, code) = (challenge.to_owned(), code.to_owned());
        let subject = sign_in.subject();
        let request = proto::AnswerChallengeRequest {
            subject,
            challenge_id,
            answer: by_code(code),
            ..Default::default()
        };
        self.ok(request).await
    }

    /// The id of an enrollment that waits for its link.
    pub async fn begin_enrollment(&self, session: &impl Enrolls) -> String {
        let (subject, method) = (session.enrolls(), proto::Method::Totp.into());
        let request = proto::BeginEnrollmentRequest { subject, method, ..Default::default() };
        self.ok(request).await.enrollment.unwrap().id
    }

    pub async fn redeem(&self, token: &str) -> proto::ProofOutcome {
        let request = proto::RedeemLinkRequest { token: token.to_owned(), ..Default::default() };
        self.ok(request).await.outcome()
    }

    /// The seed of an enrollment whose link was redeemed.
    pub async fn continue_enrollment(&self, session: &impl Enrolls, enrollment: &str) -> Seed {
        let (subject, enrollment_id) = (session.enrolls(), enrollment.to_owned());
        let request = proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() };
        Seed::scan(self.ok(request).await.setup)
    }

    pub async fn complete_enrollment(
        &self,
        session: &impl Enrolls,
        enrollment: &str,
        code: &str,
    ) -> proto::CompleteEnrollmentResponse {
        let (enrollment_id, code) = (enrollment.to_owned(), code.to_owned());
        let subject = session.enrolls();
        let request = proto::CompleteEnrollmentRequest {
            subject,
            enrollment_id,
            answer: by_first_code(code),
            ..Default::default()
        };
        self.ok(request).await
    }

    /// A whole enrollment: from the first call over the mailed link to the recovery codes. The code that
    /// completes it is spent; the next one comes 30 seconds later.
    pub async fn enroll(&self, session: &impl Enrolls, person: &Person) -> Enrolled {
        let enrollment = self.begin_enrollment(session).await;
        let mail = self.server.mail_to(&person.email).await;
        assert_eq!(self.redeem(&mail.token).await, proto::ProofOutcome::Approved);
        let seed = self.continue_enrollment(session, &enrollment).await;
        let done = self.complete_enrollment(session, &enrollment, &self.server.code(&seed)).await;
        assert_eq!(done.outcome(), proto::ProofOutcome::Approved);
        Enrolled { seed, factor: done.factor.unwrap().id, recovery_codes: done.recovery_codes }
    }

    /// The id of a new challenge that authorises a change.
    pub async fn change_challenge(&self, session: &Session, factor: &str) -> String {
        let request = proto::CreateChallengeRequest {
            subject: session.subject(),
            purpose: proto::ChallengePurpose::Change.into(),
            factor_id: factor.to_owned(),
            request_id: String::new(),
        };
        self.ok(request).await.challenge.unwrap().id
    }

    pub async fn answer_change(&self, session: &Session, challenge: &str, code: &str) -> proto::ProofOutcome {
        let (challenge_id, code) = (challenge.to_owned(), code.to_owned());
        let subject = session.subject();
        let request = proto::AnswerChallengeRequest {
            subject,
            challenge_id,
            answer: by_code(code),
            ..Default::default()
        };
        self.ok(request).await.outcome()
    }

    pub async fn enable(&self, session: &Session) -> Result<proto::Decision, Refused> {
        let (subject, request_id) = (session.subject(), String::new());
        let answer = self.call(proto::EnableTwoStepRequest { subject, request_id }).await?;
        Ok(answer.decision.unwrap())
    }

    pub async fn disable(&self, session: &Session) -> Result<proto::Decision, Refused> {
        let (subject, request_id) = (session.subject(), String::new());
        let answer = self.call(proto::DisableTwoStepRequest { subject, request_id }).await?;
        Ok(answer.decision.unwrap())
    }
}
