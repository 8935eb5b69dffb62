//! Each method leaves in the log what its rule says (INV-49): a change leaves its event, in the same commit;
//! access to something sensitive leaves one too; every other call leaves none.

mod rollouts;
mod support;

use std::{collections::BTreeSet, sync::Mutex};

use proto::{AuditClass as Audit, preview_rollout_request::Change};
use tidegate_core::{Clock as _, Role, Span};
use tidegate_proto::{self as proto, subject::Who};

use crate::{
    actor::Actor,
    arrange::{Address, NEW_PASSWORD, PASSWORD, row},
    devices::{Decides, PhoneOwner},
    ladders,
    manage::mask,
    manage::ppm,
    owner::{Device, by_code, by_first_code, by_password, confirm_email, subject},
    previews::{preview, reached},
    raw,
    rpc::{Rpc, method_of},
    sms_codes::{OTHER, change_phone, confirm_phone},
    test_server::TestServer,
};

/// Makes calls, and counts the events that each of them leaves.
struct Watched {
    server: TestServer,
    operator: Actor,
    seen: Mutex<BTreeSet<&'static str>>,
}

impl Watched {
    async fn events(&self) -> i64 {
        raw::count(&self.server, "SELECT count(*) FROM events").await
    }

    async fn call<M: Rpc>(&self, request: M) -> M::Answer {
        self.call_as(&self.operator, request).await
    }

    async fn call_as<M: Rpc>(&self, actor: &Actor, request: M) -> M::Answer {
        let before = self.events().await;
        let answer = actor.ok(request).await;
        self.check(M::method(), self.events().await - before);
        answer
    }

    fn check(&self, method: &'static str, left: i64) {
        let rule = proto::RULES.iter().find(|(path, _)| method_of(path) == method).unwrap().1;
        match rule.audit() {
            Audit::None => assert_eq!(left, 0, "{method} left {left} events and says none"),
            Audit::Change | Audit::Access => assert!(left > 0, "{method} left no event"),
            Audit::Unspecified => panic!("{method} does not say"),
        }
        self.seen.lock().unwrap().insert(method);
    }
}

fn etag(rollout: Option<proto::Rollout>) -> (String, String) {
    let rollout = rollout.unwrap();
    (rollout.key, rollout.etag)
}

on_both! {
    async fn inv_49_every_change_has_its_event_and_nothing_else_has_one(server) {
        let operator = server.operator();
        let watched = Watched { server: server.clone(), operator, seen: Mutex::default() };
        set_up(&watched).await;
        rollouts::roll_out(&watched).await;
        enroll(&watched).await;
        sign_in(&watched).await;
        let seen = watched.seen.lock().unwrap();
        let missing: Vec<_> =
            proto::RULES.iter().map(|(path, _)| method_of(path)).filter(|method| !seen.contains(method)).collect();
        assert_eq!(missing, [""; 0], "methods that were not watched");
    }
}

async fn set_up(watched: &Watched) {
    let w = watched;
    w.call(proto::WhoAmIRequest {}).await;
    w.call(proto::GetServerInfoRequest {}).await;
    w.call(proto::GetJwksRequest {}).await;
    let before = w.events().await;
    w.operator.ok(proto::GetJwksRequest {}).await;
    assert_eq!(w.events().await, before, "only the first call makes a key");
    w.call(proto::RotateSigningKeyRequest::default()).await;
    w.call(proto::CreateRealmRequest { key: "acme".into(), title: "Acme".into(), ..Default::default() })
        .await;
    w.call(proto::GetRealmRequest { realm: "acme".into() }).await;
    w.call(proto::ListRealmsRequest::default()).await;
    let credential = proto::CreateCredentialRequest {
        role: proto::RoleType::Auditor.into(),
        all_products: true,
        title: "audit".into(),
        holder: "Ann".into(),
        ..Default::default()
    };
    let credential = w.call(credential).await.credential.unwrap().id;
    w.call(proto::ListCredentialsRequest::default()).await;
    w.call(proto::RotateCredentialRequest { credential: credential.clone(), ..Default::default() }).await;
    w.call(proto::RevokeCredentialRequest { credential, ..Default::default() }).await;
    let settings = proto::ProductSettings { link_url: "https://kasa.example/".into(), ..Default::default() };
    let product = proto::CreateProductRequest {
        key: "kasa".into(),
        title: "Kasa".into(),
        settings: Some(settings),
        ..Default::default()
    };
    let etag = w.call(product).await.product.unwrap().etag;
    w.call(proto::GetProductRequest { product: "kasa".into() }).await;
    w.call(proto::GetMethodDirectoryRequest { product: "kasa".into() }).await;
    w.call(proto::ListProductsRequest::default()).await;
    let update = proto::UpdateProductRequest {
        product: "kasa".into(),
        etag,
        title: "Kasa Smart".into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["title".into()] }),
        ..Default::default()
    };
    w.call(update).await;
    let account = proto::CreateAccountRequest {
        external_id: "ann".into(),
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    w.call(account).await;
    w.call(proto::GetAccountRequest { account: "ann".into() }).await;
    w.call(proto::LookupAccountRequest { email: "ann@example.com".into() }).await;
    w.call(proto::ListAccountsRequest::default()).await;
    let before = w.events().await;
    w.operator.import(vec![row(1, "bob", Address::Verified)]).await.unwrap();
    w.check("ImportAccounts", w.events().await - before);
    w.call(proto::ListEventsRequest::default()).await;
    customers(w).await;
    w.server.seal().await;
    w.call(proto::VerifyChainRequest::default()).await;
    let before = w.events().await;
    let start = Some(proto::tail_events_request::Start::FromBeginning(true));
    let tail = proto::TailEventsRequest { start, ..Default::default() };
    w.operator.stream(tail).await.unwrap().one().await;
    w.check("TailEvents", w.events().await - before);
    w.operator.stream(proto::ExportEventsRequest::default()).await.unwrap().one().await;
    w.check("ExportEvents", w.events().await - before);
}

async fn customers(w: &Watched) {
    let customer =
        proto::CreateCustomerRequest { key: "acme".into(), title: "Acme".into(), ..Default::default() };
    let etag = w.call(customer).await.customer.unwrap().etag;
    w.call(proto::GetCustomerRequest { customer: "acme".into() }).await;
    w.call(proto::ListCustomersRequest::default()).await;
    let (customer, country, update_mask) = ("acme".to_owned(), "DE".to_owned(), mask("country"));
    w.call(proto::UpdateCustomerRequest { customer, etag, country, update_mask, ..Default::default() }).await;
    let (account, customer, update_mask) = ("ann".to_owned(), "acme".to_owned(), mask("customer"));
    w.call(proto::UpdateAccountRequest { account, customer, update_mask, ..Default::default() }).await;
}

async fn begin(watched: &Watched) -> proto::BeginSignInResponse {
    let request = proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: "ann@example.com".into(),
        first_factor: by_password(PASSWORD),
        ..Default::default()
    };
    watched.call(request).await
}

async fn enroll(watched: &Watched) {
    let w = watched;
    let signing_in = subject(Who::SignInToken(begin(w).await.sign_in_token));
    let complete = proto::CompleteSignInRequest { subject: signing_in, ..Default::default() };
    let session = subject(Who::SessionToken(w.call(complete).await.session_token));
    w.call(proto::RegisterInterestRequest { subject: session.clone() }).await;
    w.call(proto::ListInterestRequest { product: "kasa".into(), ..Default::default() }).await;
    let verify =
        proto::RequestEmailVerificationRequest { subject: session.clone(), request_id: String::new() };
    w.call(verify).await;
    let token = w.server.mail_to("ann@example.com").await.token;
    w.call(proto::ConfirmEmailRequest { token, subject: session.clone(), ..Default::default() }).await;
    let begin = || proto::BeginEnrollmentRequest {
        subject: session.clone(),
        method: proto::Method::Totp.into(),
        ..Default::default()
    };
    let given_up = w.call(begin()).await.enrollment.unwrap().id;
    let (subject, enrollment_id) = (session.clone(), given_up);
    w.call(proto::CancelEnrollmentRequest { subject, enrollment_id, ..Default::default() }).await;

    w.server.clock.advance(Span::minutes(1));
    let enrollment_id = w.call(begin()).await.enrollment.unwrap().id;
    let token = w.server.mails_to("ann@example.com").await.pop().unwrap().token;
    w.call(proto::RedeemLinkRequest { token, ..Default::default() }).await;
    let (subject, id) = (session.clone(), enrollment_id.clone());
    w.call(proto::GetEnrollmentRequest { subject, enrollment_id: id.clone() }).await;
    let (subject, request_id) = (session.clone(), String::new());
    let shown = w.call(proto::ContinueEnrollmentRequest { subject, enrollment_id: id, request_id }).await;
    let seed = crate::owner::Seed::scan(shown.setup);
    let code = w.server.code(&seed);
    let (subject, request_id) = (session.clone(), String::new());
    let done = w
        .call(proto::CompleteEnrollmentRequest {
            subject,
            enrollment_id,
            answer: by_first_code(code),
            request_id,
        })
        .await;
    switch(w, session, &seed, done.factor.unwrap().id).await;
}

async fn switch(w: &Watched, subject: Option<proto::Subject>, seed: &crate::owner::Seed, factor_id: String) {
    w.server.clock.advance(Span::seconds(30));
    let create = proto::CreateChallengeRequest {
        subject: subject.clone(),
        purpose: proto::ChallengePurpose::Change.into(),
        factor_id: factor_id.clone(),
        ..Default::default()
    };
    let challenge_id = w.call(create).await.challenge.unwrap().id;
    let (code, request_id) = (w.server.code(seed), String::new());
    let answer = proto::AnswerChallengeRequest {
        subject: subject.clone(),
        challenge_id,
        answer: by_code(code),
        request_id,
    };
    assert_eq!(w.call(answer).await.outcome(), proto::ProofOutcome::Approved);
    w.call(proto::DisableTwoStepRequest { subject: subject.clone(), ..Default::default() }).await;
    let before = w.events().await;
    w.operator.ok(proto::DisableTwoStepRequest { subject: subject.clone(), ..Default::default() }).await;
    assert_eq!(w.events().await, before, "what changed nothing leaves nothing");
    w.call(proto::EnableTwoStepRequest { subject: subject.clone(), ..Default::default() }).await;
    let before = w.events().await;
    w.operator.ok(proto::EnableTwoStepRequest { subject: subject.clone(), ..Default::default() }).await;
    assert_eq!(w.events().await, before, "what changed nothing leaves nothing");
    factors(w, subject, factor_id).await;
}

async fn factors(w: &Watched, subject: Option<proto::Subject>, factor_id: String) {
    let label = "phone".to_owned();
    w.call(proto::RenameFactorRequest { subject: subject.clone(), factor_id, label, ..Default::default() })
        .await;
    w.call(proto::GenerateRecoveryCodesRequest { subject: subject.clone(), ..Default::default() }).await;
    let listed = w.operator.ok(proto::ListFactorsRequest { subject: subject.clone() }).await.factors;
    w.operator.count_mailboxes("kasa").await;
    let mailbox = w.operator.ok(proto::ListFactorsRequest { subject: subject.clone() }).await.factors;
    let mailbox = mailbox.into_iter().find(|factor| factor.method() == proto::Method::EmailCode).unwrap();
    let create = proto::CreateChallengeRequest {
        subject: subject.clone(),
        purpose: proto::ChallengePurpose::Change.into(),
        factor_id: mailbox.id,
        ..Default::default()
    };
    let challenge_id = w.operator.ok(create).await.challenge.unwrap().id;
    w.server.clock.advance(Span::minutes(1));
    w.call(proto::ResendChallengeRequest { subject: subject.clone(), challenge_id, ..Default::default() })
        .await;
    w.call(proto::ListDeliveriesRequest::default()).await;
    let codes = listed.into_iter().find(|factor| factor.codes_left > 0).unwrap();
    w.call(proto::RemoveFactorRequest { subject, factor_id: codes.id, ..Default::default() }).await;
}

async fn sign_in(watched: &Watched) {
    let w = watched;
    let begun = begin(w).await;
    let factor_id = begun.sign_in.unwrap().offers[0].factor_id.clone();
    let subject_ = subject(Who::SignInToken(begun.sign_in_token));
    w.call(proto::GetSignInRequest { subject: subject_.clone() }).await;
    let create = || proto::CreateChallengeRequest {
        subject: subject_.clone(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        factor_id: factor_id.clone(),
        ..Default::default()
    };
    let challenge_id = w.call(create()).await.challenge.unwrap().id;
    let cancel =
        proto::CancelChallengeRequest { subject: subject_.clone(), challenge_id, request_id: String::new() };
    w.call(cancel).await;
    let challenge_id = w.call(create()).await.challenge.unwrap().id;
    let subject = subject_.clone();
    w.call(proto::GetChallengeRequest { subject, challenge_id: challenge_id.clone() }).await;
    let (subject, code, request_id) = (subject_.clone(), "000000".to_owned(), String::new());
    w.call(proto::AnswerChallengeRequest { subject, challenge_id, answer: by_code(code), request_id }).await;
    w.call(proto::CancelSignInRequest { subject: subject_, ..Default::default() }).await;
    devices(w).await;
    phone(w).await;
    w.operator.takes_keys("kasa", "kasa.example", &["https://kasa.example"]).await;
    w.call(proto::CreatePasskeyRequestRequest { product: "kasa".into(), ..Default::default() }).await;
    support(w).await;
}

/// What support sees is recorded, and so is the end of a session.
async fn support(watched: &Watched) {
    let w = watched;
    let support = w.server.actor("support", Role::Support).await.quiet();
    let on_behalf = || {
        let (account, product, reason) = ("ann".into(), "kasa".into(), "ticket 7".into());
        subject(Who::OnBehalf(proto::OnBehalf { account, product, reason }))
    };
    w.call_as(&support, proto::ListFactorsRequest { subject: on_behalf() }).await;
    w.call_as(&support, proto::GetTwoStepStatusRequest { subject: on_behalf() }).await;
    let request = proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: "bob@example.com".into(),
        first_factor: by_password(PASSWORD),
        client: Some(Device::new("phone-1").client()),
        ..Default::default()
    };
    let signing_in = subject(Who::SignInToken(w.call(request).await.sign_in_token));
    let complete = proto::CompleteSignInRequest { subject: signing_in, ..Default::default() };
    w.operator.refreshing("kasa", Span::days(30)).await;
    let proto::CompleteSignInResponse { session_token, refresh_token, .. } = w.call(complete).await;
    w.call(proto::IntrospectRequest { session_token }).await;
    let client = Some(Device::new("phone-1").client());
    let refresh = proto::RefreshSessionRequest { refresh_token, client, ..Default::default() };
    let subject = subject(Who::SessionToken(w.call(refresh).await.session_token));
    w.call(proto::IssueAssertionRequest { subject: subject.clone(), ..Default::default() }).await;
    address(w).await;
    passwords(w, subject.clone()).await;
    w.call_as(&support, proto::ListSessionsRequest { subject: on_behalf() }).await;
    let activity = proto::ListActivityRequest { subject: on_behalf(), ..Default::default() };
    w.call_as(&support, activity).await;
    w.call_as(&support, proto::ListTrustedDevicesRequest { subject: on_behalf() }).await;
    let (product, device_id) = ("kasa".to_owned(), "phone-1".to_owned());
    let forget = proto::RevokeTrustedDeviceRequest {
        subject: subject.clone(),
        product,
        device_id,
        ..Default::default()
    };
    w.call(forget).await;
    w.call(proto::RevokeSessionRequest { subject: subject.clone(), ..Default::default() }).await;
    let begun = w.operator.begin(&w.operator.known("bob").await, "kasa", &Device::new("phone-1")).await;
    let session = w.operator.finish(&begun, &Device::new("phone-1")).await.unwrap();
    let all = proto::RevokeAllSessionsRequest { subject: session.subject(), ..Default::default() };
    w.call(all).await;
    support::cases(w).await;
    support::climb(w).await;
}

/// Bob changes his password, forgets it and resets it; an account without one gets one.
async fn passwords(w: &Watched, session: Option<proto::Subject>) {
    let change = proto::ChangePasswordRequest {
        subject: session.clone(),
        current_password: PASSWORD.into(),
        new_password: NEW_PASSWORD.into(),
        ..Default::default()
    };
    assert_eq!(w.call(change).await.outcome(), proto::ProofOutcome::Approved);
    raw::change(&w.server, "DELETE FROM passwords WHERE account_id = (SELECT account_id FROM accounts WHERE external_id = 'bob')").await;
    let set = proto::SetPasswordRequest { subject: session, password: PASSWORD.into(), ..Default::default() };
    w.call(set).await;
    let (product, identifier) = ("kasa".to_owned(), "ann@example.com".to_owned());
    w.call(proto::BeginRecoveryRequest { product: product.clone(), identifier, ..Default::default() }).await;
    let token = w.server.mail_to("ann@example.com").await.token;
    let password = NEW_PASSWORD.to_owned();
    let reset = proto::CompleteRecoveryRequest { product, token, password, ..Default::default() };
    assert_eq!(w.call(reset).await.outcome(), proto::ProofOutcome::Approved);
}

/// Cleo changes her address, and then says that it was not her.
async fn address(w: &Watched) {
    let person = w.operator.person("cleo").await;
    let session = w.operator.sign_in(&person, "kasa", &Device::new("phone-1")).await;
    let (subject, email) = (session.subject(), "cleo@example.org".to_owned());
    w.call(proto::RequestEmailChangeRequest { subject, email, ..Default::default() }).await;
    let token = w.server.mail_to("cleo@example.org").await.token;
    w.call(confirm_email(&token, &session)).await;
    w.call(proto::ReportNotMeRequest { subject: session.subject(), ..Default::default() }).await;
}

/// A number is changed.
async fn phone(watched: &Watched) {
    let w = watched;
    let person = w.operator.person("texted").await;
    let (session, _) = w.operator.proves_number(&person, &Device::new("phone-7")).await;
    let change = w.call(change_phone(&session, OTHER)).await.enrollment_id;
    let code = w.server.texted(OTHER).await;
    w.call(confirm_phone(&session, &change, &code)).await;
}

/// A device tells its address, watches, and denies.
async fn devices(watched: &Watched) {
    let w = watched;
    let owner = PhoneOwner::of(&w.operator, "phoned").await;
    let address = |token: &str| proto::PushAddress {
        address: Some(proto::push_address::Address::FcmToken(token.to_owned())),
    };
    let now = w.server.clock.now();
    let device = owner.phone.proof("ListPushes", now, "fcm one");
    w.call(proto::ListPushesRequest { device, push_address: Some(address("one")) }).await;
    let before = w.events().await;
    let device = owner.phone.proof("WatchPushes", now, "fcm two");
    let watch = proto::WatchPushesRequest { device, push_address: Some(address("two")) };
    w.operator.stream(watch).await.unwrap().one().await;
    w.check("WatchPushes", w.events().await - before);
    owner.prompted(&w.operator, "tablet").await;
    let push = owner.pushes().await.remove(0);
    w.call(owner.decision(&push, Decides::Denies)).await;
}
