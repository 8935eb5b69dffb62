//! Sessions that are refreshed: what a refresh token is worth, and what makes it worthless.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{NEW_PASSWORD, PASSWORD, Person},
    owner::{Device, Session},
    race::{MANY, together},
    raw,
    rpc::Rpc,
    setting::{Kasa, Owner, wrong},
    test_server::{CredentialSpec, Replica, TestServer},
};

const MONTH: Span = Span::days(30);
const MICROSECOND: Span = Span::from_micros(1);

/// The product kasa, which refreshes sessions for a month, and its front end at another replica.
struct Refreshing {
    kasa: Kasa,
    elsewhere: Actor,
    _replica: Replica,
}

fn by(token: &str, device: &str) -> proto::RefreshSessionRequest {
    let client = Some(Device::new(device).client());
    proto::RefreshSessionRequest { refresh_token: token.to_owned(), client, ..Default::default() }
}

/// Both tokens that a refresh returned.
struct Tokens {
    session: String,
    refresh: String,
}

impl Refreshing {
    async fn open(server: &TestServer) -> Self {
        let kasa = Kasa::open(server).await;
        kasa.admin.refreshing("kasa", MONTH).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        Self { kasa, elsewhere, _replica: replica }
    }

    /// A session of the person on the device, made by the password alone.
    async fn session(&self, person: &Person, device: &str) -> Tokens {
        tokens(&self.kasa.frontend.sign_in(person, "kasa", &Device::new(device)).await)
    }

    async fn refresh(&self, token: &str, device: &str) -> Tokens {
        let answer = self.kasa.frontend.ok(by(token, device)).await;
        Tokens { session: answer.session_token, refresh: answer.refresh_token }
    }

    /// It is refused, and the reason is not told.
    async fn fails(&self, token: &str, device: &str) {
        assert_eq!(self.elsewhere.refused(by(token, device)).await.name(), "SUBJECT_NOT_VALID");
    }

    async fn introspected(&self, token: &str) -> Option<proto::Session> {
        let request = proto::IntrospectRequest { session_token: token.to_owned() };
        self.kasa.frontend.ok(request).await.session
    }

    async fn is_active(&self, token: &str) -> bool {
        self.introspected(token).await.is_some()
    }

    async fn mails(&self, person: &Person) -> usize {
        let mails = self.kasa.server.mails_to(&person.email).await;
        mails.iter().filter(|mail| mail.subject == "A device of Kasa was copied").count()
    }

    async fn ended(&self, why: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM sessions WHERE end_reason = '{why}'");
        raw::count(&self.kasa.server, &sql).await
    }
}

fn tokens(session: &Session) -> Tokens {
    Tokens { session: session.token.clone(), refresh: session.answer.refresh_token.clone() }
}

/// What makes the refresh tokens of an account worthless.
#[derive(Debug, Clone, Copy)]
enum End {
    Revoked,
    SignedOutEverywhere,
    SignedOutElsewhere,
    DeviceForgotten,
    Replaced,
    PasswordChanged,
    PasswordReset,
    FactorAdded,
    ProofsFailed,
}

impl End {
    const ALL: [Self; 9] = [
        Self::Revoked,
        Self::SignedOutEverywhere,
        Self::SignedOutElsewhere,
        Self::DeviceForgotten,
        Self::Replaced,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::FactorAdded,
        Self::ProofsFailed,
    ];

    /// `own` is on the device "own", the other one on "phone".
    async fn happen(self, kasa: &Kasa, person: &Person, own: &Session, other: &Session) {
        let (app, subject) = (&kasa.frontend, own.subject());
        match self {
            Self::Revoked => {
                let session_id = other.id.clone();
                did(app, proto::RevokeSessionRequest { subject, session_id, ..Default::default() }).await;
            }
            Self::SignedOutEverywhere | Self::SignedOutElsewhere => {
                let keep_own = matches!(self, Self::SignedOutElsewhere);
                did(app, proto::RevokeAllSessionsRequest { subject, keep_own, ..Default::default() }).await;
            }
            Self::DeviceForgotten => {
                let (product, device_id) = ("kasa".into(), "phone".into());
                let request =
                    proto::RevokeTrustedDeviceRequest { subject, product, device_id, ..Default::default() };
                did(app, request).await;
            }
            Self::Replaced => {
                app.sign_in(person, "kasa", &Device::new("phone")).await;
            }
            Self::PasswordChanged => {
                let (current_password, new_password) = (PASSWORD.into(), NEW_PASSWORD.into());
                let request = proto::ChangePasswordRequest {
                    subject,
                    current_password,
                    new_password,
                    ..Default::default()
                };
                assert_eq!(app.ok(request).await.outcome(), proto::ProofOutcome::Approved);
            }
            Self::PasswordReset => {
                let (product, identifier) = ("kasa".to_owned(), person.email.clone());
                did(app, proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
                let token = kasa.server.mail_to(&person.email).await.token;
                let (product, password) = ("kasa".to_owned(), NEW_PASSWORD.into());
                let request =
                    proto::CompleteRecoveryRequest { product, token, password, ..Default::default() };
                assert_eq!(app.ok(request).await.outcome(), proto::ProofOutcome::Approved);
            }
            Self::FactorAdded => drop(app.enroll(own, person).await),
            Self::ProofsFailed => {
                for _ in 0..5 {
                    kasa.server.clock.advance(Span::seconds(10));
                    let request = proto::ChangePasswordRequest {
                        subject: other.subject(),
                        current_password: "a wrong passphrase".into(),
                        new_password: NEW_PASSWORD.into(),
                        ..Default::default()
                    };
                    assert_eq!(app.ok(request).await.outcome(), proto::ProofOutcome::WrongAnswer);
                }
            }
        }
    }
}

async fn did<M: Rpc>(actor: &Actor, request: M) {
    actor.ok(request).await;
}

on_both! {
    async fn inv_23_what_ends_sessions_makes_their_refresh_tokens_worthless_on_every_replica(server) {
        let it = Refreshing::open(&server).await;
        for (n, end) in End::ALL.into_iter().enumerate() {
            let person = it.kasa.admin.person(&format!("ann-{n}")).await;
            let other = it.kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
            let own = it.kasa.frontend.sign_in(&person, "kasa", &Device::new("own")).await;
            let token = it.elsewhere.ok(by(&tokens(&other).refresh, "phone")).await;
            let other = Session { token: token.session_token, ..other };
            end.happen(&it.kasa, &person, &own, &other).await;
            let refused = it.elsewhere.refused(by(&token.refresh_token, "phone")).await;
            assert_eq!(refused.name(), "SUBJECT_NOT_VALID", "{end:?}");
            assert_eq!(it.mails(&person).await, 0, "{end:?} is no theft");
        }
    }

    /// It goes on, but is not refreshed: who has a copy of its token must not outlive the change.
    async fn inv_25_a_session_that_goes_on_after_a_change_of_the_password_is_not_refreshed(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let own = it.kasa.frontend.sign_in(&person, "kasa", &Device::new("own")).await;
        End::PasswordChanged.happen(&it.kasa, &person, &own, &own).await;
        assert!(it.is_active(&own.token).await);
        it.fails(&tokens(&own).refresh, "own").await;
    }

    /// Also where nothing but the epoch says so.
    async fn inv_25_a_refresh_token_is_worth_nothing_in_another_epoch(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let session = it.session(&person, "phone").await;
        raw::change(&server, "UPDATE accounts SET epoch = 7").await;
        it.fails(&session.refresh, "phone").await;
        assert!(it.is_active(&session.session).await);
    }

    async fn inv_27_a_suspended_account_is_not_refreshed(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let session = it.session(&person, "phone").await;
        raw::change(&server, "UPDATE accounts SET state = 'suspended'").await;
        it.fails(&session.refresh, "phone").await;
        raw::change(&server, "UPDATE accounts SET state = 'active'").await;
        it.refresh(&session.refresh, "phone").await;
    }

    async fn inv_24_a_refresh_token_belongs_to_its_product_and_its_device(server) {
        let it = Refreshing::open(&server).await;
        it.kasa.admin.product("tapo").await;
        let person = it.kasa.admin.person("ann").await;
        let session = it.session(&person, "phone").await;
        let tapo = CredentialSpec { products: &["tapo"], ..CredentialSpec::of(Role::Frontend) };
        let tapo = server.with_credential("tapo", tapo).await.quiet();
        assert_eq!(tapo.refused(by(&session.refresh, "phone")).await.name(), "SUBJECT_NOT_VALID");
        it.fails(&session.refresh, "tablet").await;
        let nameless = proto::RefreshSessionRequest { client: None, ..by(&session.refresh, "phone") };
        assert_eq!(it.elsewhere.refused(nameless).await.name(), "SUBJECT_NOT_VALID");
        let second = it.refresh(&session.refresh, "phone").await;
        // A copy that comes from elsewhere proves nothing, so it ends nothing.
        server.clock.advance(Span::minutes(2));
        it.fails(&session.refresh, "tablet").await;
        assert!(it.is_active(&second.session).await);
    }

    /// All tokens of a series share their first half, and nobody else knows it.
    async fn inv_24_who_never_had_a_token_of_a_series_cannot_end_it(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let session = it.session(&person, "phone").await;
        let other = |digit: char| if digit == '0' { '1' } else { '0' };
        let guessed: String = session.refresh.char_indices().map(|(n, c)| if n == 35 { other(c) } else { c }).collect();
        it.fails(&guessed, "phone").await;
        let as_session = session.refresh.replace("tgf_", "tgs_");
        assert!(!it.is_active(&as_session).await);
        it.refresh(&session.refresh, "phone").await;
    }

    async fn inv_26_a_refresh_keeps_the_session_and_raises_no_level(server) {
        let it = Refreshing::open(&server).await;
        let owner: Owner = it.kasa.owner("ann").await;
        let device = Device::new("tablet");
        let made = it.kasa.frontend.sign_in_with(&owner.person, "kasa", &device, &owner.enrolled.seed).await;
        let (first, begun) = (tokens(&made), made.answer.session.unwrap());
        assert_eq!(begun.level(), proto::Level::Aal2);
        server.clock.advance(Span::hours(24).minus(MICROSECOND));
        assert!(!it.is_active(&first.session).await, "unused for an hour");
        let second = it.refresh(&first.refresh, "tablet").await;
        let same = it.introspected(&second.session).await.unwrap();
        assert_eq!(same, proto::Session { expire_time: same.expire_time, ..begun.clone() });
        server.clock.advance(MICROSECOND);
        let third = it.refresh(&second.refresh, "tablet").await;
        assert!(!it.is_active(&second.session).await, "its token was replaced");
        let fallen = it.introspected(&third.session).await.unwrap();
        assert_eq!((fallen.level(), fallen.met()), (proto::Level::Aal1, begun.met()));
        assert_eq!(fallen.proofs, begun.proofs);
    }

    async fn a_session_can_be_refreshed_for_a_month(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let (phone, tablet) = (it.session(&person, "phone").await, it.session(&person, "tablet").await);
        server.clock.advance(MONTH.minus(MICROSECOND));
        let last = it.kasa.frontend.ok(by(&phone.refresh, "phone")).await;
        let session = last.session.unwrap();
        assert_eq!(session.expire_time, last.refresh_expire_time, "no longer than it can be refreshed");
        assert!(it.is_active(&last.session_token).await);
        server.clock.advance(MICROSECOND);
        assert!(!it.is_active(&last.session_token).await);
        it.fails(&last.refresh_token, "phone").await;
        it.fails(&tablet.refresh, "tablet").await;
    }

    async fn a_product_that_refreshes_for_a_shorter_time_does_so_for_all_sessions(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let session = it.session(&person, "phone").await;
        it.kasa.admin.refreshing("kasa", Span::days(1)).await;
        let second = it.refresh(&session.refresh, "phone").await;
        server.clock.advance(Span::days(1));
        it.fails(&second.refresh, "phone").await;
        it.kasa.admin.refreshing("kasa", Span::ZERO).await;
        let made = it.kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        assert_eq!((made.answer.refresh_token.as_str(), made.answer.refresh_expire_time), ("", None));
    }

    /// The reply of the first refresh was lost.
    async fn inv_25_a_predecessor_is_taken_for_a_minute_and_ends_what_it_was_replaced_by(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let first = it.session(&person, "phone").await;
        let lost = it.refresh(&first.refresh, "phone").await;
        server.clock.advance(Span::seconds(60));
        let again = it.refresh(&first.refresh, "phone").await;
        assert!(!it.is_active(&lost.session).await && it.is_active(&again.session).await);
        let next = it.refresh(&again.refresh, "phone").await;
        assert!(it.is_active(&next.session).await);
        // Whoever has the lost reply comes too late.
        it.fails(&lost.refresh, "phone").await;
        assert!(!it.is_active(&next.session).await);
        assert_eq!((it.ended("refresh_copied").await, it.mails(&person).await), (1, 1));
        it.fails(&next.refresh, "phone").await;
        assert_eq!(it.mails(&person).await, 1, "told once");
    }

    async fn inv_25_a_predecessor_that_comes_after_a_minute_ends_the_series(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let first = it.session(&person, "phone").await;
        let stolen = it.refresh(&first.refresh, "phone").await;
        server.clock.advance(Span::from_micros(60_000_001));
        it.fails(&first.refresh, "phone").await;
        assert!(!it.is_active(&stolen.session).await);
        it.fails(&stolen.refresh, "phone").await;
        assert_eq!((it.ended("refresh_copied").await, it.mails(&person).await), (1, 1));
        let ended = "SELECT count(*) FROM events WHERE fact LIKE '%session_ended%refresh_copied%'";
        assert_eq!(raw::count(&server, ended).await, 1);
    }

    async fn inv_25_a_token_that_was_replaced_long_ago_ends_the_series(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let (other, first) = (it.session(&person, "tablet").await, it.session(&person, "phone").await);
        let mut newest = it.refresh(&first.refresh, "phone").await;
        for _ in 0..20 {
            server.clock.advance(Span::days(1));
            newest = it.refresh(&newest.refresh, "phone").await;
        }
        it.fails(&first.refresh, "phone").await;
        assert!(!it.is_active(&newest.session).await);
        it.fails(&newest.refresh, "phone").await;
        it.refresh(&other.refresh, "tablet").await;
    }

    /// The successor was used within the minute, so the predecessor is nobody's lost reply.
    async fn inv_25_a_predecessor_ends_the_series_once_its_successor_was_used(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let first = it.session(&person, "phone").await;
        let second = it.refresh(&first.refresh, "phone").await;
        let third = it.refresh(&second.refresh, "phone").await;
        it.fails(&first.refresh, "phone").await;
        assert!(!it.is_active(&third.session).await);
    }

    async fn inv_16_a_session_is_not_refreshed_after_it_must_be_authenticated_again(server) {
        let it = Refreshing::open(&server).await;
        it.kasa.admin.product("tapo").await;
        it.kasa.admin.refreshing("tapo", MONTH).await;
        let owner = it.kasa.owner("ann").await;
        let app = &it.kasa.frontend;
        let session = tokens(&app.sign_in(&owner.person, "tapo", &Device::new("phone")).await);
        let rollout = it.kasa.admin.rollout("tapo-too", &["tapo"], &[1_000_000]).await;
        it.kasa.admin.start(&rollout).await;
        let reauth = it.introspected(&session.session).await.unwrap().reauth_time.unwrap();
        let left = reauth.seconds * 1_000_000 + i64::from(reauth.nanos) / 1_000 - server.now().unix_micros();
        server.clock.advance(Span::from_micros(left).minus(MICROSECOND));
        let second = it.refresh(&session.refresh, "phone").await;
        assert!(it.is_active(&second.session).await);
        server.clock.advance(MICROSECOND);
        assert!(!it.is_active(&second.session).await);
        it.fails(&second.refresh, "phone").await;
    }

    async fn inv_58_a_refresh_is_repeated_by_its_request_id(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let first = it.session(&person, "phone").await;
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let request = proto::RefreshSessionRequest { request_id, ..by(&first.refresh, "phone") };
        let answer = it.kasa.frontend.ok(request.clone()).await;
        server.clock.advance(Span::minutes(9));
        assert_eq!(it.elsewhere.ok(request.clone()).await, answer);
        server.clock.advance(Span::minutes(1));
        let late = it.elsewhere.ok(request).await;
        assert_eq!((late.session_token.as_str(), late.refresh_token.as_str(), late.secret_withheld), ("", "", true));
        it.refresh(&answer.refresh_token, "phone").await;
    }

    async fn a_recovery_session_gets_no_refresh_token(server) {
        let it = Refreshing::open(&server).await;
        let owner = it.kasa.owner("ann").await;
        let made = it.kasa.recovered(&owner, 0).await.answer;
        assert_eq!((made.refresh_token.as_str(), made.refresh_expire_time), ("", None));
    }

    async fn an_owner_finds_and_ends_a_session_that_went_idle_and_can_be_refreshed(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let idle = it.session(&person, "phone").await;
        server.clock.advance(Span::days(2));
        let own = it.kasa.frontend.sign_in(&person, "kasa", &Device::new("own")).await;
        let list = || proto::ListSessionsRequest { subject: own.subject() };
        let listed = it.kasa.frontend.ok(list()).await.sessions;
        assert_eq!(listed.iter().map(|one| one.device_id.as_str()).collect::<Vec<_>>(), ["own", "phone"]);
        let session_id = listed[1].session.clone().unwrap().id;
        let revoke = proto::RevokeSessionRequest { subject: own.subject(), session_id, ..Default::default() };
        assert!(it.kasa.frontend.ok(revoke).await.ended);
        it.fails(&idle.refresh, "phone").await;
        assert_eq!(it.kasa.frontend.ok(list()).await.sessions.len(), 1);
    }

    /// A refresh gives a thief no more guesses.
    async fn a_refresh_does_not_forget_proofs_that_failed(server) {
        let it = Refreshing::open(&server).await;
        let owner = it.kasa.owner("ann").await;
        let device = Device::new("tablet");
        let made = it.kasa.frontend.sign_in_with(&owner.person, "kasa", &device, &owner.enrolled.seed).await;
        let first = tokens(&made);
        server.clock.advance(Span::seconds(30));
        let mut session = made;
        for guess in 0..5 {
            let challenge = it.kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
            it.kasa.frontend.answer_change(&session, &challenge, &wrong(&it.kasa.code(&owner))).await;
            if guess == 3 {
                session.token = it.refresh(&first.refresh, "tablet").await.session;
            }
        }
        assert_eq!(it.ended("proofs_failed").await, 1);
    }

    /// One session comes out of it, with one valid pair of tokens, whoever made the other calls.
    async fn inv_25_of_many_refreshes_at_once_one_pair_of_tokens_is_valid(server) {
        let it = Refreshing::open(&server).await;
        let person = it.kasa.admin.person("ann").await;
        let first = it.session(&person, "phone").await;
        let callers = [it.kasa.frontend.clone(), it.elsewhere.clone()];
        let told = together(&callers, &by(&first.refresh, "phone")).await;
        let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
        assert_eq!(told.len(), MANY);
        let mut active = Vec::new();
        for one in &told {
            if it.is_active(&one.session_token).await {
                active.push(one);
            }
        }
        let [valid] = active[..] else { panic!("{} sessions are active", active.len()) };
        let next = it.refresh(&valid.refresh_token, "phone").await;
        let beaten = told.iter().find(|one| one.refresh_token != valid.refresh_token).unwrap();
        it.fails(&beaten.refresh_token, "phone").await;
        assert!(!it.is_active(&next.session).await);
        assert_eq!((it.ended("refresh_copied").await, it.mails(&person).await), (1, 1));
    }
}
