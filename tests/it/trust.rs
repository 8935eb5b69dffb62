//! Trusted devices: what ends a token series, and what then becomes of a sign-in that relied on it (INV-25).

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    addresses::OTHER,
    arrange::{NEW_PASSWORD, PASSWORD, Person},
    not_me::not_me,
    owner::{Device, by_password},
    raw,
    recovery::{begin, generate, remove},
    setting::{Kasa, Owner},
    support::{lock_down, reactivate, reset_factors, suspend},
    test_server::CredentialSpec,
};

/// A device that passed a second step and is trusted.
async fn trusted(kasa: &Kasa, owner: &Owner) -> Device {
    let tablet = Device::remembered("tablet");
    kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
    kasa.server.clock.advance(Span::seconds(30));
    tablet
}

async fn begin_with(kasa: &Kasa, owner: &Owner, token: &str) -> proto::BeginSignInResponse {
    let request = proto::BeginSignInRequest {
        device_token: token.to_owned(),
        ..kasa.frontend.begin_request(&owner.person, "kasa", &Device::new("tablet"))
    };
    kasa.frontend.ok(request).await
}

/// The state of a sign-in with the password, from the tablet, with this device token.
async fn state_with(kasa: &Kasa, person: &Person, product: &str, token: &str) -> proto::SignInState {
    state_by(kasa, person, product, token, PASSWORD).await
}

async fn state_by(
    kasa: &Kasa,
    person: &Person,
    product: &str,
    token: &str,
    password: &str,
) -> proto::SignInState {
    let request = proto::BeginSignInRequest {
        device_token: token.to_owned(),
        first_factor: by_password(password),
        ..kasa.frontend.begin_request(person, product, &Device::new("tablet"))
    };
    kasa.frontend.ok(request).await.sign_in.unwrap().state()
}

on_both! {
    async fn inv_25_a_device_token_is_of_one_account_one_product_and_one_realm(server) {
        use proto::SignInState::{PendingChallenge, Ready};
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("camera").await;
        let rollout = kasa.admin.rollout("camera", &["camera"], &[1_000_000]).await;
        kasa.admin.start(&rollout).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let token = trusted(&kasa, &ann).await.token();

        server.realm("other").await;
        let of = |role| CredentialSpec { realm: "other", ..CredentialSpec::of(role) };
        let admin = server.with_credential("admin", of(Role::Admin)).await.quiet();
        let frontend = server.with_credential("frontend", of(Role::Frontend)).await.quiet();
        admin.product("kasa").await;
        let rollout = admin.rollout("everybody", &["kasa"], &[1_000_000]).await;
        admin.start(&rollout).await;
        let there = Kasa { server: server.clone(), admin, frontend };
        let namesake = there.owner("ann").await;

        assert_eq!(state_with(&kasa, &bob.person, "kasa", &token).await, PendingChallenge, "another account");
        assert_eq!(state_with(&kasa, &ann.person, "camera", &token).await, PendingChallenge, "another product");
        assert_eq!(state_with(&there, &namesake.person, "kasa", &token).await, PendingChallenge, "another realm");
        assert_eq!(state_with(&kasa, &ann.person, "kasa", &token).await, Ready, "its own, as before");
    }

    async fn inv_25_whatever_raises_the_epoch_ends_trust(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let epoch = |name: &str| format!("SELECT COALESCE(epoch, 0) FROM accounts WHERE external_id = '{name}'");
        for event in ["password", "reset", "sign-out", "address", "not-me", "lockdown", "suspension", "factors"] {
            let owner = kasa.owner(event).await;
            let (phone, seed) = (Device::remembered("phone"), &owner.enrolled.seed);
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, seed).await;
            server.clock.advance(Span::seconds(30));
            let token = trusted(&kasa, &owner).await.token();
            let before = raw::count(&server, &epoch(event)).await;
            let (mut person, mut password) = (owner.person.clone(), PASSWORD);
            match event {
                "password" => {
                    kasa.change_password(&session, PASSWORD).await.unwrap();
                    password = NEW_PASSWORD;
                }
                "reset" => {
                    let link = kasa.reset_link(&person).await;
                    kasa.reset(&link).await;
                    password = NEW_PASSWORD;
                }
                "sign-out" => {
                    let (subject, keep_own) = (session.subject(), true);
                    kasa.frontend.ok(proto::RevokeAllSessionsRequest { subject, keep_own, ..Default::default() }).await;
                }
                "address" => {
                    kasa.change_email(&session, OTHER).await;
                    person.email = OTHER.into();
                }
                "not-me" => {
                    // Within a week the report takes the first factor away too.
                    server.clock.advance(Span::days(8));
                    kasa.frontend.sign_in_with(&person, "kasa", &Device::new("strange"), seed).await;
                    let notice = kasa.notice(&person.email, "sign-in").await;
                    kasa.frontend.ok(not_me(&notice.token)).await;
                    let link = server.mail_to(&person.email).await.token;
                    kasa.reset(&link).await;
                    password = NEW_PASSWORD;
                }
                "lockdown" => {
                    support.ok(lock_down(event)).await;
                    support.ok(reactivate(event)).await;
                }
                "suspension" => {
                    support.ok(suspend(event)).await;
                    support.ok(reactivate(event)).await;
                }
                _ => {
                    support.ok(reset_factors(event)).await;
                }
            }
            assert!(raw::count(&server, &epoch(event)).await > before, "{event} does not raise the epoch");
            let state = state_by(&kasa, &person, "kasa", &token, password).await;
            assert_ne!(state, proto::SignInState::Ready, "{event} leaves trust");
        }
    }

    async fn inv_25_trust_makes_no_aal2_and_authorises_no_change(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in(&owner.person, "kasa", &trusted(&kasa, &owner).await).await;
        let made = session.answer.session.clone().unwrap();
        assert_eq!((made.trusted, made.level()), (true, proto::Level::Aal1));
        let change = proto::ChangePasswordRequest {
            subject: session.subject(),
            current_password: PASSWORD.into(),
            new_password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        let refused = [
            kasa.frontend.disable(&session).await.unwrap_err(),
            kasa.ask_for(&session, OTHER).await.unwrap_err(),
            kasa.frontend.refused(change).await,
            kasa.frontend.refused(begin(&session, "another")).await,
            kasa.frontend.refused(remove(&session, &owner.enrolled.factor)).await,
            kasa.frontend.refused(generate(&session)).await,
        ];
        for refused in refused {
            assert_eq!(refused.name(), "FRESH_PROOF_NEEDED", "{refused}");
        }
    }

    async fn inv_25_a_sign_in_does_not_outlive_the_trust_it_relied_on(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = trusted(&kasa, &owner).await;
        // A thief with the password and a copy of the token begins a sign-in, and waits.
        let stolen = tablet.token();
        let thief = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(thief.state, proto::SignInState::Ready);
        // The owner signs in, which rotates the token. The thief's copy is used too late, and the series
        // ends.
        kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        server.clock.advance(Span::minutes(2));
        begin_with(&kasa, &owner, &stolen).await;
        // The owner passes a second step and trusts the device again.
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let held = kasa.frontend.ok(proto::CompleteSignInRequest {
            subject: thief.subject(),
            ..Default::default()
        });
        let held = held.await;
        assert_eq!(held.session, None, "the new series is not the thief's");
        assert_eq!(held.sign_in.unwrap().state(), proto::SignInState::PendingChallenge);
        let again = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(again.state, proto::SignInState::Ready, "the owner's is as it was");
    }

    async fn inv_25_a_token_two_generations_old_ends_the_series(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = trusted(&kasa, &owner).await;
        let first = tablet.token();
        for _ in 0..2 {
            kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        }
        let begun = begin_with(&kasa, &owner, &first).await.sign_in.unwrap();
        assert_eq!(begun.state(), proto::SignInState::PendingChallenge);
        let begun = begin_with(&kasa, &owner, &tablet.token()).await.sign_in.unwrap();
        assert_eq!(begun.state(), proto::SignInState::PendingChallenge);
        let ended = "SELECT count(*) FROM events WHERE fact LIKE '%device_trust_ended%'";
        assert_eq!(raw::count(&server, ended).await, 1);
    }

    async fn inv_25_the_sessions_of_a_copied_device_end_and_the_owner_is_told(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = trusted(&kasa, &owner).await;
        let stolen = tablet.token();
        // The thief signs in first, as the tablet; then the owner, whose token is the older one by now.
        let thief = kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        server.clock.advance(Span::minutes(2));
        let begun = begin_with(&kasa, &owner, &stolen).await.sign_in.unwrap();
        assert_eq!(begun.state(), proto::SignInState::PendingChallenge);
        let active = async |token: &str| {
            kasa.frontend.ok(proto::IntrospectRequest { session_token: token.to_owned() }).await.active
        };
        assert!(!active(&thief.token).await);
        assert!(active(&owner.session.token).await, "another device's session goes on");
        let told = server.mail_to(&owner.person.email).await.subject;
        assert_eq!(told, "A device of Kasa was copied");
        begin_with(&kasa, &owner, &stolen).await;
        let mails = server.mails_to(&owner.person.email).await;
        assert_eq!(mails.iter().filter(|mail| mail.subject == told).count(), 1, "told once");
    }

    async fn a_product_that_trusts_no_device_any_more_trusts_none(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = trusted(&kasa, &owner).await;
        let relied_on = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        let never = prost_types::Duration { seconds: 0, nanos: 0 };
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(proto::ProductSettings { trusted_device: Some(never), ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["settings.trusted_device".into()] }),
            ..Default::default()
        };
        kasa.admin.ok(request).await;
        let request = proto::CompleteSignInRequest { subject: relied_on.subject(), ..Default::default() };
        assert_eq!(kasa.frontend.ok(request).await.session, None);
        let begun = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    }

    async fn the_eleventh_device_takes_the_place_of_the_oldest(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        for n in 0..12 {
            kasa.frontend.sign_in(&person, "kasa", &Device::new(&format!("device-{n}"))).await;
            server.clock.advance(Span::seconds(1));
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM devices").await, 10);
        let oldest = "SELECT count(*) FROM devices WHERE device_id IN ('device-0', 'device-1')";
        assert_eq!(raw::count(&server, oldest).await, 0);
    }

    async fn a_token_from_another_device_is_not_valid(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let mut subject = session.subject();
        subject.as_mut().unwrap().client = Some(Device::new("laptop").client());
        let request = proto::GetTwoStepStatusRequest { subject };
        assert_eq!(kasa.frontend.refused(request).await.name(), "SUBJECT_NOT_VALID");
    }
}
