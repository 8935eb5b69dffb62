//! Notices, "this wasn't me", and what an owner sees of an account's activity.

use proto::ProofOutcome as Outcome;
use tidegate_core::{Role, Span};
use tidegate_proto::{self as proto, subject::Who};

use crate::{
    addresses::OTHER,
    arrange::{NEW_PASSWORD, PASSWORD, Person},
    mail::Mail,
    owner::{Device, Session, by_password, subject},
    race::together,
    raw,
    setting::{Kasa, wrong},
};

pub fn not_me(token: &str) -> proto::ReportNotMeRequest {
    proto::ReportNotMeRequest { token: token.to_owned(), product: "kasa".into(), ..Default::default() }
}

impl Kasa {
    pub async fn says_not_me(&self, mail: &Mail) -> proto::ReportNotMeResponse {
        assert!(mail.link.contains("#not-me=tgl_"), "{}", mail.text);
        self.frontend.ok(not_me(&mail.token)).await
    }

    /// The notice with this subject; panics where there is none.
    pub async fn notice(&self, address: &str, subject: &str) -> Mail {
        let mut mails = self.server.mails_to(address).await;
        mails.retain(|mail| mail.subject.contains(subject));
        mails.pop().unwrap_or_else(|| panic!("no mail about {subject:?} to {address}"))
    }

    async fn subjects(&self, address: &str) -> Vec<String> {
        self.server.mails_to(address).await.into_iter().map(|mail| mail.subject).collect()
    }

    async fn activity(&self, session: &Session) -> Vec<proto::Activity> {
        let request =
            proto::ListActivityRequest { subject: session.subject(), page_size: 200, ..Default::default() };
        self.frontend.ok(request).await.activities
    }

    async fn resets(&self, person: &Person) -> Outcome {
        let token = self.server.mail_to(&person.email).await.token;
        let (product, password) = ("kasa".to_owned(), NEW_PASSWORD.to_owned());
        let request = proto::CompleteRecoveryRequest { product, token, password, ..Default::default() };
        self.frontend.ok(request).await.outcome()
    }

    /// A sign-in with the new password, from a device that the account does not know.
    async fn with_new_password(&self, person: &Person) -> proto::BeginSignInResponse {
        let request = proto::BeginSignInRequest {
            first_factor: by_password(NEW_PASSWORD),
            ..self.frontend.begin_request(person, "kasa", &Device::new("later"))
        };
        self.frontend.ok(request).await
    }

    fn begins_totp(session: &Session) -> proto::BeginEnrollmentRequest {
        let method = proto::Method::Totp.into();
        proto::BeginEnrollmentRequest { subject: session.subject(), method, ..Default::default() }
    }
}

on_both! {
    async fn a_sign_in_from_a_new_device_is_told_with_where_and_when(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        assert!(kasa.subjects(&person.email).await.is_empty(), "an account of today knows no device");
        server.pass(Span::days(2));
        let client = proto::ClientContext {
            device_id: "strange".into(), ip: "192.0.2.7".into(), user_agent: "Firefox".into(), ..Default::default()
        };
        let request = proto::BeginSignInRequest {
            client: Some(client.clone()),
            ..kasa.frontend.begin_request(&person, "kasa", &Device::new("strange"))
        };
        let mut subject = subject(Who::SignInToken(kasa.frontend.ok(request).await.sign_in_token));
        subject.as_mut().unwrap().client = Some(client);
        kasa.frontend.ok(proto::CompleteSignInRequest { subject, ..Default::default() }).await;
        let mail = server.mail_to(&person.email).await;
        assert!(mail.text.contains("Firefox, 192.0.2.7") && mail.text.contains("March 2026"), "{}", mail.text);
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        assert_eq!(kasa.subjects(&person.email).await.len(), 1, "a known device is not told");
    }

    async fn sign_ins_without_a_device_are_told_once_a_day(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        server.pass(Span::days(2));
        for _ in 0..5 {
            kasa.frontend.sign_in(&person, "kasa", &Device::new("")).await;
            server.pass(Span::hours(1));
        }
        assert_eq!(kasa.subjects(&person.email).await.len(), 1);
        server.pass(Span::hours(24));
        kasa.frontend.sign_in(&person, "kasa", &Device::new("")).await;
        assert_eq!(kasa.subjects(&person.email).await.len(), 2);
    }

    async fn a_right_password_with_wrong_second_steps_is_told_once(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let before = kasa.subjects(&owner.person.email).await.len();
        let (begun, challenge) = kasa.asked(&owner, "strange").await;
        for told in [0, 0, 1, 1] {
            kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
            assert_eq!(kasa.subjects(&owner.person.email).await.len() - before, told);
        }
    }

    async fn a_closed_password_is_told(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        raw::change(&server, &format!(
            "INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, successes, last_at) \
            SELECT realm_id, account_id, {tag}, 1, created_at, 0, created_at, 0, 99, 0, created_at FROM accounts",
            tag = if server.is_sqlite() { "x''" } else { "''" },
        )).await;
        server.pass(Span::hours(1));
        let guess = proto::BeginSignInRequest {
            first_factor: by_password("a wrong passphrase"),
            ..kasa.frontend.begin_request(&person, "kasa", &Device::new("strange"))
        };
        kasa.frontend.ok(guess.clone()).await;
        assert_eq!(kasa.subjects(&person.email).await.len(), 1, "the hundredth");
        server.pass(Span::hours(1));
        assert!(kasa.frontend.ok(guess).await.closed);
        assert_eq!(kasa.subjects(&person.email).await.len(), 1);
    }

    async fn opening_a_link_changes_nothing_and_not_me_ends_everything(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.pass(Span::days(10));
        let stolen = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::remembered("stolen"), &owner.enrolled.seed).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("slow")).await;
        let notice = kasa.notice(&owner.person.email, "sign-in").await;
        assert_eq!(kasa.frontend.redeem(&notice.token).await, Outcome::WrongAnswer, "it is no other link");
        assert!(kasa.is_active(&stolen).await);
        let said = kasa.says_not_me(&notice).await;
        assert_eq!((said.outcome(), said.removed_factor_count, said.password_demanded), (Outcome::Approved, 0, true));
        assert!(said.ended_session_count >= 1 && !said.address_restored);
        assert_eq!(kasa.says_not_me(&notice).await.outcome(), Outcome::Replayed);
        assert!(!kasa.is_active(&stolen).await);
        assert_eq!(kasa.frontend.finish(&begun, &Device::new("slow")).await.unwrap_err().name(), "SUBJECT_NOT_VALID");
        let request = kasa.frontend.begin_request(&owner.person, "kasa", &Device::new("thief"));
        assert_eq!(kasa.frontend.ok(request).await.sign_in.unwrap().state(), proto::SignInState::Denied, "a new password is demanded");
        assert_eq!(kasa.resets(&owner.person).await, Outcome::Approved);
        assert_eq!(kasa.with_new_password(&owner.person).await.sign_in.unwrap().state(), proto::SignInState::PendingChallenge, "two-step stays on");
    }

    async fn not_me_expires_after_a_week(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let notice = kasa.notice(&owner.person.email, "was added").await;
        server.clock.advance(Span::days(7));
        assert_eq!(kasa.says_not_me(&notice).await.outcome(), Outcome::Expired);
    }

    async fn inv_57_not_me_takes_a_first_factor_back_for_a_week(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let notice = kasa.notice(&owner.person.email, "was added").await;
        server.clock.advance(Span::from_micros(Span::days(7).micros() - 31_000_000));
        let said = kasa.says_not_me(&notice).await;
        assert_eq!((said.outcome(), said.removed_factor_count), (Outcome::Approved, 2), "the factor and its recovery codes");
        assert!(!kasa.is_active(&owner.session).await);
        assert!(kasa.account(&owner.person).await.two_step_time.is_none());
        assert_eq!(kasa.resets(&owner.person).await, Outcome::Approved);
        assert_eq!(kasa.with_new_password(&owner.person).await.sign_in.unwrap().state(), proto::SignInState::Ready);
    }

    async fn inv_57_after_a_week_a_first_factor_stays(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.pass(Span::days(7));
        kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("other"), &owner.enrolled.seed).await;
        let notice = kasa.notice(&owner.person.email, "sign-in").await;
        assert_eq!(kasa.says_not_me(&notice).await.removed_factor_count, 0);
        assert!(kasa.account(&owner.person).await.two_step_time.is_some());
    }

    async fn the_former_address_takes_a_change_back_for_a_week(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let thiefs = kasa.frontend.sign_in(&person, "kasa", &Device::new("thief")).await;
        kasa.change_email(&thiefs, OTHER).await;
        let notice = kasa.notice(&person.email, "address").await;
        let said = kasa.says_not_me(&notice).await;
        assert!(said.address_restored && said.password_demanded, "{said:?}");
        assert!(!kasa.is_active(&thiefs).await);
        let account = kasa.account(&person).await;
        assert!(account.email == person.email && account.email_verify_time.is_some());
        assert_eq!(kasa.resets(&person).await, Outcome::Approved, "the link goes to the restored address");
        assert_eq!(kasa.with_new_password(&person).await.sign_in.unwrap().state(), proto::SignInState::Ready);
    }

    async fn the_former_address_hears_of_everything_for_a_week_and_then_of_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.change_email(&session, OTHER).await;
        let moved = Person { email: OTHER.into(), ..person.clone() };
        server.pass(Span::from_micros(Span::days(7).micros() - 1));
        kasa.frontend.sign_in(&moved, "kasa", &Device::new("second")).await;
        let heard = kasa.subjects(&person.email).await.len();
        assert!(kasa.notice(&person.email, "sign-in").await.text.contains("#not-me="));
        server.pass(Span::hours(1));
        kasa.frontend.sign_in(&moved, "kasa", &Device::new("third")).await;
        assert_eq!(kasa.subjects(&person.email).await.len(), heard);
    }

    async fn changes_are_locked_after_not_me_until_the_owner_proves_it(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.pass(Span::days(10));
        kasa.admin.takes_keys("kasa", "kasa.example", &["https://kasa.example"]).await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("phone"), &owner.enrolled.seed).await;
        kasa.frontend.ok(proto::ReportNotMeRequest { subject: session.subject(), ..Default::default() }).await;
        raw::change(&server, "UPDATE passwords SET demanded_at = NULL").await;
        server.transcript.note("somebody still has a right password");
        server.clock.advance(Span::seconds(30));
        let other = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("other"), &owner.enrolled.seed).await;
        assert!(kasa.ask_for(&other, OTHER).await.is_ok(), "a factor from before the lock proves the owner");
        let events = raw::count(&server, "SELECT count(*) FROM events WHERE fact LIKE '%changes_unlocked%'").await;
        assert_eq!(events, 1);
    }

    async fn a_password_alone_unlocks_no_change(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.frontend.ok(proto::ReportNotMeRequest { subject: session.subject(), ..Default::default() }).await;
        raw::change(&server, "UPDATE passwords SET demanded_at = NULL").await;
        let thiefs = kasa.frontend.sign_in(&person, "kasa", &Device::new("thief")).await;
        assert_eq!(kasa.ask_for(&thiefs, OTHER).await.unwrap_err().name(), "CHANGES_LOCKED");
        assert_eq!(kasa.frontend.refused(Kasa::begins_totp(&thiefs)).await.name(), "CHANGES_LOCKED");
        let change = proto::ChangePasswordRequest {
            subject: thiefs.subject(), current_password: PASSWORD.into(), new_password: NEW_PASSWORD.into(), ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(change).await.name(), "CHANGES_LOCKED");
        assert_eq!(kasa.resets(&person).await, Outcome::Approved);
        let begun = kasa.with_new_password(&person).await;
        let subject = subject(Who::SignInToken(begun.sign_in_token));
        let done = kasa.frontend.ok(proto::CompleteSignInRequest { subject, ..Default::default() }).await;
        let owners = Session { id: String::new(), token: done.session_token.clone(), answer: done };
        assert!(kasa.frontend.call(Kasa::begins_totp(&owners)).await.is_ok(), "the mailbox proves the owner");
    }

    async fn inv_01_not_me_works_once_over_two_servers(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        let owner = kasa.owner("ann").await;
        let notice = kasa.notice(&owner.person.email, "was added").await;
        let callers = [kasa.frontend.clone(), elsewhere.clone()];
        let answers = together(&callers, &not_me(&notice.token)).await;
        let outcomes: Vec<_> = answers.into_iter().map(|one| one.unwrap().outcome()).collect();
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Approved).count(), 1, "{outcomes:?}");
    }

    async fn an_owner_sees_attempts_changes_and_messages(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let wrong = proto::BeginSignInRequest {
            first_factor: by_password("a wrong passphrase"),
            client: Some(proto::ClientContext { ip: "192.0.2.7".into(), ..Default::default() }),
            ..kasa.frontend.begin_request(&owner.person, "kasa", &Device::new("strange"))
        };
        kasa.frontend.ok(wrong).await;
        server.mails_to(&owner.person.email).await;
        let all = kasa.activity(&owner.session).await;
        let denied = all.iter().find(|one| one.kind == "sign_in_denied").unwrap();
        assert_eq!((denied.client.as_str(), denied.detail.as_str(), denied.product.as_str()), ("192.0.2.7", "wrong_password", "kasa"));
        let sent = all.iter().find(|one| one.message_purpose() == proto::MessagePurpose::FactorAdded).unwrap();
        assert_eq!((sent.kind.as_str(), sent.channel()), ("delivered", proto::Channel::Mail));
        assert!(all.iter().any(|one| one.kind == "factor_activated" && one.method() == proto::Method::Totp));
        let times: Vec<_> = all.iter().map(|one| one.event_time.unwrap().seconds).collect();
        assert!(times.is_sorted_by(|one, next| one >= next), "newest first");
        let page = proto::ListActivityRequest { subject: owner.session.subject(), page_size: 2, ..Default::default() };
        let first = kasa.frontend.ok(page.clone()).await;
        let next = kasa.frontend.ok(proto::ListActivityRequest { page_token: first.next_page_token.clone(), ..page }).await;
        let ids = |page: &[proto::Activity]| page.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!([ids(&first.activities), ids(&next.activities)].concat(), ids(&all[..4]));
    }

    async fn inv_32_an_owner_sees_the_activity_of_no_other_account(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let of = async |session: &Session| kasa.activity(session).await.into_iter().map(|one| one.id).collect::<std::collections::BTreeSet<_>>();
        assert!(of(&ann.session).await.is_disjoint(&of(&bob.session).await));
        let page = proto::ListActivityRequest { subject: ann.session.subject(), page_size: 1, ..Default::default() };
        let token = kasa.frontend.ok(page.clone()).await.next_page_token;
        let theirs = proto::ListActivityRequest { subject: bob.session.subject(), page_token: token, ..page };
        assert_eq!(kasa.frontend.refused(theirs).await.name(), "INVALID_REQUEST");
        let support = server.actor("support", Role::Support).await.quiet();
        let on = proto::OnBehalf { account: ann.person.id.clone(), product: "kasa".into(), reason: "ticket 7".into() };
        let seen = proto::ListActivityRequest { subject: subject(Who::OnBehalf(on)), ..Default::default() };
        support.ok(seen).await;
        assert_eq!(kasa.activity(&ann.session).await[0].kind, "seen_on_behalf");
    }
}
