//! Every parameter of sign-ins, challenges, links and sessions: the last moment at which it holds, and the
//! first at which it does not (INV-4).

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, Session, by_password},
    raw,
    setting::{Kasa, wrong},
};

const MICROSECOND: Span = Span::from_micros(1);

async fn is_active(kasa: &Kasa, session: &Session) -> bool {
    let request = proto::IntrospectRequest { session_token: session.token.clone() };
    kasa.frontend.ok(request).await.active
}

async fn begin(kasa: &Kasa, email: &str, password: &str) -> proto::SignInState {
    let request = proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: email.into(),
        first_factor: by_password(password),
        ..Default::default()
    };
    kasa.frontend.ok(request).await.sign_in.unwrap().state()
}

on_both! {
    async fn a_sign_in_lives_ten_minutes(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        server.clock.advance(Span::minutes(10).minus(MICROSECOND));
        kasa.frontend.finish(&begun, &Device::new("phone")).await.unwrap();
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        server.clock.advance(Span::minutes(10));
        let late = kasa.frontend.finish(&begun, &Device::new("phone")).await.unwrap_err();
        assert_eq!(late.name(), "SUBJECT_NOT_VALID");
    }

    async fn inv_04_a_challenge_waits_five_minutes(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        server.clock.advance(Span::minutes(5));
        let late = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(late.outcome(), Outcome::Expired);
        let challenge = kasa.frontend.challenge(&begun).await;
        server.clock.advance(Span::minutes(5).minus(MICROSECOND));
        let (begun, challenge) = (begun, challenge);
        let just = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(just.outcome(), Outcome::Approved);
    }

    async fn inv_04_a_set_up_link_lives_two_hours(server) {
        let kasa = Kasa::open(&server).await;
        for (name, waited, outcome) in [
            ("ann", Span::hours(2).minus(MICROSECOND), Outcome::Approved),
            ("bob", Span::hours(2), Outcome::Expired),
        ] {
            let person = kasa.admin.person(name).await;
            let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
            kasa.frontend.begin_enrollment(&session).await;
            let token = server.mail_to(&person.email).await.token;
            server.clock.advance(waited);
            assert_eq!(kasa.frontend.redeem(&token).await, outcome);
        }
    }

    async fn a_session_goes_idle_after_an_hour_and_ends_after_a_day(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        for _ in 0..23 {
            server.clock.advance(Span::hours(1).minus(MICROSECOND));
            assert!(is_active(&kasa, &session).await, "a session that is used does not go idle");
        }
        server.clock.advance(Span::hours(1));
        assert!(!is_active(&kasa, &session).await, "idle for an hour");
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        for _ in 0..48 {
            server.clock.advance(Span::minutes(30).minus(MICROSECOND));
            assert!(is_active(&kasa, &session).await);
        }
        server.clock.advance(Span::from_micros(48));
        assert!(!is_active(&kasa, &session).await, "24 hours old, however much it is used");
    }

    async fn trust_lasts_thirty_days_and_rotates(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let first = tablet.token();
        server.clock.advance(Span::days(30).minus(Span::minutes(1)));
        let begun = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(begun.state, proto::SignInState::Ready);
        let session = kasa.frontend.finish(&begun, &tablet).await.unwrap();
        let made = session.answer.session.unwrap();
        assert!(made.trusted && made.level() == proto::Level::Aal1, "trust never raises the level");
        assert_ne!(tablet.token(), first, "the token rotates at each use");
        server.clock.advance(Span::minutes(1));
        let begun = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    }

    async fn inv_25_a_token_that_was_replaced_ends_the_series(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let stolen = tablet.token();
        kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        let thief = async |waited| {
            server.clock.advance(waited);
            let request = proto::BeginSignInRequest {
                device_token: stolen.clone(),
                ..kasa.frontend.begin_request(&owner.person, "kasa", &tablet)
            };
            kasa.frontend.ok(request).await.sign_in.unwrap().state()
        };
        assert_eq!(thief(Span::seconds(60)).await, proto::SignInState::Ready);
        assert_eq!(thief(Span::from_micros(1)).await, proto::SignInState::PendingChallenge);
        let begun = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge, "nobody is trusted any more");
    }

    async fn inv_12_the_fifth_wrong_password_makes_the_next_one_wait(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let right = crate::arrange::PASSWORD;
        for _ in 0..4 {
            assert_eq!(begin(&kasa, &person.email, "wrong").await, proto::SignInState::Denied);
        }
        assert_eq!(begin(&kasa, &person.email, right).await, proto::SignInState::Denied, "INV-12");
        server.clock.advance(Span::seconds(1).minus(MICROSECOND));
        assert_eq!(begin(&kasa, " ANN@example.com ", right).await, proto::SignInState::Denied, "INV-11");
        server.clock.advance(MICROSECOND);
        assert_eq!(begin(&kasa, &person.email, right).await, proto::SignInState::Ready);
        for _ in 0..4 {
            assert_eq!(begin(&kasa, &person.email, "wrong").await, proto::SignInState::Denied);
        }
    }

    async fn inv_29_an_unknown_identifier_is_slowed_like_a_known_one(server) {
        let kasa = Kasa::open(&server).await;
        for _ in 0..5 {
            assert_eq!(begin(&kasa, "nobody@example.com", "wrong").await, proto::SignInState::Denied);
        }
        let slowed = "SELECT count(*) FROM events WHERE fact LIKE '%sign_in_denied%slowed%'";
        assert_eq!(raw::count(&server, slowed).await, 1);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM attempts").await, 1);
    }

    async fn inv_09_a_new_challenge_gives_no_guesses_back(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        for guesses in [5, 4] {
            let (begun, challenge) = kasa.asked(&owner, "tablet").await;
            for _ in 0..guesses {
                kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
            }
        }
        // A tenth one after the password would demand a new password.
        let challenge = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        kasa.frontend.answer_change(&owner.session, &challenge, &wrong(&kasa.code(&owner))).await;
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        for code in [kasa.code(&owner), wrong(&kasa.code(&owner))] {
            let answered = kasa.frontend.answer(&begun, &challenge, &code).await;
            assert_eq!(answered.outcome(), Outcome::Slowed, "INV-12: right and wrong look the same");
            assert!(answered.retry_time.is_some());
        }
        let tries = "SELECT tries FROM challenges ORDER BY challenge_id DESC LIMIT 1";
        assert_eq!(raw::count(&server, tries).await, 0, "what was not looked at takes no try");
        server.clock.advance(Span::hours(1));
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        let right = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(right.outcome(), Outcome::Approved);
    }

    async fn inv_10_after_fifty_failures_in_a_row_the_factor_is_closed(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let spent = "UPDATE attempts SET in_row = 49 WHERE counter_id IN (SELECT factor_id FROM factors)";
        raw::change(&server, spent).await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let last = kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        assert_eq!(last.outcome(), Outcome::WrongAnswer);
        server.clock.advance(Span::days(365));
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        let closed = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(closed.outcome(), Outcome::Closed);
    }

    async fn inv_16_a_session_that_met_less_fails_within_seven_days_of_the_switch(server) {
        let kasa = Kasa::open(&server).await;
        let long = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(proto::ProductSettings {
                session_idle: Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 }),
                session_absolute: Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 }),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["settings.session_idle".into(), "settings.session_absolute".into()],
            }),
            ..Default::default()
        };
        kasa.admin.ok(long).await;
        let owner = kasa.owner("ann").await;
        let request = proto::IntrospectRequest { session_token: owner.session.token.clone() };
        let session = kasa.frontend.ok(request).await.session.unwrap();
        let reauth = session.reauth_time.unwrap();
        let left = Span::from_micros(
            reauth.seconds * 1_000_000 + i64::from(reauth.nanos) / 1_000 - server.now().unix_micros(),
        );
        assert!(Span::ZERO < left && left <= Span::days(7));
        server.clock.advance(left.minus(MICROSECOND));
        assert!(is_active(&kasa, &owner.session).await);
        server.clock.advance(MICROSECOND);
        assert!(!is_active(&kasa, &owner.session).await);
    }
}
