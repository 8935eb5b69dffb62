//! Introspection from memory: what it answers, and what ends it.

use std::time::Duration;

use tidegate_core::{Role, Span};
use tidegate_proto as proto;
use tidegate_service::{App, Freshness, Parts};

use crate::{
    actor::Actor,
    owner::{Device, Session},
    raw,
    setting::Kasa,
    test_server::{CredentialSpec, TestServer},
};

const MICROSECOND: Span = Span::from_micros(1);

async fn introspected(app: &Actor, token: &str) -> proto::IntrospectResponse {
    app.ok(proto::IntrospectRequest { session_token: token.to_owned() }).await
}

async fn is_active(app: &Actor, session: &Session) -> bool {
    introspected(app, &session.token).await.active
}

/// Reads the session into memory, and ends it in the database so that nobody is told. From then on only an answer from memory
/// is "active".
async fn remember(kasa: &Kasa, session: &Session) {
    assert!(is_active(&kasa.frontend, session).await);
    raw::change(&kasa.server, "UPDATE sessions SET end_reason = 'revoked' WHERE end_reason IS NULL").await;
}

/// A person signed in at the product, whose server follows what others write.
async fn signed_in(server: &TestServer) -> (Kasa, Session) {
    let kasa = Kasa::open(server).await;
    server.app.follow().await.unwrap();
    let person = kasa.admin.person("ann").await;
    let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
    (kasa, session)
}

/// Sessions that begin from now on end by their age alone, so many days after they began.
async fn never_idle(kasa: &Kasa, product: &str, days: i64) {
    let span = |days: i64| Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 });
    let settings =
        proto::ProductSettings { session_idle: span(30), session_absolute: span(days), ..Default::default() };
    let paths = ["settings.session_idle", "settings.session_absolute"].map(str::to_owned).to_vec();
    let request = proto::UpdateProductRequest {
        product: product.into(),
        etag: "r1".into(),
        settings: Some(settings),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..Default::default()
    };
    kasa.admin.ok(request).await;
}

/// How long until the instant.
fn until(server: &TestServer, at: Option<prost_types::Timestamp>) -> Span {
    let at = at.unwrap();
    Span::from_micros(at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000 - server.now().unix_micros())
}

on_both! {
    async fn a_session_is_answered_from_memory_for_a_minute_after_its_last_use(server) {
        let (kasa, session) = signed_in(&server).await;
        let read = introspected(&kasa.frontend, &session.token).await;
        remember(&kasa, &session).await;
        server.clock.advance(Span::minutes(1).minus(MICROSECOND));
        assert_eq!(introspected(&kasa.frontend, &session.token).await, read, "the same answer");
        server.clock.advance(MICROSECOND);
        assert!(!is_active(&kasa.frontend, &session).await, "the call that writes the last use reads it");
    }

    /// The last use is kept, however the session was answered.
    async fn a_session_that_is_answered_from_memory_does_not_go_idle(server) {
        let (kasa, session) = signed_in(&server).await;
        for _ in 0..300 {
            server.clock.advance(Span::seconds(30));
            assert!(is_active(&kasa.frontend, &session).await);
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM sessions WHERE last_used_at > created_at").await, 1);
        server.clock.advance(Span::hours(1).minus(MICROSECOND));
        assert!(is_active(&kasa.frontend, &session).await);
        server.clock.advance(Span::hours(1));
        assert!(!is_active(&kasa.frontend, &session).await);
    }

    async fn inv_23_a_session_that_is_in_memory_ends_at_once_where_it_is_ended(server) {
        let kasa = Kasa::open(&server).await;
        server.app.follow().await.unwrap();
        kasa.admin.refreshing("kasa", Span::days(30)).await;
        let person = kasa.admin.person("ann").await;
        let own = kasa.frontend.sign_in(&person, "kasa", &Device::new("own")).await;
        let sessions: [Session; 3] = [
            kasa.frontend.sign_in(&person, "kasa", &Device::new("revoked")).await,
            kasa.frontend.sign_in(&person, "kasa", &Device::new("replaced")).await,
            kasa.frontend.sign_in(&person, "kasa", &Device::new("refreshed")).await,
        ];
        for session in &sessions {
            assert!(is_active(&kasa.frontend, session).await);
        }
        let [revoked, replaced, refreshed] = sessions;
        let request = proto::RevokeSessionRequest { subject: own.subject(), session_id: revoked.id.clone(), ..Default::default() };
        kasa.frontend.ok(request).await;
        assert!(!is_active(&kasa.frontend, &revoked).await);
        kasa.frontend.sign_in(&person, "kasa", &Device::new("replaced")).await;
        assert!(!is_active(&kasa.frontend, &replaced).await);
        let (refresh_token, client) = (refreshed.answer.refresh_token.clone(), Some(Device::new("refreshed").client()));
        let new = kasa.frontend.ok(proto::RefreshSessionRequest { refresh_token, client, ..Default::default() }).await;
        assert!(!is_active(&kasa.frontend, &refreshed).await);
        assert!(introspected(&kasa.frontend, &new.session_token).await.active);
        kasa.frontend.ok(proto::RevokeAllSessionsRequest { subject: own.subject(), ..Default::default() }).await;
        assert!(!introspected(&kasa.frontend, &new.session_token).await.active);
        assert!(!is_active(&kasa.frontend, &own).await);
    }

    async fn a_session_in_memory_expires_at_its_instant(server) {
        let kasa = Kasa::open(&server).await;
        server.app.follow().await.unwrap();
        never_idle(&kasa, "kasa", 1).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        server.clock.advance(Span::hours(24).minus(Span::seconds(30)));
        remember(&kasa, &session).await;
        server.clock.advance(Span::seconds(30).minus(MICROSECOND));
        assert!(is_active(&kasa.frontend, &session).await, "from memory");
        server.clock.advance(MICROSECOND);
        assert!(!is_active(&kasa.frontend, &session).await);
    }

    async fn inv_16_a_session_in_memory_fails_at_its_reauthentication(server) {
        let (kasa, _) = signed_in(&server).await;
        let owner = kasa.owner("bob").await;
        kasa.admin.product("tapo").await;
        never_idle(&kasa, "tapo", 30).await;
        let session = kasa.frontend.sign_in(&owner.person, "tapo", &Device::new("phone")).await;
        assert!(is_active(&kasa.frontend, &session).await);
        let rollout = kasa.admin.rollout("tapo-too", &["tapo"], &[1_000_000]).await;
        kasa.admin.start(&rollout).await;
        let met_less = introspected(&kasa.frontend, &session.token).await.session.unwrap();
        server.clock.advance(until(&server, met_less.reauth_time).minus(Span::seconds(30)));
        remember(&kasa, &session).await;
        server.clock.advance(Span::seconds(30).minus(MICROSECOND));
        assert!(is_active(&kasa.frontend, &session).await, "from memory");
        server.clock.advance(MICROSECOND);
        assert!(!is_active(&kasa.frontend, &session).await);
    }

    async fn inv_59_a_session_in_memory_is_not_active_for_another_product(server) {
        let (kasa, session) = signed_in(&server).await;
        kasa.admin.product("tapo").await;
        assert!(is_active(&kasa.frontend, &session).await);
        let tapo = CredentialSpec { products: &["tapo"], ..CredentialSpec::of(Role::Frontend) };
        let tapo = server.with_credential("tapo", tapo).await.quiet();
        assert!(!is_active(&tapo, &session).await);
    }

    /// A change of the account is an event, after which its state is read again.
    async fn inv_27_a_session_in_memory_ends_with_its_account(server) {
        let (kasa, session) = signed_in(&server).await;
        assert!(is_active(&kasa.frontend, &session).await);
        raw::change(&server, "UPDATE accounts SET state = 'suspended'").await;
        assert!(is_active(&kasa.frontend, &session).await, "from memory");
        let request = proto::UpdateAccountRequest {
            account: "ann".into(), country: "DE".into(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["country".into()] }), ..Default::default()
        };
        kasa.admin.ok(request).await;
        assert!(!is_active(&kasa.frontend, &session).await);
    }

    async fn inv_51_a_server_that_does_not_follow_answers_nothing_from_memory(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let parts = server.parts(&server.store);
        let settings = tidegate_service::Settings { freshness: Freshness::Followed(Duration::ZERO), ..parts.settings.clone() };
        let stalled = App::new(Parts { settings, ..parts });
        // It has followed once, and what it knows since is too old at once.
        stalled.follow().await.unwrap();
        let stalled = server.served(server.store.clone(), stalled).await;
        let app = kasa.frontend.at(stalled.channel.clone());
        assert!(is_active(&app, &session).await);
        raw::change(&server, "UPDATE sessions SET end_reason = 'revoked'").await;
        assert!(!is_active(&app, &session).await);
    }
}

/// Another replica answers from memory until it has followed the event, which is less than a second.
#[tokio::test]
async fn inv_23_a_session_in_the_memory_of_another_replica_ends_when_its_end_is_followed() {
    let server = TestServer::postgres().await;
    let (kasa, own) = signed_in(&server).await;
    kasa.admin.refreshing("kasa", Span::days(30)).await;
    let there = server.replica().await;
    let elsewhere = kasa.frontend.at(there.channel.clone());
    let person = kasa.admin.known("ann").await;
    // What was written before is not followed again.
    let settled = async || {
        server.seal().await;
        there.app.follow().await.unwrap();
    };
    for (n, seal) in [false, true].into_iter().enumerate() {
        let device = Device::new(&format!("phone-{n}"));
        let session = kasa.frontend.sign_in(&person, "kasa", &device).await;
        settled().await;
        assert!(is_active(&elsewhere, &session).await);
        let (refresh_token, client) = (session.answer.refresh_token.clone(), Some(device.client()));
        let request = proto::RefreshSessionRequest { refresh_token, client, ..Default::default() };
        let new = kasa.frontend.ok(request).await;
        assert!(is_active(&elsewhere, &session).await, "from memory");
        if seal {
            server.seal().await;
        }
        there.app.follow().await.unwrap();
        assert!(!is_active(&elsewhere, &session).await);
        settled().await;
        let session = Session { token: new.session_token, ..session };
        assert!(is_active(&elsewhere, &session).await);
        let request =
            proto::RevokeAllSessionsRequest { subject: own.subject(), keep_own: true, ..Default::default() };
        kasa.frontend.ok(request).await;
        assert!(is_active(&elsewhere, &session).await, "from memory");
        if seal {
            server.seal().await;
        }
        there.app.follow().await.unwrap();
        assert!(!is_active(&elsewhere, &session).await);
    }
}
