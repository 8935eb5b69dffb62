//! Codes by mail: a verified address as a second factor, and the budgets of what is sent.

use proto::{ChallengePurpose, Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;
use tokio::task::JoinSet;

use crate::{
    actor::Actor,
    arrange::{Address, Person},
    manage::mask,
    owner::{Device, Session, SignIn, by_code, confirm_email},
    race::{MANY, together},
    raw,
    recovery::remove,
    setting::{Kasa, wrong},
    test_server::TestServer,
};

/// An owner who has two-step on, with the mailbox as the only factor. A minute has passed since the last code.
pub struct MailOwner {
    pub person: Person,
    pub session: Session,
    /// The factor of the address.
    pub factor: String,
}

impl Actor {
    /// Makes verified addresses count at the product.
    pub async fn count_mailboxes(&self, product: &str) {
        let got = self.ok(proto::GetProductRequest { product: product.to_owned() }).await.product.unwrap();
        let change = proto::UpdateProductRequest {
            product: product.to_owned(),
            etag: got.etag,
            settings: Some(proto::ProductSettings { email_is_factor: true, ..Default::default() }),
            update_mask: mask("settings.email_is_factor"),
            ..Default::default()
        };
        assert!(self.ok(change).await.product.unwrap().settings.unwrap().email_is_factor);
    }

    /// The factor of the account's verified address.
    pub async fn mailbox(&self, session: &Session) -> Option<proto::Factor> {
        let listed = self.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        listed.into_iter().find(|factor| factor.method() == Method::EmailCode)
    }

    /// Switches two-step on by a mailed code; a minute passes. Returns the factor.
    pub async fn mail_codes(&self, session: &Session, person: &Person) -> String {
        self.count_mailboxes("kasa").await;
        self.switch_on_by_mail(session, person).await
    }

    pub async fn switch_on_by_mail(&self, session: &Session, person: &Person) -> String {
        let factor = self.mailbox(session).await.unwrap().id;
        let challenge = self.change_challenge(session, &factor).await;
        let code = self.server.mail_to(&person.email).await.code;
        assert_eq!(self.answer_change(session, &challenge, &code).await, Outcome::Approved);
        assert!(self.enable(session).await.unwrap().on);
        self.server.clock.advance(Span::minutes(1));
        factor
    }

    /// How long until one more code is sent. `None`: it was sent.
    async fn waits(&self, sign_in: &SignIn, factor: &str) -> Option<u64> {
        match self.call(create(sign_in, factor)).await {
            Ok(_) => None,
            Err(refused) => {
                assert_eq!(refused.name(), "TOO_MANY_MESSAGES");
                Some(refused.retry_after.unwrap().as_secs())
            }
        }
    }
}

fn create(sign_in: &SignIn, factor: &str) -> proto::CreateChallengeRequest {
    proto::CreateChallengeRequest {
        subject: sign_in.subject(),
        purpose: ChallengePurpose::SignIn.into(),
        factor_id: factor.to_owned(),
        request_id: String::new(),
    }
}

pub fn resend(sign_in: &SignIn, challenge: &str) -> proto::ResendChallengeRequest {
    let challenge_id = challenge.to_owned();
    proto::ResendChallengeRequest { subject: sign_in.subject(), challenge_id, ..Default::default() }
}

impl Kasa {
    /// Kasa, where a verified address is a factor.
    pub async fn by_mail(server: &TestServer) -> Self {
        let kasa = Self::open(server).await;
        kasa.admin.count_mailboxes("kasa").await;
        kasa
    }

    pub async fn mail_owner(&self, name: &str) -> MailOwner {
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let factor = self.frontend.switch_on_by_mail(&session, &person).await;
        MailOwner { person, session, factor }
    }

    /// A sign-in that waits for a mailed code, its challenge and the code.
    async fn mailed(&self, owner: &MailOwner) -> (SignIn, String, String) {
        let begun = self.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
        let challenge = self.frontend.challenge_of(&begun, &owner.factor).await;
        let code = self.newest_code(owner).await;
        (begun, challenge, code)
    }

    async fn newest_code(&self, owner: &MailOwner) -> String {
        self.server.mails_to(&owner.person.email).await.pop().unwrap().code
    }
}

on_both! {
    async fn inv_15_a_mailed_code_gives_a_session_of_its_level(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let (begun, challenge, code) = kasa.mailed(&owner).await;
        assert_eq!(begun.offers.len(), 2, "and recovery codes");
        assert_eq!((begun.offers[0].method(), begun.offers[0].hint.as_str()), (Method::EmailCode, "a…@e….com"));
        assert_eq!(code.len(), 8);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.as_ref().unwrap().level(), proto::Level::Aal1Email);
        let known = kasa.frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await;
        assert!(known.active && known.session.unwrap().level() == proto::Level::Aal1Email);
    }

    async fn inv_01_a_mailed_code_of_64_is_approved_once(server) {
        let kasa = Kasa::by_mail(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        for round in 0..4 {
            let owner = kasa.mail_owner(&format!("ann-{round}")).await;
            let (begun, challenge_id, code) = kasa.mailed(&owner).await;
            let (subject, answer) = (begun.subject(), by_code(code));
            let request = proto::AnswerChallengeRequest { subject, challenge_id, answer, ..Default::default() };
            let told: Vec<_> = together(&callers, &request).await.into_iter().map(|one| one.unwrap().outcome()).collect();
            assert_eq!(told.iter().filter(|one| **one == Outcome::Approved).count(), 1, "{told:?}");
            assert!(!told.contains(&Outcome::WrongAnswer), "{told:?}");
        }
    }

    async fn inv_03_a_code_is_worth_nothing_for_another_sign_in_or_purpose(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let (_, _, code) = kasa.mailed(&owner).await;
        server.clock.advance(Span::minutes(1));
        let (other, challenge, _) = kasa.mailed(&owner).await;
        assert_eq!(kasa.frontend.answer(&other, &challenge, &code).await.outcome(), Outcome::WrongAnswer);
        let change = kasa.frontend.change_challenge(&owner.session, &owner.factor).await;
        assert_eq!(kasa.frontend.answer_change(&owner.session, &change, &code).await, Outcome::WrongAnswer);
    }

    async fn inv_04_a_mailed_code_ends_after_ten_minutes(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        for (age, outcome) in [(600_000_000, Outcome::Expired), (599_999_999, Outcome::Approved)] {
            let change = kasa.frontend.change_challenge(&owner.session, &owner.factor).await;
            let code = kasa.newest_code(&owner).await;
            server.clock.advance(Span::from_micros(age));
            assert_eq!(kasa.frontend.answer_change(&owner.session, &change, &code).await, outcome, "{age}");
            server.clock.advance(Span::minutes(15));
        }
    }

    async fn inv_05_a_code_of_an_older_send_is_void(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let (begun, older, old_code) = kasa.mailed(&owner).await;
        server.clock.advance(Span::minutes(1));
        let newer = kasa.frontend.ok(resend(&begun, &older)).await.challenge.unwrap();
        assert_ne!(newer.id, older);
        let code = kasa.newest_code(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &older, &old_code).await.outcome(), Outcome::Superseded);
        assert_eq!(kasa.frontend.answer(&begun, &older, &code).await.outcome(), Outcome::Superseded);
        assert_eq!(kasa.frontend.answer(&begun, &newer.id, &old_code).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(kasa.frontend.answer(&begun, &newer.id, &code).await.outcome(), Outcome::Approved);
    }

    async fn inv_05_a_code_and_its_resend_at_once_leave_one_code(server) {
        let kasa = Kasa::by_mail(&server).await;
        let replica = server.replica().await;
        for round in 0..6 {
            let owner = kasa.mail_owner(&format!("ann-{round}")).await;
            let (begun, challenge, code) = kasa.mailed(&owner).await;
            server.clock.advance(Span::minutes(1));
            let mut calls = JoinSet::new();
            for n in 0..MANY {
                let caller = if n % 2 == 0 { kasa.frontend.clone() } else { kasa.frontend.at(replica.channel.clone()) };
                let (begun, challenge, code) = (begun.clone(), challenge.clone(), code.clone());
                calls.spawn(async move {
                    if n % 4 == round % 4 {
                        return caller.call(resend(&begun, &challenge)).await.map(|sent| sent.challenge.unwrap().id).ok();
                    }
                    let answered = caller.answer(&begun, &challenge, &code).await.outcome();
                    (answered == Outcome::Approved).then(|| "approved".to_owned())
                });
            }
            let done: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
            assert_eq!(done.len(), 1, "either the code was approved, or another one was sent: {done:?}");
            if done[0] != "approved" {
                let newest = kasa.newest_code(&owner).await;
                assert_eq!(kasa.frontend.answer(&begun, &done[0], &newest).await.outcome(), Outcome::Approved);
            }
        }
    }

    async fn inv_09_a_resend_gives_no_tries_back(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let (begun, mut challenge, mut code) = kasa.mailed(&owner).await;
        for left in [4, 3, 2] {
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await.tries_left, Some(left));
        }
        server.clock.advance(Span::minutes(1));
        let newer = kasa.frontend.ok(resend(&begun, &challenge)).await.challenge.unwrap();
        assert_eq!(newer.tries_left, 2);
        (challenge, code) = (newer.id, kasa.newest_code(&owner).await);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await.tries_left, Some(1));
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await.outcome(), Outcome::UsedUp);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::UsedUp);
        server.clock.advance(Span::minutes(1));
        let refused = kasa.frontend.refused(resend(&begun, &challenge)).await;
        assert_eq!((refused.name(), refused.metadata["state"].as_str()), ("CHALLENGE_STATE", "used_up"));
    }

    async fn inv_14_codes_to_one_address_have_a_budget_over_two_servers(server) {
        let kasa = Kasa::by_mail(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.mail_owner("ann").await;
        let mut sent = 0;
        // A call each minute of a day, on both servers in turn. A sign-in lives for 10 minutes.
        for ten in 0..144 {
            let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
            for minute in 0..9 {
                let waits = callers[(ten + minute) % 2].waits(&begun, &owner.factor).await;
                sent += usize::from(waits.is_none());
                if let Some(seconds) = waits {
                    assert!(seconds <= 86_400, "{seconds}");
                }
                server.clock.advance(Span::minutes(1));
            }
            server.clock.advance(Span::minutes(1));
        }
        assert_eq!(sent, 10, "of 1 296 calls in a day");
        let queued = "SELECT count(*) FROM deliveries WHERE purpose = 'sign_in_code'";
        assert_eq!(raw::count(&server, queued).await, 10);
    }

    async fn inv_14_64_calls_at_once_send_one_code(server) {
        let kasa = Kasa::by_mail(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.mail_owner("ann").await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let told = together(&callers, &create(&begun, &owner.factor)).await;
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1);
        for refused in told.iter().filter_map(|one| one.as_ref().err()) {
            assert_eq!(refused.name(), "TOO_MANY_MESSAGES");
        }
        let challenge = told.into_iter().find_map(Result::ok).unwrap().challenge.unwrap().id;
        let code = kasa.newest_code(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved, "it still counts");
    }

    /// One half of INV-13.
    async fn links_that_anybody_may_ask_for_take_no_codes(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        server.clock.advance(Span::minutes(5));
        let mut asked = 0;
        for _ in 0..12 {
            let begin = crate::recovery::begin(&owner.session, "phone");
            asked += usize::from(kasa.frontend.call(begin).await.is_ok());
            kasa.frontend.begin(&owner.person, "kasa", &Device::new("thief")).await;
        }
        assert_eq!(asked, 1, "one link in a minute");
        let (begun, challenge, code) = kasa.mailed(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
    }

    async fn inv_35_a_notice_beyond_its_budget_waits(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        for label in ["one", "two", "three"] {
            kasa.frontend.add(&session, label).await;
        }
        let added = async || {
            let mails = server.mails_to(&owner.person.email).await;
            let added = mails.into_iter().filter(|mail| mail.subject.starts_with("A way to sign in was added"));
            added.map(|mail| mail.text).collect::<Vec<_>>()
        };
        assert_eq!(added().await.len(), 1, "that of the first enrollment");
        for (wait, told) in [(30, 2), (60, 3), (13 * 60, 4)] {
            server.clock.advance(Span::seconds(wait));
            assert_eq!(added().await.len(), told);
        }
        assert!(added().await.iter().any(|text| text.contains(": three.")));
    }

    async fn inv_22_an_address_that_is_not_verified_is_no_factor(server) {
        let kasa = Kasa::by_mail(&server).await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        assert_eq!(kasa.frontend.mailbox(&session).await, None);
        assert_eq!(kasa.frontend.enable(&session).await.unwrap_err().name(), "EMAIL_NOT_VERIFIED");
        let (subject, request_id) = (session.subject(), String::new());
        kasa.frontend.ok(proto::RequestEmailVerificationRequest { subject, request_id }).await;
        let token = server.mail_to(&bob.email).await.token;
        kasa.frontend.ok(confirm_email(&token, &session)).await;
        assert_eq!(kasa.frontend.mailbox(&session).await.unwrap().hint, "b…@e….com");
        kasa.frontend.switch_on_by_mail(&session, &bob).await;
    }

    async fn inv_30_a_code_for_another_address_is_superseded_and_not_charged(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let (begun, challenge, code) = kasa.mailed(&owner).await;
        raw::change(&server, "UPDATE accounts SET email = 'ann@new.example', email_canonical = 'ann@new.example'").await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Superseded);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM challenges WHERE state = 'open' AND tries > 0").await, 0);
        server.clock.advance(Span::minutes(1));
        let newer = kasa.frontend.ok(resend(&begun, &challenge)).await.challenge.unwrap().id;
        let mailed = server.mails_to("ann@new.example").await.pop().unwrap().code;
        assert_eq!(kasa.frontend.answer(&begun, &newer, &mailed).await.outcome(), Outcome::Approved);
    }

    async fn inv_20_a_mailed_code_changes_nothing_where_an_app_protects(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.owner("ann").await;
        server.clock.advance(Span::minutes(6));
        let mailbox = kasa.frontend.mailbox(&owner.session).await.unwrap().id;
        let challenge = kasa.frontend.change_challenge(&owner.session, &mailbox).await;
        let code = server.mails_to(&owner.person.email).await.pop().unwrap().code;
        assert_eq!(kasa.frontend.answer_change(&owner.session, &challenge, &code).await, Outcome::Approved);
        for refused in [
            kasa.frontend.disable(&owner.session).await.unwrap_err(),
            kasa.frontend.refused(remove(&owner.session, &owner.enrolled.factor)).await,
            kasa.frontend.refused(crate::recovery::begin(&owner.session, "thief")).await,
        ] {
            assert_eq!((refused.name(), refused.metadata["level"].as_str()), ("FRESH_PROOF_NEEDED", "aal2"));
        }
    }

    async fn inv_21_an_address_counts_only_where_the_product_says_so(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(kasa.frontend.mailbox(&owner.session).await, None, "it is not listed");
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert!(begun.offers.iter().all(|offer| offer.method() != Method::EmailCode));
        kasa.admin.count_mailboxes("kasa").await;
        let mailbox = kasa.frontend.mailbox(&owner.session).await.unwrap();
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let methods: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(methods, [Method::Totp, Method::EmailCode, Method::RecoveryCodes]);
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        let refused = kasa.frontend.refused(remove(&session, &mailbox.id)).await;
        assert_eq!((refused.name(), refused.metadata["why"].as_str()), ("FACTOR_NOT_REMOVABLE", "address"));
        kasa.admin.product("tapo").await;
        let refused = kasa.frontend.refused(remove(&session, &owner.enrolled.factor)).await;
        assert_eq!(refused.metadata["why"], "last", "tapo does not count the address");
        kasa.admin.count_mailboxes("tapo").await;
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        let status = kasa.frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        assert!(status.mailbox_only && status.decision.unwrap().on);
    }

    async fn inv_20_the_mailbox_that_protects_proves_a_change_elsewhere(server) {
        let kasa = Kasa::by_mail(&server).await;
        kasa.admin.product("tapo").await;
        let wave = kasa.admin.rollout("tapo-two-step", &["tapo"], &[1_000_000]).await;
        kasa.admin.start(&wave).await;
        let person = kasa.admin.person("ann").await;
        let tapo = kasa.frontend.sign_in(&person, "tapo", &Device::new("tapo")).await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let factor = kasa.frontend.switch_on_by_mail(&session, &person).await;
        let begun = kasa.frontend.begin(&person, "tapo", &Device::new("tablet")).await;
        let methods: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(methods, [Method::RecoveryCodes], "tapo takes no mailed code");
        let refused = kasa.frontend.disable(&tapo).await.unwrap_err();
        assert_eq!((refused.name(), refused.metadata["level"].as_str()), ("FRESH_PROOF_NEEDED", "aal1+email"));
        let challenge = kasa.frontend.change_challenge(&tapo, &factor).await;
        let code = server.mails_to(&person.email).await.pop().unwrap().code;
        assert_eq!(kasa.frontend.answer_change(&tapo, &challenge, &code).await, Outcome::Approved);
        assert!(!kasa.frontend.disable(&tapo).await.unwrap().on);
    }

    async fn inv_43_an_owner_with_a_mailbox_alone_comes_in_everywhere(server) {
        let kasa = Kasa::by_mail(&server).await;
        kasa.admin.product("tapo").await;
        let wave = kasa.admin.rollout("tapo-two-step", &["tapo"], &[1_000_000]).await;
        kasa.admin.start(&wave).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let mailbox = kasa.frontend.mailbox(&session).await.unwrap().id;
        let challenge = kasa.frontend.change_challenge(&session, &mailbox).await;
        let code = server.mail_to(&person.email).await.code;
        assert_eq!(kasa.frontend.answer_change(&session, &challenge, &code).await, Outcome::Approved);
        let request = proto::EnableTwoStepRequest { subject: session.subject(), request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into() };
        let enabled = kasa.frontend.ok(request.clone()).await;
        assert_eq!(enabled.recovery_codes.len(), 10);
        assert_eq!(kasa.frontend.ok(request).await, enabled, "to a retry as well");
        let begun = kasa.frontend.begin(&person, "tapo", &Device::new("tablet")).await;
        let codes = begun.offers.iter().find(|offer| offer.method() == Method::RecoveryCodes).unwrap();
        let challenge = kasa.frontend.challenge_of(&begun, &codes.factor_id).await;
        let answer = kasa.frontend.answer(&begun, &challenge, &enabled.recovery_codes[0]).await;
        assert_eq!(answer.outcome(), Outcome::Approved);
        let recovery = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        let begun = kasa.frontend.ok(crate::recovery::begin(&recovery, "phone")).await;
        assert_eq!(begun.enrollment.unwrap().state(), proto::EnrollmentState::AwaitingProof);
    }

    async fn challenges_that_send_nothing_leave_a_mailed_code_as_it_is(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.owner("ann").await;
        server.clock.advance(Span::minutes(1));
        let mailbox = kasa.frontend.mailbox(&owner.session).await.unwrap().id;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let challenge = kasa.frontend.challenge_of(&begun, &mailbox).await;
        let code = server.mails_to(&owner.person.email).await.pop().unwrap().code;
        for thief in ["t1", "t2", "t3", "t4"] {
            let other = kasa.frontend.begin(&owner.person, "kasa", &Device::new(thief)).await;
            kasa.frontend.challenge_of(&other, &owner.enrolled.factor).await;
        }
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
    }

    async fn an_authenticator_app_beside_the_mailbox_leaves_the_recovery_codes(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        let begun = kasa.frontend.ok(crate::recovery::begin(&owner.session, "phone")).await;
        let enrollment = begun.enrollment.unwrap();
        assert_eq!(enrollment.state(), proto::EnrollmentState::AwaitingProof, "the mailed code was a minute ago");
        let seed = crate::owner::Seed::scan(begun.setup);
        let done = kasa.frontend.complete_enrollment(&owner.session, &enrollment.id, &server.code(&seed)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 0));
        let status = kasa.frontend.ok(proto::GetTwoStepStatusRequest { subject: owner.session.subject() }).await;
        assert!(!status.mailbox_only);
        assert_eq!(status.active_methods().collect::<Vec<_>>(), [Method::Totp, Method::RecoveryCodes, Method::EmailCode]);
    }

    async fn inv_57_a_session_is_not_old_enough_where_the_mailbox_protects(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.mail_owner("ann").await;
        server.clock.advance(Span::minutes(6));
        let mailed = kasa.frontend.ok(crate::recovery::begin(&owner.session, "phone")).await;
        assert_eq!(mailed.enrollment.unwrap().state(), proto::EnrollmentState::AwaitingConfirmation);
        assert_eq!(mailed.sent_to, "a…@e….com");
    }
}
