//! Trusted devices: what ends a token series, and what then becomes of a sign-in that relied on it (INV-25).

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::Device,
    raw,
    setting::{Kasa, Owner},
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

on_both! {
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
