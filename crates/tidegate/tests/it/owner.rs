//! A realm in which every account may have two-step, and what the owner of an account does there.

use std::path::{Path, PathBuf};

use tidegate_client::{Client, Refused};
use tidegate_core::{Secret, Timestamp};
use tidegate_factors::totp;
use tidegate_proto::{self as proto, subject::Who};
use tonic::{Response, Status};

use crate::{program::eventually, server::Server};

pub const PASSWORD: &str = "correct horse battery staple";
/// A hash of that password, as an import may bring it, at so low a cost that it takes no time.
pub const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IGZvciB0ZXN0cw$ff5RFSya8XLaFQj4nZaAobl2ketRNZnoQhXZqUKfGEQ";
const PERIOD: i64 = 30;

/// The product kasa, a rollout that reaches every account there, and a back end's credential.
pub struct Realm {
    pub operator: Client,
    pub frontend_token: String,
    mails: PathBuf,
}

/// A back end that calls one of the processes.
#[derive(Clone)]
pub struct Frontend {
    pub client: Client,
    mails: PathBuf,
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub token: String,
    pub state: proto::SignInState,
    /// The id of the factor that is offered first; empty when none is.
    pub factor: String,
}

/// An app that shows codes.
pub struct Authenticator {
    pub seed: Secret<Vec<u8>>,
    /// The time step of the newest code that was used.
    step: i64,
}

pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// A row of an account whose address was verified elsewhere.
pub fn row(line: u64, name: &str) -> proto::ImportRow {
    proto::ImportRow {
        line,
        external_id: name.to_owned(),
        email: email(name),
        email_verified: true,
        password_hash: HASH.to_owned(),
        ..Default::default()
    }
}

pub fn heard<T>(answer: Result<Response<T>, Status>) -> Result<T, Refused> {
    answer.map(Response::into_inner).map_err(|status| Refused::of(&status))
}

impl Realm {
    pub async fn set_up(server: &Server, names: &[&str]) -> Self {
        let operator = server.operator();
        let link_url = "https://kasa.example/confirm".to_owned();
        let product = proto::CreateProductRequest {
            key: "kasa".into(),
            title: "Kasa".into(),
            settings: Some(proto::ProductSettings { link_url, ..Default::default() }),
            ..Default::default()
        };
        operator.products().create_product(product).await.unwrap();
        let rollout = proto::CreateRolloutRequest {
            key: "two-step".into(),
            title: "Two-step verification".into(),
            products: vec!["kasa".into()],
            waves: vec![proto::WaveDraft {
                title: "all".into(),
                edge: Some(proto::wave_draft::Edge::EdgePpm(1_000_000)),
                ..Default::default()
            }],
            ..Default::default()
        };
        let rollout =
            operator.rollouts().create_rollout(rollout).await.unwrap().into_inner().rollout.unwrap();
        let start =
            proto::StartRolloutRequest { rollout: rollout.key, etag: rollout.etag, ..Default::default() };
        operator.rollouts().start_rollout(start).await.unwrap();
        let credential = proto::CreateCredentialRequest {
            role: proto::RoleType::Frontend.into(),
            all_products: true,
            title: "back end".into(),
            holder: "tests".into(),
            ..Default::default()
        };
        let frontend_token =
            operator.access().create_credential(credential).await.unwrap().into_inner().token;
        if !names.is_empty() {
            let rows = (1..).zip(names).map(|(line, name)| row(line, name));
            let imported = operator.import_accounts(rows, |_| {}).await.unwrap();
            assert_eq!(imported.failed_count, 0, "{imported:?}");
        }
        Self { operator, frontend_token, mails: server.mails() }
    }

    /// The methods that owners may have at the product.
    pub async fn allows(&self, methods: &[proto::Method]) {
        let found = proto::GetProductRequest { product: "kasa".into() };
        let found = self.operator.products().get_product(found).await.unwrap().into_inner();
        let allowed_methods = methods.iter().map(|method| (*method).into()).collect();
        let mut request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: found.product.unwrap().etag,
            settings: Some(proto::ProductSettings { allowed_methods, ..Default::default() }),
            ..Default::default()
        };
        request.update_mask.get_or_insert_default().paths = vec!["settings.allowed_methods".into()];
        self.operator.products().update_product(request).await.unwrap();
    }

    /// The back end, calling this process.
    pub fn frontend(&self, server: &Server) -> Frontend {
        Frontend { client: server.client(&self.frontend_token), mails: self.mails.clone() }
    }
}

impl Frontend {
    pub async fn begin(&self, name: &str, device: &str) -> SignIn {
        let request = begin_request(name, device);
        SignIn::of(heard(self.client.sign_ins().begin_sign_in(request).await).unwrap())
    }

    pub async fn complete(&self, sign_in: &SignIn) -> Result<proto::CompleteSignInResponse, Refused> {
        let request = proto::CompleteSignInRequest { subject: Some(sign_in.subject()), ..Default::default() };
        heard(self.client.sign_ins().complete_sign_in(request).await)
    }

    /// Signs in where the password is enough, and returns the session's token.
    pub async fn sign_in(&self, name: &str, device: &str) -> String {
        let begun = self.begin(name, device).await;
        assert_eq!(begun.state, proto::SignInState::Ready);
        self.complete(&begun).await.unwrap().session_token
    }

    /// The id of a new challenge of the factor that is offered.
    pub async fn challenge(&self, sign_in: &SignIn) -> String {
        let request = proto::CreateChallengeRequest {
            subject: Some(sign_in.subject()),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: sign_in.factor.clone(),
            ..Default::default()
        };
        let created = heard(self.client.challenges().create_challenge(request).await).unwrap();
        created.challenge.unwrap().id
    }

    pub async fn answer(
        &self,
        sign_in: &SignIn,
        challenge: &str,
        code: &str,
    ) -> Result<proto::AnswerChallengeResponse, Refused> {
        let request = answer_request(sign_in, challenge, code);
        heard(self.client.challenges().answer_challenge(request).await)
    }

    /// Binds a first factor: opens the mailed link, and answers with the first code.
    pub async fn enroll(&self, name: &str, session: &str) -> Authenticator {
        let enrollments = self.client.enrollments();
        let request = proto::BeginEnrollmentRequest {
            subject: Some(signed_in(session)),
            method: proto::Method::Totp.into(),
            ..Default::default()
        };
        let begun = heard(enrollments.clone().begin_enrollment(request).await).unwrap();
        let id = begun.enrollment.unwrap().id;
        let request = proto::RedeemLinkRequest { token: self.link(name).await, ..Default::default() };
        let redeemed = heard(self.client.sign_ins().redeem_link(request).await).unwrap();
        assert_eq!(redeemed.outcome(), proto::ProofOutcome::Approved);
        let request = proto::ContinueEnrollmentRequest {
            subject: Some(signed_in(session)),
            enrollment_id: id.clone(),
            ..Default::default()
        };
        let continued = heard(enrollments.clone().continue_enrollment(request).await).unwrap();
        let mut authenticator = Authenticator::scan(&totp_secret(continued.setup).otpauth_uri);
        let request = proto::CompleteEnrollmentRequest {
            subject: Some(signed_in(session)),
            enrollment_id: id,
            answer: by_first_code(authenticator.next_code(self).await),
            ..Default::default()
        };
        let completed = heard(enrollments.clone().complete_enrollment(request).await).unwrap();
        assert_eq!(completed.outcome(), proto::ProofOutcome::Approved);
        authenticator
    }

    /// Signs in and turns two-step on.
    pub async fn enrolled(&self, name: &str) -> Authenticator {
        let session = self.sign_in(name, "first-phone").await;
        self.enroll(name, &session).await
    }

    /// The token of the link in the newest mail to this person.
    pub async fn link(&self, name: &str) -> String {
        eventually("a mail with a link", async || link(&self.mails, &email(name))).await
    }

    /// The server's clock, in seconds.
    pub async fn now(&self) -> i64 {
        let info = heard(self.client.system().get_server_info(proto::GetServerInfoRequest {}).await);
        info.unwrap().server_time.unwrap().seconds
    }
}

fn link(mails: &Path, address: &str) -> Option<String> {
    let paths = std::fs::read_dir(mails).unwrap().map(|entry| entry.unwrap().path());
    let mut mails: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
    mails.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    mails.iter().rev().find_map(|path| {
        // Quoted-printable breaks long lines with `=` at their end.
        let mail = std::fs::read_to_string(path).unwrap().replace("=\r\n", "");
        mail.lines().find(|line| line.starts_with("To:") && line.contains(address))?;
        let token = mail.split_once("tgl_")?.1.chars().take_while(char::is_ascii_hexdigit);
        Some(format!("tgl_{}", token.collect::<String>()))
    })
}

impl SignIn {
    pub fn of(begun: proto::BeginSignInResponse) -> Self {
        let sign_in = begun.sign_in.unwrap();
        let factor = sign_in.offers.first().map(|offer| offer.factor_id.clone()).unwrap_or_default();
        Self { state: sign_in.state(), token: begun.sign_in_token, factor }
    }

    pub fn subject(&self) -> proto::Subject {
        proto::Subject { who: Some(Who::SignInToken(self.token.clone())), client: None }
    }
}

impl Authenticator {
    pub fn scan(otpauth_uri: &str) -> Self {
        let seed = totp::read_uri(&Secret::new(otpauth_uri.to_owned())).unwrap();
        Self { seed, step: 0 }
    }

    /// A code that was never used and stays valid for at least 30 seconds: that of the current time step, or
    /// of the next one. So two codes need no waiting, and a test asks for no more than two of one person.
    pub async fn next_code(&mut self, frontend: &Frontend) -> String {
        self.step = (self.step + 1).max(frontend.now().await / PERIOD);
        let good = async || (self.step <= frontend.now().await / PERIOD + 1).then_some(());
        eventually("a code that was not used", good).await;
        let at = Timestamp::from_unix_micros(self.step * PERIOD * 1_000_000);
        totp::generate(&self.seed, at).unwrap().expose().clone()
    }
}

pub fn signed_in(session: &str) -> proto::Subject {
    proto::Subject { who: Some(Who::SessionToken(session.to_owned())), client: None }
}

#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_password(password: impl Into<String>) -> Option<proto::begin_sign_in_request::FirstFactor> {
    Some(proto::begin_sign_in_request::FirstFactor::Password(password.into()))
}

/// What an enrollment shows for an authenticator app.
pub fn totp_secret(setup: Option<proto::Setup>) -> proto::TotpSecret {
    match setup.and_then(|setup| setup.setup) {
        Some(proto::setup::Setup::Totp(totp)) => totp,
        other => panic!("{other:?}"),
    }
}

/// The answer to a challenge, on the wire.
#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_code(code: impl Into<String>) -> Option<proto::answer_challenge_request::Answer> {
    Some(proto::answer_challenge_request::Answer::Code(code.into()))
}

/// The answer that completes an enrollment.
#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
pub fn by_first_code(code: impl Into<String>) -> Option<proto::complete_enrollment_request::Answer> {
    Some(proto::complete_enrollment_request::Answer::Code(code.into()))
}

pub fn begin_request(name: &str, device: &str) -> proto::BeginSignInRequest {
    proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: email(name),
        first_factor: by_password(PASSWORD),
        client: Some(proto::ClientContext { device_id: device.to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

pub fn answer_request(sign_in: &SignIn, challenge: &str, code: &str) -> proto::AnswerChallengeRequest {
    proto::AnswerChallengeRequest {
        subject: Some(sign_in.subject()),
        challenge_id: challenge.to_owned(),
        answer: by_code(code),
        ..Default::default()
    }
}
