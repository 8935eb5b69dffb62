//! A server among servers of a newer version: it refuses to decide by what it cannot read, says that it is not ready,
//! and changes nothing of it (INV-44).

use tidegate_core::Role;
use tidegate_proto as proto;
use tidegate_service::{Pulses, Unready};
use tidegate_tests::TIMEOUT;

use crate::{
    actor::Actor,
    arrange::Person,
    manage::{Managed, mask},
    owner::{Device, Session, SignIn},
    raw,
    test_server::TestServer,
};

/// What a newer version may have written into a rollout, and how: a field of the whole, of a wave, a test of an audience, a
/// word of an enum.
const ROLLOUTS: [(&str, &str); 4] = [
    (r#"{"key""#, r#"{"pace":1,"key""#),
    (r#"{"ordinal""#, r#"{"dwell":60,"ordinal""#),
    (r#""audience":null"#, r#""audience":{"test":{"account_age":[18]}}"#),
    (r#""state":"live""#, r#""state":"soaking""#),
];

/// The same for the settings of a product.
const SETTINGS: [(&str, &str); 3] = [
    (r#"{"link_url""#, r#"{"captcha":true,"link_url""#),
    (r#"{"method""#, r#"{"captcha":true,"method""#),
    (r#""method":"totp""#, r#""method":"voice""#),
];

struct OlderServer {
    server: TestServer,
    operator: Actor,
    rollout: Managed,
    app: Actor,
    ann: Person,
    session: Session,
}

impl OlderServer {
    async fn new(server: &TestServer) -> Self {
        let operator = server.operator();
        operator.product("kasa").await;
        let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
        let rollout = Managed::new(&operator, &operator.start(&draft).await).quiet();
        let app = server.actor("app", Role::Frontend).await.quiet();
        let ann = operator.person("ann").await;
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        Self { server: server.clone(), operator, rollout, app, ann, session }
    }

    /// The names of the errors of the calls that decide, and of one that changes; empty where one succeeds.
    async fn refusals(&self, begun: &SignIn) -> Vec<String> {
        fn name<T>(answer: Result<T, tidegate_client::Refused>) -> String {
            answer.err().map(|refused| refused.name().to_owned()).unwrap_or_default()
        }
        let evaluate = proto::EvaluateRequest { product: "kasa".into(), account: self.ann.id.clone() };
        let introspect = proto::IntrospectRequest { session_token: self.session.token.clone() };
        vec![
            name(self.app.call(evaluate).await),
            name(self.app.call(self.app.begin_request(&self.ann, "kasa", &tablet())).await),
            name(self.app.finish(begun, &tablet()).await),
            name(self.app.call(introspect).await),
        ]
    }

    /// A sign-in that begins before the newer version writes.
    async fn begun(&self) -> SignIn {
        self.app.begin(&self.ann, "kasa", &tablet()).await
    }

    async fn retitled(&self) -> String {
        let request = proto::UpdateRolloutRequest {
            rollout: self.rollout.key.clone(),
            etag: self.rollout.etag(),
            title: "Two steps".into(),
            update_mask: mask("title"),
            ..Default::default()
        };
        self.operator.call(request).await.err().map(|refused| refused.name().to_owned()).unwrap_or_default()
    }

    /// Another replica wrote, so what is cached of the realm is dropped, as an event of the other replica does.
    async fn dropped(&self, name: &str) {
        self.operator.rollout(name, &["kasa"], &[]).await;
    }

    async fn documents(&self) -> Vec<String> {
        let sql = "SELECT document FROM rollouts UNION ALL SELECT settings FROM products ORDER BY 1";
        raw::rows(&self.server, sql).await
    }
}

fn tablet() -> Device {
    Device::new("tablet")
}

const AWAY: &str = "UNAVAILABLE";

on_both! {
    async fn inv_44_a_newer_rollout_is_not_decided_by(server) {
        let world = OlderServer::new(&server).await;
        let pulses = Pulses::new(server.app.clone(), raw::realm(&server).await, TIMEOUT);
        for (number, (old, new)) in ROLLOUTS.iter().enumerate() {
            let set = async |from: &str, to: &str| {
                let sql = format!(
                    "UPDATE rollouts SET revision = revision + 1, document = replace(document, '{from}', '{to}') \
                     WHERE rollout_key = 'two-step'"
                );
                raw::change(&server, &sql).await;
            };
            let begun = world.begun().await;
            set(old, new).await;
            world.dropped(&format!("other-{number}")).await;
            let before = world.documents().await;
            assert!(before.iter().any(|document| document.contains(new)), "{new} was written");
            assert_eq!(world.refusals(&begun).await, [AWAY; 4], "{new}");
            assert_eq!(world.retitled().await, AWAY, "{new}");
            assert_eq!(pulses.take().await, Some(Unready::NewerDocument), "it is not ready: {new}");
            assert_eq!(world.documents().await, before, "nothing was written over: {new}");
            set(new, old).await;
            assert_eq!(pulses.take().await, None, "it is ready again: {new}");
            assert_eq!(world.refusals(&begun).await, [""; 4], "{new}");
        }
    }

    async fn inv_44_newer_settings_are_not_decided_by(server) {
        let world = OlderServer::new(&server).await;
        for (number, (old, new)) in SETTINGS.iter().enumerate() {
            let set = async |from: &str, to: &str| {
                let sql = format!("UPDATE products SET settings = replace(settings, '{from}', '{to}')");
                raw::change(&server, &sql).await;
            };
            let begun = world.begun().await;
            set(old, new).await;
            let tried = proto::CreateRolloutRequest {
                key: format!("other-{number}"), title: "Other".into(), products: vec!["kasa".into()], ..Default::default()
            };
            // It reads the product, so it drops nothing that is cached; a pause does.
            assert_eq!(world.operator.refused(tried).await.name(), AWAY);
            world.rollout.pause().await;
            let before = world.documents().await;
            assert_eq!(world.refusals(&begun).await, [AWAY; 4], "{new}");
            let title = proto::UpdateProductRequest {
                product: "kasa".into(), etag: "r1".into(), title: "Kasa".into(), update_mask: mask("title"), ..Default::default()
            };
            assert_eq!(world.operator.refused(title).await.name(), AWAY, "{new}");
            assert!(!server.app.reads_all_documents().await.unwrap(), "it is not ready: {new}");
            assert_eq!(world.documents().await, before, "nothing was written over: {new}");
            set(new, old).await;
            world.rollout.resume().await;
            assert!(server.app.reads_all_documents().await.unwrap(), "it is ready again: {new}");
            assert_eq!(world.refusals(&begun).await, [""; 4], "{new}");
        }
    }
}

/// A replica that has an old revision in its cache decides by it until it looks at what others wrote, and no longer.
#[tokio::test]
async fn inv_44_a_cached_revision_is_not_decided_by_after_a_look() {
    let server = TestServer::postgres().await;
    let world = OlderServer::new(&server).await;
    let there = server.replica().await;
    let look = async || {
        server.app.follow().await.unwrap();
        there.app.follow().await.unwrap();
    };
    look().await;
    let app = world.app.at(there.channel.clone());
    let evaluate = proto::EvaluateRequest { product: "kasa".into(), account: world.ann.id.clone() };
    let introspect = proto::IntrospectRequest { session_token: world.session.token.clone() };
    app.ok(evaluate.clone()).await;
    app.ok(introspect.clone()).await;
    // The newer server's change, with its event, which an older one knows.
    world.rollout.pause().await;
    let (old, new) = ROLLOUTS[0];
    raw::change(&server, &format!("UPDATE rollouts SET document = replace(document, '{old}', '{new}')"))
        .await;
    app.ok(evaluate.clone()).await;
    there.app.follow().await.unwrap();
    assert_eq!(app.refused(evaluate).await.name(), AWAY);
    assert_eq!(app.refused(introspect).await.name(), AWAY);
    assert!(!there.app.reads_all_documents().await.unwrap());
}
