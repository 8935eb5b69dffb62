//! Addresses that change, that are claimed by several, and that are confirmed.

use proto::ProofOutcome as Outcome;
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::{Address, NEW_PASSWORD, PASSWORD, Person, row},
    owner::{Device, Session, by_password, confirm_email},
    race::together,
    raw,
    setting::Kasa,
};

pub const OTHER: &str = "ann@example.org";

impl Kasa {
    pub async fn ask_for(
        &self,
        session: &Session,
        email: &str,
    ) -> Result<proto::RequestEmailChangeResponse, Refused> {
        let (subject, email) = (session.subject(), email.to_owned());
        self.frontend.call(proto::RequestEmailChangeRequest { subject, email, ..Default::default() }).await
    }

    /// The owner has another address from now on.
    pub async fn change_email(&self, session: &Session, email: &str) {
        self.ask_for(session, email).await.unwrap();
        let token = self.server.mail_to(email).await.token;
        assert_eq!(self.frontend.ok(confirm_email(&token, session)).await.outcome(), Outcome::Approved);
    }

    async fn create(&self, email: &str) -> Result<proto::CreateAccountResponse, Refused> {
        let (email, password) = (email.to_owned(), PASSWORD.to_owned());
        self.frontend.call(proto::CreateAccountRequest { email, password, ..Default::default() }).await
    }

    /// Whether a sign-in with the address and the password is not denied.
    async fn admits(&self, email: &str, password: &str) -> bool {
        let request = proto::BeginSignInRequest {
            product: "kasa".into(),
            identifier: email.into(),
            first_factor: by_password(password),
            client: Some(Device::new("admitted").client()),
            ..Default::default()
        };
        self.frontend.ok(request).await.sign_in.unwrap().state() != proto::SignInState::Denied
    }
}

fn with_password(token: &str) -> proto::ConfirmEmailRequest {
    let (token, new_password, product) = (token.to_owned(), NEW_PASSWORD.to_owned(), "kasa".to_owned());
    proto::ConfirmEmailRequest { token, new_password, product, ..Default::default() }
}

on_both! {
    async fn an_owner_changes_the_address_and_both_are_told(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let asked = kasa.ask_for(&session, OTHER).await.unwrap();
        assert_eq!(asked.sent_to, "a…@e….org");
        let told = server.mail_to(&person.email).await;
        assert!(told.text.contains("a…@e….org"), "{}", told.text);
        assert_eq!(kasa.account(&person).await.email, person.email, "nothing has changed yet");
        let token = server.mail_to(OTHER).await.token;
        assert_eq!(kasa.frontend.ok(confirm_email(&token, &session)).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.ok(confirm_email(&token, &session)).await.outcome(), Outcome::Replayed);
        let account = kasa.account(&person).await;
        assert!(account.email == OTHER && account.email_verify_time.is_some());
        for address in [&person.email, OTHER] {
            assert!(server.mail_to(address).await.text.contains("a…@e….org"), "{address} is told");
        }
        assert!(kasa.is_active(&session).await);
        assert!(kasa.admits(OTHER, PASSWORD).await, "the identifier follows");
        assert!(!kasa.admits(&person.email, PASSWORD).await);
    }

    async fn inv_20_another_address_needs_a_fresh_proof_and_no_password_alone(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.clock.advance(Span::minutes(10));
        let stale = kasa.ask_for(&owner.session, OTHER).await.unwrap_err();
        assert_eq!((stale.name(), stale.metadata["level"].as_str()), ("FRESH_PROOF_NEEDED", "aal2"));
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("phone"), &owner.enrolled.seed).await;
        kasa.change_email(&session, OTHER).await;
    }

    async fn inv_25_trust_ends_with_a_new_address_and_what_was_begun(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let phone = Device::remembered("phone");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, &owner.enrolled.seed).await;
        assert_eq!(kasa.frontend.begin(&owner.person, "kasa", &phone).await.state, proto::SignInState::Ready);
        let begun = kasa.frontend.begin(&owner.person, "kasa", &phone).await;
        kasa.change_email(&session, OTHER).await;
        let late = kasa.frontend.finish(&begun, &phone).await.unwrap_err();
        assert_eq!(late.name(), "SUBJECT_NOT_VALID");
        let person = Person { email: OTHER.into(), ..owner.person.clone() };
        assert_eq!(kasa.frontend.begin(&person, "kasa", &phone).await.state, proto::SignInState::PendingChallenge);
    }

    async fn an_account_without_an_address_gets_one(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        raw::change(&server, "UPDATE accounts SET email = NULL, email_canonical = NULL, email_since = NULL, email_verified_at = NULL").await;
        kasa.change_email(&session, OTHER).await;
        assert!(kasa.account(&person).await.email_verify_time.is_some());
    }

    async fn inv_05_only_the_newest_change_counts(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.ask_for(&session, OTHER).await.unwrap();
        let first = server.mail_to(OTHER).await.token;
        kasa.ask_for(&session, "ann@example.net").await.unwrap();
        assert_eq!(kasa.frontend.ok(confirm_email(&first, &session)).await.outcome(), Outcome::Superseded);
        let second = server.mail_to("ann@example.net").await.token;
        assert_eq!(kasa.frontend.ok(confirm_email(&second, &session)).await.outcome(), Outcome::Approved);
    }

    async fn inv_01_a_link_of_an_address_works_once_over_two_servers(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let ann = kasa.admin.person("ann").await;
        let bobs = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        let anns = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let request = proto::RequestEmailVerificationRequest { subject: bobs.subject(), ..Default::default() };
        kasa.frontend.ok(request).await;
        kasa.ask_for(&anns, OTHER).await.unwrap();
        let (verifies, changes) = (server.mail_to(&bob.email).await.token, server.mail_to(OTHER).await.token);
        for (token, session) in [(verifies, &bobs), (changes, &anns)] {
            let callers = [kasa.frontend.clone(), elsewhere.clone()];
            let answers = together(&callers, &confirm_email(&token, session)).await;
            let outcomes: Vec<_> = answers.into_iter().map(|one| one.unwrap().outcome()).collect();
            let approved = outcomes.iter().filter(|outcome| **outcome == Outcome::Approved).count();
            assert_eq!(approved, 1, "{outcomes:?}");
            assert!(outcomes.iter().all(|one| matches!(one, Outcome::Approved | Outcome::Replayed | Outcome::Superseded)));
        }
    }

    async fn inv_04_a_link_of_an_address_expires_after_a_day(server) {
        let kasa = Kasa::open(&server).await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        kasa.ask_for(&session, OTHER).await.unwrap();
        let changes = server.mail_to(OTHER).await.token;
        let request = proto::RequestEmailVerificationRequest { subject: session.subject(), ..Default::default() };
        kasa.frontend.ok(request).await;
        let verifies = server.mail_to(&bob.email).await.token;
        server.clock.advance(Span::hours(24));
        for token in [verifies, changes] {
            assert_eq!(kasa.frontend.ok(with_password(&token)).await.outcome(), Outcome::Expired);
        }
        assert!(kasa.account(&bob).await.email_verify_time.is_none());
    }

    async fn inv_28_who_creates_an_account_with_the_address_of_a_stranger_does_not_get_it_confirmed(server) {
        let kasa = Kasa::open(&server).await;
        let thief = kasa.admin.person_with("victim", Address::Unverified).await;
        let thiefs = kasa.frontend.sign_in(&thief, "kasa", &Device::new("thief")).await;
        let request = proto::RequestEmailVerificationRequest { subject: thiefs.subject(), ..Default::default() };
        kasa.frontend.ok(request).await;
        let token = server.mail_to(&thief.email).await.token;
        let clicked = proto::ConfirmEmailRequest { token: token.clone(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(clicked).await.name(), "CONFIRMATION_NOT_PROVED");
        assert!(kasa.account(&thief).await.email_verify_time.is_none());
        let eve = kasa.admin.person("eve").await;
        let eves = kasa.frontend.sign_in(&eve, "kasa", &Device::new("eve")).await;
        assert_eq!(kasa.frontend.refused(confirm_email(&token, &eves)).await.name(), "CONFIRMATION_NOT_PROVED");
        let weak = proto::ConfirmEmailRequest { new_password: "short".into(), ..with_password(&token) };
        assert_eq!(kasa.frontend.refused(weak).await.name(), "PASSWORD_NOT_ACCEPTABLE");
        assert_eq!(kasa.frontend.ok(with_password(&token)).await.outcome(), Outcome::Approved);
        assert!(!kasa.is_active(&thiefs).await, "the stranger is out");
        assert!(!kasa.admits(&thief.email, PASSWORD).await);
        assert!(kasa.admits(&thief.email, NEW_PASSWORD).await);
    }

    async fn inv_28_an_address_that_nobody_verified_keeps_nobody_out(server) {
        let kasa = Kasa::open(&server).await;
        let squatter = kasa.admin.person_with("victim", Address::Unverified).await;
        let squats = kasa.frontend.sign_in(&squatter, "kasa", &Device::new("thief")).await;
        let created = kasa.create("Victim@example.com").await.unwrap();
        let account = created.account.unwrap();
        assert!(account.email.is_empty() && created.sent_to == "V…@e….com", "{}", created.sent_to);
        assert!(kasa.admits(&squatter.email, PASSWORD).await, "who is there first is not thrown out yet");
        let mail = server.mail_to("Victim@example.com").await;
        assert!(mail.text.contains("Forgot password"), "who forgot the first sign-up keeps what it has: {}", mail.text);
        let token = mail.token;
        assert_eq!(kasa.frontend.refused(confirm_email(&token, &squats)).await.name(), "CONFIRMATION_NOT_PROVED");
        assert_eq!(kasa.frontend.ok(with_password(&token)).await.outcome(), Outcome::Approved);
        assert!(!kasa.admits(&squatter.email, PASSWORD).await);
        assert!(kasa.admits(&squatter.email, NEW_PASSWORD).await);
        assert_eq!(kasa.account(&squatter).await.email, "", "the account of who was first stays, without the address");
        assert!(kasa.is_active(&squats).await);
        let activity = proto::ListActivityRequest { subject: squats.subject(), ..Default::default() };
        let kinds: Vec<_> = kasa.frontend.ok(activity).await.activities.into_iter().map(|one| one.kind).collect();
        assert!(kinds.contains(&"email_lost".to_owned()), "its owner sees why: {kinds:?}");
        assert_eq!(kasa.create("victim@example.com").await.unwrap_err().name(), "EMAIL_TAKEN", "now it is verified");
    }

    /// Creations, imports and confirmations at once, in many spellings, over two servers.
    async fn inv_28_no_race_gives_two_accounts_one_address(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        let bob = kasa.admin.person("bob").await;
        let bobs = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        kasa.ask_for(&bobs, "VICTIM@example.com").await.unwrap();
        let changes = server.mail_to("VICTIM@example.com").await.token;
        let shared = "SELECT count(*) FROM accounts a JOIN accounts b ON a.realm_id = b.realm_id \
            AND a.email_canonical = b.email_canonical AND a.account_id <> b.account_id";
        let spellings = ["victim@example.com", "Victim@example.com", " VICTIM@EXAMPLE.COM ", "victim@Example.Com"];
        for round in 0..2 {
            let calls = (0..62_usize).map(|n| {
                let caller = if n % 2 == 0 { kasa.frontend.clone() } else { elsewhere.clone() };
                let (external_id, email) = (format!("u-{round}-{n}"), spellings[n % 4].to_owned());
                tokio::spawn(async move {
                    let request = proto::CreateAccountRequest { external_id, email, ..Default::default() };
                    caller.call(request).await.map(drop).map_err(|refused| refused.name().to_owned())
                })
            });
            let calls: Vec<_> = calls.collect();
            let admin = kasa.admin.clone();
            let rows = ["victim", "Victim"].map(|name| proto::ImportRow { external_id: format!("i-{round}-{name}"), ..row(1, name, Address::Verified) });
            let imports = tokio::spawn(async move {
                for row in rows {
                    admin.import(vec![row]).await.unwrap();
                }
            });
            let confirmed = kasa.frontend.call(confirm_email(&changes, &bobs)).await;
            assert!(confirmed.is_ok() || confirmed.as_ref().is_err_and(|refused| refused.name() == "EMAIL_TAKEN"), "{confirmed:?}");
            imports.await.unwrap();
            for create in calls {
                let known = ["EMAIL_TAKEN", "TOO_MANY_MESSAGES"];
                let created = create.await.unwrap();
                assert!(created.as_ref().err().is_none_or(|name| known.contains(&name.as_str())), "{created:?}");
            }
            assert_eq!(raw::count(&server, shared).await, 0);
        }
        let owners = "SELECT count(*) FROM accounts WHERE email_canonical = 'victim@example.com' AND email_verified_at IS NOT NULL";
        assert_eq!(raw::count(&server, owners).await, 1);
    }

    async fn inv_28_a_verified_address_is_not_taken_by_a_change(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.admin.person("ann").await, kasa.admin.person("bob").await);
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        let asked = kasa.ask_for(&session, &ann.email).await.unwrap();
        assert_eq!(asked.sent_to, "a…@e….com", "the answer does not say that it is taken");
        let token = server.mail_to(&ann.email).await.token;
        assert_eq!(kasa.frontend.refused(confirm_email(&token, &session)).await.name(), "EMAIL_TAKEN");
        assert_eq!(kasa.account(&ann).await.email, ann.email);
        assert_eq!(kasa.account(&bob).await.email, bob.email);
    }

    async fn inv_20_a_session_does_not_set_a_password_by_another_address(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.ask_for(&session, OTHER).await.unwrap();
        let token = server.mail_to(OTHER).await.token;
        assert_eq!(kasa.frontend.refused(with_password(&token)).await.name(), "CONFIRMATION_NOT_PROVED");
        assert!(kasa.admits(&person.email, PASSWORD).await);
    }
}
