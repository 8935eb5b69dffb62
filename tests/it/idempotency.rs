//! Request ids: one id and one body have one outcome (INV-58).

use proto::ProofOutcome as Outcome;
use tidegate_core::{Answered, Labels, Permission, Refusal, RequestId, Role, Secret, Span};
use tidegate_proto as proto;
use tidegate_service::{Command, CommandContext, Error, Request, customers::CreateCustomer};

use crate::{
    owner::{Device, SignIn, by_code, by_first_code, by_password, totp_secret},
    raw,
    setting::{Kasa, wrong},
    use_cases,
};

const ONE: &str = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f";
const OTHER: &str = "0b0e0d0c-1111-4222-8333-444455556666";

fn complete(sign_in: &SignIn, request_id: &str) -> proto::CompleteSignInRequest {
    let (subject, request_id) = (sign_in.subject(), request_id.to_owned());
    proto::CompleteSignInRequest { subject, remember_device: false, request_id }
}

fn account(external_id: &str, request_id: &str) -> proto::CreateAccountRequest {
    let (external_id, request_id) = (external_id.to_owned(), request_id.to_owned());
    proto::CreateAccountRequest { external_id, request_id, ..Default::default() }
}

on_both! {
    async fn inv_58_a_retry_returns_the_same_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        let first = kasa.frontend.ok(complete(&begun, ONE)).await;
        assert!(!first.session_token.is_empty() && !first.device_token.is_empty());
        assert_eq!(kasa.frontend.ok(complete(&begun, ONE)).await, first);

        server.clock.advance(Span::minutes(10));
        let later = kasa.frontend.ok(complete(&begun, ONE)).await;
        assert_eq!((later.session_token.as_str(), later.device_token.as_str()), ("", ""));
        assert!(later.secret_withheld);
        assert_eq!(later.session, first.session);
    }

    async fn inv_58_the_secrets_of_an_enrollment_are_shown_again_for_ten_minutes(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let enrollment_id = kasa.frontend.begin_enrollment(&session).await;
        kasa.frontend.redeem(&server.mail_to(&person.email).await.token).await;
        let request = proto::ContinueEnrollmentRequest {
            subject: session.subject(),
            enrollment_id: enrollment_id.clone(),
            request_id: ONE.into(),
        };
        let first = kasa.frontend.ok(request.clone()).await;
        server.clock.advance(Span::minutes(10).minus(Span::seconds(1)));
        assert_eq!(kasa.frontend.ok(request.clone()).await, first);
        server.clock.advance(Span::seconds(1));
        let later = kasa.frontend.ok(request).await;
        assert!(later.secret_withheld && totp_secret(later.setup).otpauth_uri.is_empty());

        let seed = crate::owner::Seed::scan(first.setup.clone());
        let code = server.code(&seed);
        let request =
            proto::CompleteEnrollmentRequest { subject: session.subject(), enrollment_id, answer: by_first_code(code), request_id: ONE.into() };
        let first = kasa.frontend.ok(request.clone()).await;
        assert_eq!(first.recovery_codes.len(), 10);
        assert_eq!(kasa.frontend.ok(request).await, first);
    }

    async fn inv_58_one_id_creates_once_for_a_day(server) {
        let kasa = Kasa::open(&server).await;
        let first = kasa.frontend.ok(account("u-1", ONE)).await;
        assert_eq!(kasa.frontend.ok(account("u-1", ONE)).await, first);
        server.clock.advance(Span::hours(24).minus(Span::seconds(1)));
        assert_eq!(kasa.frontend.ok(account("u-1", ONE)).await, first);
        server.clock.advance(Span::seconds(1));
        assert_eq!(kasa.frontend.refused(account("u-1", ONE)).await.name(), "EXTERNAL_ID_TAKEN");
    }

    async fn another_body_with_the_same_id_is_refused(server) {
        let kasa = Kasa::open(&server).await;
        kasa.frontend.ok(account("u-1", ONE)).await;
        assert_eq!(kasa.frontend.refused(account("u-2", ONE)).await.name(), "REQUEST_ID_REUSED");
        kasa.frontend.ok(account("u-2", OTHER)).await;
    }

    async fn an_id_belongs_to_its_credential_and_method(server) {
        let kasa = Kasa::open(&server).await;
        kasa.frontend.ok(account("u-1", ONE)).await;
        let neighbour = server.actor("neighbour", Role::Frontend).await.quiet();
        assert_eq!(neighbour.refused(account("u-1", ONE)).await.name(), "EXTERNAL_ID_TAKEN");
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        kasa.frontend.ok(complete(&begun, ONE)).await;
    }

    async fn a_refusal_is_decided_again(server) {
        let kasa = Kasa::open(&server).await;
        let product = proto::CreateCredentialRequest {
            role: proto::RoleType::Frontend.into(),
            products: vec!["tapo".into()],
            title: "Tapo".into(),
            holder: "Ann".into(),
            request_id: ONE.into(),
            ..Default::default()
        };
        assert_eq!(kasa.admin.refused(product.clone()).await.name(), "PRODUCT_NOT_FOUND");
        kasa.admin.product("tapo").await;
        kasa.admin.ok(product).await;
    }

    async fn inv_09_a_repeated_wrong_answer_is_not_charged_again(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
        let request = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge_id.clone(),
            answer: by_code(wrong(&kasa.code(&owner))),
            request_id: ONE.into(),
        };
        for _ in 0..7 {
            assert_eq!(kasa.frontend.ok(request.clone()).await.tries_left, Some(4));
        }
        let right = kasa.frontend.answer(&begun, &challenge_id, &kasa.code(&owner)).await;
        assert_eq!(right.outcome(), Outcome::Approved);
    }

    async fn a_denied_sign_in_is_remembered_too(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let request = proto::BeginSignInRequest {
            first_factor: by_password("not the password"),
            request_id: ONE.into(),
            ..kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"))
        };
        for _ in 0..6 {
            let denied = kasa.frontend.ok(request.clone()).await;
            assert_eq!(denied.sign_in.unwrap().state(), proto::SignInState::Denied);
        }
        // If each had been charged, the next attempt would have to wait.
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
    }

    /// A replica of another version stores outcomes in another form.
    async fn inv_58_a_request_with_an_unreadable_outcome_is_not_run_again(server) {
        let admin = use_cases::agent(&server, Role::Admin, raw::realm(&server).await).await;
        let request = || Some(Request { id: RequestId(ONE.parse().unwrap()), body: Secret::new(b"acme".to_vec()) });
        let first = CreateCustomer {
            key: "acme".parse().unwrap(),
            title: "Acme".parse().unwrap(),
            country: None,
            labels: Labels::default(),
            created_at: None,
        };
        server.app.act(admin.clone(), first, request()).await.unwrap();
        let retried = server.app.act(admin, OfAnotherVersion, request()).await;
        assert!(matches!(retried, Err(Error::Refused(Refusal::OutcomeUnreadable))), "{retried:?}");
    }
}

/// `CreateCustomer`, as a version of the program with another outcome has it.
struct OfAnotherVersion;

impl Command for OfAnotherVersion {
    const NAME: &'static str = CreateCustomer::NAME;
    const PERMISSION: Permission = CreateCustomer::PERMISSION;
    type Outcome = Answered;

    async fn run(self, _: &CommandContext) -> Result<Answered, Error> {
        panic!("the request was carried out before");
    }
}
