//! Passwords that are changed, reset by mail, and demanded anew.

use proto::{ProofOutcome as Outcome, SignInState as State};
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::{Address, NEW_PASSWORD, PASSWORD, Person, row},
    manage::mask,
    owner::{Device, Session, SignIn, by_password},
    race::{MANY, together},
    raw,
    setting::{Kasa, Owner, wrong},
};

impl Kasa {
    pub async fn change_password(
        &self,
        session: &Session,
        current: &str,
    ) -> Result<proto::ChangePasswordResponse, Refused> {
        let request = proto::ChangePasswordRequest {
            subject: session.subject(),
            current_password: current.into(),
            new_password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        self.frontend.call(request).await
    }

    /// The token of the mail by which the password is reset.
    pub async fn reset_link(&self, person: &Person) -> String {
        let (product, identifier) = ("kasa".to_owned(), person.email.clone());
        self.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
        self.server.mail_to(&person.email).await.token
    }

    pub async fn reset(&self, token: &str) -> Outcome {
        self.frontend.ok(reset_by(token, NEW_PASSWORD)).await.outcome()
    }

    pub async fn begin_with(&self, person: &Person, device: &Device, password: &str) -> SignIn {
        let request = proto::BeginSignInRequest {
            first_factor: by_password(password),
            ..self.frontend.begin_request(person, "kasa", device)
        };
        let begun = self.frontend.ok(request).await;
        let sign_in = begun.sign_in.unwrap();
        SignIn { token: begun.sign_in_token, state: sign_in.state(), offers: sign_in.offers }
    }
}

pub fn reset_by(token: &str, password: &str) -> proto::CompleteRecoveryRequest {
    let (product, token, password) = ("kasa".to_owned(), token.to_owned(), password.to_owned());
    proto::CompleteRecoveryRequest { product, token, password, ..Default::default() }
}

/// Ten wrong second steps in sign-ins with the right password.
async fn fail_ten_second_steps(kasa: &Kasa, owner: &Owner) {
    for n in 0..2 {
        let (begun, challenge) = kasa.asked(owner, &format!("strange-{n}")).await;
        for _ in 0..5 {
            let outcome = kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(owner))).await.outcome();
            assert!(matches!(outcome, Outcome::WrongAnswer | Outcome::UsedUp));
        }
    }
}

on_both! {
    async fn inv_23_a_changed_password_ends_all_other_sessions_and_what_was_begun(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("camera").await;
        let person = kasa.admin.person("ann").await;
        let phone = Device::new("phone");
        let other = kasa.frontend.sign_in(&person, "camera", &Device::new("tablet")).await;
        let begun = kasa.begin_with(&person, &Device::new("laptop"), PASSWORD).await;
        let own = kasa.frontend.sign_in(&person, "kasa", &phone).await;
        let changed = kasa.change_password(&own, PASSWORD).await.unwrap();
        assert_eq!((changed.outcome(), changed.ended_session_count), (Outcome::Approved, 1));
        assert!(kasa.is_active(&own).await && !kasa.is_active(&other).await);
        let complete = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(complete).await.name(), "SUBJECT_NOT_VALID");
        assert_eq!(kasa.begin_with(&person, &phone, PASSWORD).await.state, State::Denied);
        assert_eq!(kasa.begin_with(&person, &phone, NEW_PASSWORD).await.state, State::Ready);
        assert_eq!(server.mail_to(&person.email).await.subject, "Your Kasa password was changed");
    }

    async fn inv_20_a_password_is_changed_with_a_fresh_second_step(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::remembered("phone"), &owner.enrolled.seed).await;
        server.clock.advance(Span::from_micros(5 * 60 * 1_000_000 + 1));
        let refused = kasa.change_password(&session, PASSWORD).await.unwrap_err();
        assert_eq!(refused.name(), "FRESH_PROOF_NEEDED");
        let challenge = kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
        assert_eq!(kasa.frontend.answer_change(&session, &challenge, &kasa.code(&owner)).await, Outcome::Approved);
        assert_eq!(kasa.change_password(&session, PASSWORD).await.unwrap().outcome(), Outcome::Approved);
        let ended = "SELECT count(*) FROM devices WHERE trusted_until IS NOT NULL";
        assert_eq!(raw::count(&server, ended).await, 0, "trust ends with the password");
    }

    async fn a_session_in_which_five_proofs_fail_ends(server) {
        let kasa = Kasa::open(&server).await;
        let bob = kasa.admin.person("bob").await;
        let stolen = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        for tries_left in (0..5).rev() {
            let wrong = kasa.change_password(&stolen, "a wrong passphrase").await.unwrap();
            assert_eq!((wrong.outcome(), wrong.tries_left), (Outcome::WrongAnswer, Some(tries_left)));
            server.clock.advance(Span::seconds(1));
        }
        let refused = kasa.change_password(&stolen, PASSWORD).await.unwrap_err();
        assert_eq!(refused.name(), "SUBJECT_NOT_VALID");
        let stranger = kasa.begin_with(&bob, &Device::new("laptop"), PASSWORD).await;
        assert_eq!(stranger.state, State::Ready, "a session does not guess in the strangers' lane");
        let owner = kasa.owner("ann").await;
        let (phone, seed) = (Device::new("phone"), &owner.enrolled.seed);
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, seed).await;
        let challenge = kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
        for n in 0..5 {
            let code = wrong(&kasa.code(&owner));
            let outcome = kasa.frontend.answer_change(&session, &challenge, &code).await;
            assert_eq!(outcome, if n < 4 { Outcome::WrongAnswer } else { Outcome::UsedUp });
        }
        assert!(!kasa.is_active(&session).await);
    }

    async fn a_right_proof_lets_a_session_fail_five_times_again(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let challenge = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        for _ in 0..4 {
            let code = wrong(&kasa.code(&owner));
            kasa.frontend.answer_change(&owner.session, &challenge, &code).await;
        }
        assert_eq!(kasa.frontend.answer_change(&owner.session, &challenge, &kasa.code(&owner)).await, Outcome::Approved);
        for _ in 0..4 {
            kasa.change_password(&owner.session, "a wrong passphrase").await.unwrap();
        }
        assert!(kasa.is_active(&owner.session).await);
    }

    async fn a_password_is_reset_by_mail_and_two_step_stays(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let laptop = Device::new("laptop");
        let begun = kasa.begin_with(&owner.person, &laptop, PASSWORD).await;
        let token = kasa.reset_link(&owner.person).await;
        let refused = kasa.frontend.refused(reset_by(&token, "short")).await;
        assert_eq!(refused.name(), "PASSWORD_NOT_ACCEPTABLE");
        assert_eq!(kasa.reset(&token).await, Outcome::Approved, "the weak password did not use the link");
        assert_eq!(kasa.reset(&token).await, Outcome::Replayed);
        assert!(!kasa.is_active(&owner.session).await);
        let get = proto::GetSignInRequest { subject: begun.subject() };
        assert_eq!(kasa.frontend.refused(get).await.name(), "SUBJECT_NOT_VALID");
        assert_eq!(kasa.begin_with(&owner.person, &laptop, PASSWORD).await.state, State::Denied);
        assert_eq!(kasa.begin_with(&owner.person, &laptop, NEW_PASSWORD).await.state, State::PendingChallenge);
    }

    async fn inv_04_a_link_to_reset_expires_and_a_newer_one_takes_its_place(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let older = kasa.reset_link(&person).await;
        server.clock.advance(Span::minutes(1));
        let newer = kasa.reset_link(&person).await;
        assert_eq!(kasa.reset(&older).await, Outcome::Superseded);
        server.clock.advance(Span::minutes(30).minus(Span::from_micros(1)));
        assert_eq!(kasa.begin_with(&person, &Device::new("phone"), PASSWORD).await.state, State::Ready);
        server.clock.advance(Span::from_micros(1));
        assert_eq!(kasa.reset(&newer).await, Outcome::Expired);
        assert_eq!(kasa.reset(&format!("tgl_{}", "0".repeat(64))).await, Outcome::WrongAnswer);
    }

    async fn inv_03_a_link_for_something_else_resets_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.frontend.begin_enrollment(&session).await;
        let confirms = server.mail_to(&person.email).await.token;
        assert_eq!(kasa.reset(&confirms).await, Outcome::WrongAnswer);
        let resets = kasa.reset_link(&person).await;
        assert_eq!(kasa.frontend.redeem(&resets).await, Outcome::WrongAnswer);
        let confirm = proto::ConfirmEmailRequest { token: resets.clone(), ..Default::default() };
        assert_eq!(kasa.frontend.ok(confirm).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(kasa.reset(&resets).await, Outcome::Approved);
    }

    async fn inv_29_a_reset_of_an_unknown_identifier_is_answered_alike(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let ask = |identifier: &str| proto::BeginRecoveryRequest {
            product: "kasa".into(),
            identifier: identifier.into(),
            ..Default::default()
        };
        for identifier in [person.email.as_str(), "nobody@example.com", "no address"] {
            kasa.frontend.ok(ask(identifier)).await;
            let refused = kasa.frontend.refused(ask(identifier)).await;
            assert_eq!(refused.name(), "TOO_MANY_MESSAGES", "{identifier}");
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM recoveries").await, 3, "all wait for the worker alike");
        assert_eq!(server.mails_to("nobody@example.com").await.len(), 0);
        assert_eq!(server.mails_to(&person.email).await.len(), 1);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM recoveries").await, 0);
    }

    async fn inv_01_of_many_resets_by_one_link_one_succeeds(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let token = kasa.reset_link(&person).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let mut approved = 0;
        for answer in together(&callers, &reset_by(&token, NEW_PASSWORD)).await {
            match answer {
                Ok(answer) if answer.outcome() == Outcome::Approved => approved += 1,
                Ok(answer) => assert_eq!(answer.outcome(), Outcome::Replayed),
                Err(refused) => assert_eq!(refused.name(), "TOO_MANY_PASSWORDS"),
            }
        }
        assert_eq!(approved, 1, "of {MANY}");
    }

    /// A stranger opened an account with the owner's address, and waits for the owner to verify it.
    async fn who_resets_the_password_of_an_address_that_is_not_verified_has_it_alone(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.import(vec![row(1, "ann", Address::Unverified)]).await.unwrap();
        let person = kasa.admin.known("ann").await;
        let stranger = kasa.frontend.sign_in(&person, "kasa", &Device::new("strange")).await;
        let token = kasa.reset_link(&person).await;
        assert_eq!(kasa.reset(&token).await, Outcome::Approved);
        assert!(!kasa.is_active(&stranger).await);
        assert_eq!(kasa.begin_with(&person, &Device::new("strange"), PASSWORD).await.state, State::Denied);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM accounts WHERE email_verified_at IS NOT NULL").await, 1);
    }

    async fn inv_34_a_mailbox_alone_only_recovers(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.admin.count_mailboxes("kasa").await;
        kasa.frontend.switch_on_by_mail(&session, &person).await;
        let token = kasa.reset_link(&person).await;
        assert_eq!(kasa.reset(&token).await, Outcome::Approved);
        for (waited, level) in [(Span::hours(23), proto::Level::Recovery), (Span::hours(2), proto::Level::Aal1Email)] {
            server.clock.advance(waited);
            let laptop = Device::new("laptop");
            let begun = kasa.begin_with(&person, &laptop, NEW_PASSWORD).await;
            let challenge = kasa.frontend.challenge(&begun).await;
            let code = server.mail_to(&person.email).await.code;
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
            let session = kasa.frontend.finish(&begun, &laptop).await.unwrap();
            assert_eq!(session.answer.session.unwrap().level(), level);
        }
    }

    async fn inv_34_a_mailed_code_is_not_offered_beside_another_factor_after_a_reset(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.count_mailboxes("kasa").await;
        let owner = kasa.owner("ann").await;
        let methods = |begun: SignIn| begun.offers.iter().map(proto::Offer::method).collect::<Vec<_>>();
        let before = methods(kasa.begin_with(&owner.person, &Device::new("laptop"), PASSWORD).await);
        assert!(before.contains(&proto::Method::EmailCode));
        let token = kasa.reset_link(&owner.person).await;
        assert_eq!(kasa.reset(&token).await, Outcome::Approved);
        let after = methods(kasa.begin_with(&owner.person, &Device::new("laptop"), NEW_PASSWORD).await);
        assert!(!after.contains(&proto::Method::EmailCode) && after.contains(&proto::Method::Totp));
        server.clock.advance(Span::hours(24));
        let later = methods(kasa.begin_with(&owner.person, &Device::new("laptop"), NEW_PASSWORD).await);
        assert!(later.contains(&proto::Method::EmailCode));
    }

    async fn ten_wrong_second_steps_demand_a_new_password(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (waiting, _) = kasa.asked(&owner, "waiting").await;
        fail_ten_second_steps(&kasa, &owner).await;
        let get = proto::GetSignInRequest { subject: waiting.subject() };
        assert_eq!(kasa.frontend.refused(get).await.name(), "SUBJECT_NOT_VALID");
        let laptop = Device::new("laptop");
        assert_eq!(kasa.begin_with(&owner.person, &laptop, PASSWORD).await.state, State::Denied);
        assert!(kasa.is_active(&owner.session).await, "who is signed in stays so");
        let mails = server.mails_to(&owner.person.email).await;
        let demands: Vec<_> = mails.iter().filter(|mail| mail.subject == "Somebody may know your Kasa password").collect();
        assert_eq!(demands.len(), 1);
        assert!(demands[0].link.contains("#reset="));
        server.clock.advance(Span::days(1));
        assert_eq!(kasa.begin_with(&owner.person, &laptop, PASSWORD).await.state, State::Denied, "time opens nothing");
        let token = kasa.reset_link(&owner.person).await;
        assert_eq!(kasa.reset(&token).await, Outcome::Approved);
        let begun = kasa.begin_with(&owner.person, &laptop, NEW_PASSWORD).await;
        let challenge = kasa.frontend.challenge(&begun).await;
        let outcome = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome();
        assert_eq!(outcome, Outcome::Approved, "the factor did not close");
    }

    async fn nine_wrong_second_steps_a_day_demand_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        for _ in 0..2 {
            for n in 0..2 {
                let (begun, challenge) = kasa.asked(&owner, &format!("strange-{n}")).await;
                for _ in 0..5 - n {
                    kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
                }
            }
            server.clock.advance(Span::days(1));
        }
        let begun = kasa.begin_with(&owner.person, &Device::new("laptop"), PASSWORD).await;
        assert_eq!(begun.state, State::PendingChallenge);
    }

    async fn a_password_that_is_weak_by_now_is_accepted_and_told(server) {
        let kasa = Kasa::open(&server).await;
        let (person, phone) = (kasa.admin.person("ann").await, Device::new("phone"));
        let session = kasa.frontend.sign_in(&person, "kasa", &phone).await;
        assert!(!session.answer.weak_password);
        let settings = proto::ProductSettings { min_password_length: 64, ..Default::default() };
        let longer = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(settings),
            update_mask: mask("settings.min_password_length"),
            ..Default::default()
        };
        kasa.admin.ok(longer).await;
        let session = kasa.frontend.sign_in(&person, "kasa", &phone).await;
        assert!(session.answer.weak_password);
    }

    async fn an_account_without_a_password_gets_one(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let set = proto::SetPasswordRequest { subject: session.subject(), password: NEW_PASSWORD.into(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(set.clone()).await.name(), "PASSWORD_EXISTS");
        raw::change(&server, "DELETE FROM passwords").await;
        assert_eq!(kasa.change_password(&session, PASSWORD).await.unwrap_err().name(), "NO_PASSWORD");
        kasa.frontend.ok(set).await;
        assert_eq!(kasa.begin_with(&person, &Device::new("phone"), NEW_PASSWORD).await.state, State::Ready);
        server.clock.advance(Span::minutes(6));
        raw::change(&server, "DELETE FROM passwords").await;
        let set = proto::SetPasswordRequest { subject: session.subject(), password: NEW_PASSWORD.into(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(set).await.name(), "FRESH_PROOF_NEEDED");
    }
}
