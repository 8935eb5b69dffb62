//! Codes by SMS: numbers that are enrolled and changed, what a message may cost, and what a number's thief must not get.

use proto::{Method, ProofOutcome as Outcome, begin_enrollment_request::About};
use tidegate_core::Span;
use tidegate_proto as proto;
use tokio::task::JoinSet;

use crate::{
    actor::Actor,
    arrange::Person,
    devices::asks,
    email_codes::resend,
    method_policy::rule,
    owner::{Device, Enrolls, Session, SignIn},
    race::{MANY, together},
    raw,
    recovery::remove,
    setting::{Kasa, wrong},
    test_server::TestServer,
};

/// Two numbers of Germany, where messages cost little, and one of France, where three of them reach the cap of an hour.
pub const NUMBER: &str = "+49 151 12345678";
pub const OTHER: &str = "+4915112345679";
const DEAR: &str = "+33612345678";

/// An owner who has two-step on, with a phone number as the first factor. A minute has passed since the last code.
pub struct SmsOwner {
    pub person: Person,
    pub session: Session,
    pub factor: String,
}

pub fn begin_phone(session: &impl Enrolls, phone: &str) -> proto::BeginEnrollmentRequest {
    proto::BeginEnrollmentRequest {
        subject: session.enrolls(),
        method: Method::SmsCode.into(),
        about: Some(About::Phone(phone.to_owned())),
        label: "Ann's phone".to_owned(),
        ..Default::default()
    }
}

pub fn change_phone(session: &Session, phone: &str) -> proto::RequestPhoneChangeRequest {
    let (subject, phone) = (session.subject(), phone.to_owned());
    proto::RequestPhoneChangeRequest { subject, phone, ..Default::default() }
}

pub fn confirm_phone(session: &Session, change: &str, code: &str) -> proto::ConfirmPhoneChangeRequest {
    let (subject, enrollment_id, code) = (session.subject(), change.to_owned(), code.to_owned());
    proto::ConfirmPhoneChangeRequest { subject, enrollment_id, code, ..Default::default() }
}

fn go_on(session: &impl Enrolls, enrollment: &str) -> proto::ContinueEnrollmentRequest {
    let (subject, enrollment_id) = (session.enrolls(), enrollment.to_owned());
    proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() }
}

impl Actor {
    /// The product's policy as a security vendor has it: SMS comes before the authenticator app, and stays.
    pub async fn texts_first(&self) {
        let rules = vec![rule(Method::SmsCode, &[], true), rule(Method::Totp, &[Method::SmsCode], false)];
        self.ok(self.policy(proto::MethodPolicy { rules, ..Default::default() }).await).await;
    }

    /// A first factor, from the link to the first code. Returns it.
    pub async fn enrolls_number(
        &self,
        session: &impl Enrolls,
        person: &Person,
        number: &str,
    ) -> proto::Factor {
        let enrollment = self.confirmed_number(session, person, number).await;
        let code = self.server.texted(number).await;
        let done = self.complete_enrollment(session, &enrollment, &code).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        assert_eq!(done.recovery_codes.len(), 10);
        done.factor.unwrap()
    }

    /// A session with a fresh proof by SMS, of a person whose number was enrolled in it. Returns it and the factor.
    pub async fn proves_number(&self, person: &Person, device: &Device) -> (Session, String) {
        self.allows(&[Method::SmsCode]).await;
        let session = self.sign_in(person, "kasa", device).await;
        let factor = self.enrolls_number(&session, person, NUMBER).await.id;
        let challenge = self.change_challenge(&session, &factor).await;
        let code = self.server.texted(NUMBER).await;
        assert_eq!(self.answer_change(&session, &challenge, &code).await, Outcome::Approved);
        (session, factor)
    }

    /// A first enrollment whose link was redeemed and whose code was sent.
    pub async fn confirmed_number(&self, session: &impl Enrolls, person: &Person, number: &str) -> String {
        let begun = self.ok(begin_phone(session, number)).await;
        let enrollment = begun.enrollment.unwrap().id;
        assert_eq!(self.redeem(&self.server.mail_to(&person.email).await.token).await, Outcome::Approved);
        let setup = self.ok(go_on(session, &enrollment)).await.setup.unwrap().setup;
        let Some(proto::setup::Setup::Sent(sent)) = setup else { panic!("no code was sent: {setup:?}") };
        assert_eq!(sent.hint, format!("{}…{}", &number[..3], &number[number.len() - 2..]));
        enrollment
    }
}

impl Kasa {
    /// Kasa, where SMS comes before the authenticator app.
    pub async fn by_sms(server: &TestServer) -> Self {
        let kasa = Self::open(server).await;
        kasa.admin.texts_first().await;
        kasa
    }

    pub async fn sms_owner(&self, name: &str) -> SmsOwner {
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let factor = self.frontend.enrolls_number(&session, &person, NUMBER).await;
        assert_eq!((factor.method(), factor.hint.as_str()), (Method::SmsCode, "+49…78"));
        self.server.clock.advance(Span::minutes(16));
        SmsOwner { person, session, factor: factor.id }
    }

    /// A sign-in that waits for a code, its challenge and the code.
    pub async fn texted(&self, owner: &SmsOwner, device: &str) -> (SignIn, String, String) {
        let begun = self.frontend.begin(&owner.person, "kasa", &Device::new(device)).await;
        let challenge = self.frontend.challenge_of(&begun, &owner.factor).await;
        (begun, challenge, self.server.texted(NUMBER).await)
    }

    /// A session that was proved a moment ago.
    pub async fn fresh(&self, owner: &SmsOwner) -> Session {
        let (begun, challenge, code) = self.texted(owner, "tablet").await;
        assert_eq!(self.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        let session = self.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        self.server.clock.advance(Span::minutes(1));
        session
    }
}

on_both! {
    async fn inv_15_a_code_by_sms_gives_a_session_that_is_marked(server) {
        let kasa = Kasa::by_sms(&server).await;
        let owner = kasa.sms_owner("ann").await;
        let (begun, challenge, code) = kasa.texted(&owner, "tablet").await;
        assert_eq!((begun.offers[0].method(), begun.offers[0].hint.as_str()), (Method::SmsCode, "+49…78"));
        assert_eq!(code.len(), 6);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::AlreadyApproved);
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        let made = session.answer.session.unwrap();
        assert_eq!((made.level(), made.restricted), (proto::Level::Aal2, true));
        let known = kasa.frontend.ok(proto::IntrospectRequest { session_token: session.token }).await;
        assert!(known.session.unwrap().restricted);
    }

    async fn inv_01_a_code_by_sms_of_64_is_approved_once(server) {
        let kasa = Kasa::by_sms(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.sms_owner("ann").await;
        let (begun, challenge_id, code) = kasa.texted(&owner, "tablet").await;
        let answer = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id,
            answer: crate::owner::by_code(code),
            ..Default::default()
        };
        let callers: Vec<_> = (0..MANY).map(|number| callers[number % 2].clone()).collect();
        let answers = together(&callers, &answer).await;
        let approved = answers.iter().filter(|one| one.as_ref().is_ok_and(|one| one.outcome() == Outcome::Approved));
        assert_eq!(approved.count(), 1);
    }

    async fn a_code_is_valid_for_five_minutes_and_another_one_voids_it(server) {
        let kasa = Kasa::by_sms(&server).await;
        let owner = kasa.sms_owner("ann").await;
        let (begun, first, code) = kasa.texted(&owner, "tablet").await;
        server.pass(Span::minutes(1));
        let second = kasa.frontend.ok(resend(&begun, &first)).await.challenge.unwrap().id;
        let newer = server.texted(NUMBER).await;
        assert_ne!(code, newer);
        assert_eq!(kasa.frontend.answer(&begun, &first, &code).await.outcome(), Outcome::Superseded);
        assert_eq!(kasa.frontend.answer(&begun, &second, &code).await.outcome(), Outcome::WrongAnswer);
        server.pass(Span::minutes(5));
        assert_eq!(kasa.frontend.answer(&begun, &second, &newer).await.outcome(), Outcome::Expired);
    }

    async fn a_first_code_that_is_too_old_is_sent_anew(server) {
        let kasa = Kasa::by_sms(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let enrollment = kasa.frontend.confirmed_number(&session, &ann, NUMBER).await;
        let code = server.texted(NUMBER).await;
        let at_once = kasa.frontend.refused(go_on(&session, &enrollment)).await;
        assert_eq!(at_once.name(), "TOO_MANY_MESSAGES", "one a minute");
        let wrong = kasa.frontend.complete_enrollment(&session, &enrollment, &wrong(&code)).await;
        assert_eq!((wrong.outcome(), wrong.tries_left), (Outcome::WrongAnswer, Some(4)));
        server.pass(Span::minutes(5));
        let late = kasa.frontend.complete_enrollment(&session, &enrollment, &code).await;
        assert_eq!((late.outcome(), late.tries_left), (Outcome::Expired, None), "not charged");
        kasa.frontend.ok(go_on(&session, &enrollment)).await;
        let newer = server.texted(NUMBER).await;
        let old = kasa.frontend.complete_enrollment(&session, &enrollment, &code).await;
        assert_eq!((old.outcome(), old.tries_left), (Outcome::WrongAnswer, Some(3)), "the first wrong one counts");
        let done = kasa.frontend.complete_enrollment(&session, &enrollment, &newer).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        let phone = factors.iter().find(|factor| factor.method() == Method::SmsCode).unwrap();
        assert_eq!((phone.label.as_str(), phone.hint.as_str()), ("Ann's phone", "+49…78"));
    }

    async fn what_is_no_mobile_number_is_refused(server) {
        let kasa = Kasa::by_sms(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        for typed in ["", "015112345678", "+4930901820", "+19005550143", "+49 151 12345678;ext=1", "+49151123\u{202e}45678"] {
            let refused = kasa.frontend.refused(begin_phone(&session, typed)).await;
            assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("INVALID_REQUEST", "phone"), "{typed}");
        }
        let none = proto::BeginEnrollmentRequest { about: None, ..begin_phone(&session, "") };
        assert_eq!(kasa.frontend.refused(none).await.violations[0].description, "must be set");
        let totp = proto::BeginEnrollmentRequest { method: Method::Totp.into(), ..begin_phone(&session, NUMBER) };
        assert_eq!(kasa.frontend.refused(totp).await.violations[0].field, "phone");
        let refused = kasa.frontend.refused(begin_phone(&session, "+12025550143")).await;
        assert_eq!((refused.name(), refused.metadata["why"].as_str()), ("PHONE_NOT_ACCEPTED", "country"));
    }

    async fn inv_14_pumping_ends_at_the_hourly_cost_of_the_country(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.allows(&[Method::SmsCode, Method::Totp]).await;
        let numbers: Vec<_> = (0..8).map(|number| format!("{}{number}", &DEAR[..DEAR.len() - 1])).collect();
        let mut outcomes = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            let owner = kasa.owner(&format!("ann-{place}")).await;
            server.pass(Span::seconds(30));
            let device = Device::new("tablet");
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &device, &owner.enrolled.seed).await;
            outcomes.push(match kasa.frontend.call(begin_phone(&session, number)).await {
                Ok(_) => "sent".to_owned(),
                Err(refused) => {
                    assert!(refused.retry_after.unwrap().as_secs() <= 3_600);
                    refused.name().to_owned()
                }
            });
        }
        let refused = "TOO_MANY_MESSAGES";
        assert_eq!(outcomes, ["sent", "sent", "sent", refused, refused, refused, refused, refused]);
        let facts = raw::rows(&server, "SELECT fact FROM events WHERE fact LIKE '%sms_cost_reached%' ORDER BY event_id").await;
        let half = r#"{"kind":"sms_cost_reached","data":{"country":"FR","percent":50,"blocked":false}}"#;
        let all = r#"{"kind":"sms_cost_reached","data":{"country":"FR","percent":100,"blocked":true}}"#;
        assert_eq!(facts, [half, all], "each is recorded once");
        server.pass(Span::hours(1));
        let owner = kasa.owner("bob").await;
        server.pass(Span::seconds(30));
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("t"), &owner.enrolled.seed).await;
        kasa.frontend.ok(begin_phone(&session, &numbers[7])).await;
    }

    async fn inv_14_no_race_exceeds_the_hourly_cost(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.allows(&[Method::SmsCode, Method::Totp]).await;
        let mut requests = Vec::new();
        for number in 0..6 {
            let owner = kasa.owner(&format!("ann-{number}")).await;
            server.pass(Span::seconds(30));
            let device = Device::new("tablet");
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &device, &owner.enrolled.seed).await;
            requests.push(begin_phone(&session, &format!("{}{number}", &DEAR[..DEAR.len() - 1])));
        }
        let mut calls = JoinSet::new();
        for request in requests {
            let frontend = kasa.frontend.clone();
            calls.spawn(async move { frontend.call(request).await.is_ok() });
        }
        let sent = calls.join_all().await.into_iter().filter(|sent| *sent).count();
        assert_eq!(sent, 3);
        assert_eq!(raw::count(&server, "SELECT CAST(cost AS BIGINT) FROM sms_costs WHERE country = 'FR'").await, 90);
    }

    async fn the_number_follows_its_owner(server) {
        let kasa = Kasa::by_sms(&server).await;
        let owner = kasa.sms_owner("ann").await;
        let stale = kasa.frontend.refused(change_phone(&owner.session, OTHER)).await;
        assert_eq!(stale.name(), "FRESH_PROOF_NEEDED");
        let session = kasa.fresh(&owner).await;
        let removed = kasa.frontend.refused(remove(&session, &owner.factor)).await;
        assert_eq!((removed.name(), removed.metadata["why"].as_str()), ("FACTOR_NOT_REMOVABLE", "policy"));
        let change = kasa.frontend.ok(change_phone(&session, OTHER)).await;
        assert_eq!(change.sent_to, "+49…79");
        let code = server.texted(OTHER).await;
        let pending = kasa.texted(&owner, "laptop").await;
        let wrong = kasa.frontend.ok(confirm_phone(&session, &change.enrollment_id, &wrong(&code))).await;
        assert_eq!((wrong.outcome(), wrong.tries_left), (Outcome::WrongAnswer, Some(4)));
        let right = confirm_phone(&session, &change.enrollment_id, &code);
        assert_eq!(kasa.frontend.ok(right.clone()).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.ok(right).await.outcome(), Outcome::AlreadyApproved);
        let (begun, challenge, old) = pending;
        let answer = kasa.frontend.answer(&begun, &challenge, &old).await;
        assert_eq!(answer.outcome(), Outcome::UsedUp, "a code to the old number proves nothing");
        let ended = kasa.frontend.ok(proto::IntrospectRequest { session_token: owner.session.token.clone() }).await;
        assert!(ended.active, "a session that rests on the password alone stays");
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        let phone = factors.iter().find(|factor| factor.method() == Method::SmsCode).unwrap();
        assert_eq!((phone.id.as_str(), phone.hint.as_str()), (owner.factor.as_str(), "+49…79"));
        let mail = server.mail_to(&owner.person.email).await;
        assert_eq!(mail.subject, "The phone number of your Kasa account was changed");
        server.pass(Span::minutes(16));
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("new")).await;
        let challenge = kasa.frontend.challenge_of(&begun, &owner.factor).await;
        let code = server.texted(OTHER).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
    }

    async fn inv_20_a_change_of_the_number_ends_with_its_proof_and_belongs_to_its_session(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.allows(&[Method::SmsCode, Method::Totp]).await;
        let owner = kasa.owner("ann").await;
        let none = kasa.frontend.refused(change_phone(&owner.session, NUMBER)).await;
        assert_eq!(none.name(), "NO_PHONE");
        server.pass(Span::seconds(30));
        let tablet = Device::new("tablet");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let begun = kasa.frontend.ok(begin_phone(&session, NUMBER)).await.enrollment.unwrap().id;
        let code = server.texted(NUMBER).await;
        let early = kasa.frontend.refused(confirm_phone(&session, &begun, &code)).await;
        assert_eq!(early.name(), "ENROLLMENT_NOT_FOUND", "a first number is enrolled, not changed");
        let done = kasa.frontend.complete_enrollment(&session, &begun, &code).await;
        let phone = done.factor.unwrap().id;
        let change = kasa.frontend.ok(change_phone(&session, OTHER)).await.enrollment_id;
        let code = server.texted(OTHER).await;
        let eve = kasa.owner("eve").await;
        let foreign = kasa.frontend.refused(confirm_phone(&eve.session, &change, &code)).await;
        assert_eq!(foreign.name(), "ENROLLMENT_NOT_FOUND");
        kasa.frontend.ok(remove(&session, &phone)).await;
        let gone = kasa.frontend.refused(confirm_phone(&session, &change, &code)).await;
        assert_eq!(gone.name(), "ENROLLMENT_NOT_FOUND", "with the factor goes its change");
        let completed = proto::CompleteEnrollmentRequest {
            subject: session.subject(),
            enrollment_id: change,
            answer: crate::owner::by_first_code(code),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(completed).await.metadata["state"], "cancelled");
    }

    async fn inv_30_a_number_is_used_only_as_it_was_stored(server) {
        let kasa = Kasa::by_sms(&server).await;
        let owner = kasa.sms_owner("ann").await;
        let before = server.texts_to(NUMBER).await.len();
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        kasa.frontend.ok(asks(&begun, &owner.factor)).await;
        assert_eq!((server.texts_to(NUMBER).await.len(), server.texts_to(OTHER).await.len()), (before + 1, 0));
    }
}
