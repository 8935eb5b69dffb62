//! What owners see of their sessions and devices, and how they end them.

use tidegate_core::Role;
use tidegate_proto::{self as proto, subject::Who};

use crate::{
    owner::{Device, Session, subject},
    setting::Kasa,
};

async fn listed(kasa: &Kasa, session: &Session) -> Vec<proto::ListedSession> {
    kasa.frontend.ok(proto::ListSessionsRequest { subject: session.subject() }).await.sessions
}

on_both! {
    async fn an_owner_finds_the_session_that_is_not_theirs(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("camera").await;
        let person = kasa.admin.person("ann").await;
        let own = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let client = proto::ClientContext {
            device_id: "strange".into(), ip: "192.0.2.7".into(), user_agent: "Firefox".into(), ..Default::default()
        };
        let request = proto::BeginSignInRequest {
            client: Some(client.clone()),
            ..kasa.frontend.begin_request(&person, "camera", &Device::new("strange"))
        };
        let mut subject = subject(Who::SignInToken(kasa.frontend.ok(request).await.sign_in_token));
        subject.as_mut().unwrap().client = Some(client);
        let complete = proto::CompleteSignInRequest { subject, ..Default::default() };
        let theirs = kasa.frontend.ok(complete).await;
        let found = listed(&kasa, &own).await;
        assert_eq!(found.iter().map(|one| one.own).collect::<Vec<_>>(), [false, true]);
        assert_eq!((found[0].client.as_str(), found[0].device_id.as_str()), ("Firefox, 192.0.2.7", "strange"));
        let session_id = found[0].session.clone().unwrap().id;
        assert_eq!(theirs.session.unwrap().id, session_id);
        let revoke = proto::RevokeSessionRequest { subject: own.subject(), session_id, ..Default::default() };
        assert!(kasa.frontend.ok(revoke).await.ended);
        assert_eq!(listed(&kasa, &own).await.len(), 1);
    }

    async fn inv_23_who_signs_out_everywhere_is_signed_out_on_every_replica(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let own = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let others = [
            kasa.frontend.sign_in(&person, "kasa", &Device::new("tablet")).await,
            kasa.frontend.sign_in(&person, "kasa", &Device::new("laptop")).await,
        ];
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("slow")).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        let is_active = async |session: &Session| {
            elsewhere.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await.active
        };
        for session in &others {
            assert!(is_active(session).await);
        }
        let revoke = |keep_own| proto::RevokeAllSessionsRequest { subject: own.subject(), keep_own, ..Default::default() };
        assert_eq!(kasa.frontend.ok(revoke(true)).await.ended_count, 2);
        for session in &others {
            assert!(!is_active(session).await);
        }
        assert!(is_active(&own).await);
        let complete = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(complete).await.name(), "SUBJECT_NOT_VALID");
        assert_eq!(kasa.frontend.ok(revoke(false)).await.ended_count, 1);
        assert!(!is_active(&own).await);
    }

    async fn inv_25_a_device_that_is_forgotten_is_neither_trusted_nor_known(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        let on_tablet = kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let list = proto::ListTrustedDevicesRequest { subject: owner.session.subject() };
        let devices = kasa.frontend.ok(list.clone()).await.devices;
        let trusted: Vec<_> = devices.iter().map(|one| (one.device_id.as_str(), one.trusted_until_time.is_some())).collect();
        assert_eq!(trusted, [("tablet", true), ("first", false)]);
        let forget = proto::RevokeTrustedDeviceRequest {
            subject: owner.session.subject(), product: "kasa".into(), device_id: "tablet".into(), ..Default::default()
        };
        assert!(kasa.frontend.ok(forget.clone()).await.revoked);
        assert!(!kasa.frontend.ok(forget).await.revoked);
        assert_eq!(kasa.frontend.ok(list).await.devices.len(), 1);
        let active = kasa.frontend.ok(proto::IntrospectRequest { session_token: on_tablet.token }).await.active;
        assert!(!active, "the sessions of the device end");
        let begun = kasa.frontend.begin(&owner.person, "kasa", &tablet).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    }

    async fn support_sees_sessions_and_devices_with_a_reason_and_ends_none(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let support = server.actor("support", Role::Support).await.quiet();
        let on = || subject(Who::OnBehalf(proto::OnBehalf {
            account: "ann".into(), product: "kasa".into(), reason: "ticket 7".into(),
        }));
        assert_eq!(support.ok(proto::ListSessionsRequest { subject: on() }).await.sessions.len(), 1);
        assert_eq!(support.ok(proto::ListTrustedDevicesRequest { subject: on() }).await.devices.len(), 1);
        let revoke = proto::RevokeAllSessionsRequest { subject: on(), ..Default::default() };
        assert_eq!(support.refused(revoke).await.name(), "PERMISSION_DENIED");
    }
}
