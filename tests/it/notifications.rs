//! Notifications to devices: from the challenge to a push service that a test plays, and what its answer changes.

use std::sync::{Arc, Mutex, OnceLock};

use axum::{Router, body::to_bytes, extract::Request, http::StatusCode};
use proto::{Method, ProofOutcome as Outcome};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tidegate_core::{Clock as _, Span};
use tidegate_courier::{Courier, FcmSettings, PushSettings};
use tidegate_proto as proto;
use tidegate_tests::TIMEOUT;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    actor::Actor,
    devices::{Decides, PhoneOwner, paused},
    setting::Kasa,
    test_server::TestServer,
};

/// Firebase Cloud Messaging, which knows some devices by their tokens.
struct Firebase {
    url: String,
    account: NamedTempFile,
    known: &'static [&'static str],
    /// The tokens of the notifications that arrived, and their texts.
    arrived: Mutex<Vec<(String, String)>>,
    /// Where one answer waits, until the other end is dropped.
    held: Mutex<Option<HeldAnswer>>,
}

/// The first is told that a notification arrived; the answer waits for the second.
type HeldAnswer = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl Firebase {
    async fn knows(known: &'static [&'static str]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let account = NamedTempFile::new().unwrap();
        std::fs::write(account.path(), account_file()).unwrap();
        let (arrived, held) = (Mutex::default(), Mutex::default());
        let firebase = Arc::new(Self { url, account, known, arrived, held });
        let answering = firebase.clone();
        let pages = Router::new().fallback(async move |request: Request| answering.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, pages).await });
        firebase
    }

    fn settings(&self) -> PushSettings {
        let fcm = FcmSettings {
            account_file: self.account.path().to_owned(),
            project: None,
            base: self.url.clone(),
            token_url: Some(format!("{}/token", self.url)),
            timeout: TIMEOUT,
        };
        PushSettings { fcm: Some(fcm), ..PushSettings::default() }
    }

    async fn answer(&self, request: Request) -> (StatusCode, String) {
        match request.uri().path() {
            "/token" => {
                let granted =
                    json!({ "access_token": "ya29.a", "expires_in": 3_599, "token_type": "Bearer" });
                (StatusCode::OK, granted.to_string())
            }
            "/v1/projects/kasa-1/messages:send" => {
                let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
                self.send(str::from_utf8(&body).unwrap()).await
            }
            other => panic!("Firebase has no {other}"),
        }
    }

    async fn send(&self, body: &str) -> (StatusCode, String) {
        let message: Value = serde_json::from_str(body).unwrap();
        let token = message["message"]["token"].as_str().unwrap().to_owned();
        let is_known = self.known.contains(&token.as_str());
        self.arrived.lock().unwrap().push((token, body.to_owned()));
        let held = self.held.lock().unwrap().take();
        if let Some((arrived, answers)) = held {
            arrived.send(()).unwrap();
            answers.await.unwrap_err();
        }
        if is_known {
            return (StatusCode::OK, json!({ "name": "projects/kasa-1/messages/1" }).to_string());
        }
        // <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>
        let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
        let error = json!({
            "code": 404,
            "message": "Requested entity was not found.",
            "status": "NOT_FOUND",
            "details": [{ "@type": kind, "errorCode": "UNREGISTERED" }],
        });
        (StatusCode::NOT_FOUND, json!({ "error": error }).to_string())
    }

    /// Holds the next answer back. The first end says when the notification has arrived; dropping the second lets the answer go.
    fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((arrived, has_arrived), (answer, answers)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap() = Some((arrived, answers));
        (has_arrived, answer)
    }

    fn notified(&self) -> Vec<String> {
        self.arrived.lock().unwrap().iter().map(|(token, _)| token.clone()).collect()
    }
}

/// The key of a service account as the Google Cloud console writes it. It is made once, because making it takes long.
fn account_file() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let account = json!({
            "type": "service_account",
            "project_id": "kasa-1",
            "private_key_id": "key-1",
            "private_key": key.serialize_pem(),
            "client_email": "push@kasa-1.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        account.to_string()
    })
}

/// The device calls, with this address from now on.
async fn calls_from(owner: &PhoneOwner, token: &str) {
    let device = owner.phone.proof("ListPushes", owner.app.server.clock.now(), &format!("fcm {token}"));
    let address = Some(proto::push_address::Address::FcmToken(token.to_owned()));
    let push_address = Some(proto::PushAddress { address });
    owner.app.ok(proto::ListPushesRequest { device, push_address }).await;
}

/// The facts of one kind, the newest first.
async fn facts(admin: &Actor, kind: &str) -> Vec<Value> {
    let filter = Some(proto::EventFilter { kinds: vec![kind.to_owned()], ..Default::default() });
    let listed = admin.ok(proto::ListEventsRequest { filter, ..Default::default() }).await;
    listed.events.iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect()
}

async fn courier(server: &TestServer, firebase: &Firebase) -> Courier {
    // Mails are out of the way.
    server.courier.drain_once().await.unwrap();
    server.courier_with(firebase.settings())
}

on_both! {
    async fn a_device_that_firebase_does_not_know_any_more_is_asked_nothing_until_it_calls(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        calls_from(&owner, "old-token").await;
        let firebase = Firebase::knows(&["new-token"]).await;
        let courier = courier(&server, &firebase).await;

        let asked = kasa.prompted(&owner, "tablet").await;
        assert_eq!(courier.drain_once().await.unwrap(), 0);
        assert_eq!(firebase.notified(), ["old-token"]);
        let [failed] = facts(&kasa.admin, "delivery_failed").await.try_into().unwrap();
        assert_eq!((&failed["channel"], &failed["why"]), (&json!("push"), &json!("gone")));
        let factor = vec![json!({ "factor": owner.phone.factor })];
        assert_eq!(facts(&kasa.admin, "device_unreachable").await, factor);
        let list = proto::ListDeliveriesRequest { page_size: 1, ..Default::default() };
        let delivery = kasa.admin.ok(list).await.deliveries.remove(0);
        assert_eq!(delivery.state(), proto::DeliveryState::Failed);
        assert_eq!((delivery.problem(), delivery.tries), (proto::DeliveryProblem::Gone, 1));

        assert_eq!(paused(&kasa, &owner).await, Some(("unreachable".into(), None)));
        assert_eq!(courier.drain_once().await.unwrap(), 0, "a refused challenge sends nothing");
        // The owner opens the app, which has a new address. The prompt still waits there.
        calls_from(&owner, "new-token").await;
        let push = owner.pushes().await.remove(0);
        assert_eq!(owner.decides(&push, Decides::Approves(&asked.number)).await, Outcome::Approved);
        assert_eq!(facts(&kasa.admin, "device_reached").await, [&factor[..], &factor].concat(), "once for each address");

        let asked = kasa.prompted(&owner, "laptop").await;
        assert_eq!(courier.drain_once().await.unwrap(), 1);
        assert_eq!(firebase.notified(), ["old-token", "new-token"]);
        let (_, text) = firebase.arrived.lock().unwrap().pop().unwrap();
        assert!(text.contains(&asked.challenge), "{text}");
    }

    async fn inv_49_an_answer_after_the_end_of_the_delivery_changes_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        calls_from(&owner, "old-token").await;
        let firebase = Firebase::knows(&[]).await;
        let slow = courier(&server, &firebase).await;
        kasa.prompted(&owner, "tablet").await;
        let (arrived, answer) = firebase.hold();
        let sending = tokio::spawn(async move { slow.drain_once().await });
        arrived.await.unwrap();
        // The claim and the prompt are over, so another worker ends the delivery.
        server.clock.advance(Span::seconds(60));
        server.courier.drain_once().await.unwrap();
        drop(answer);
        assert_eq!(sending.await.unwrap().unwrap(), 0);
        assert_eq!(facts(&kasa.admin, "delivery_failed").await[0]["why"], "expired");
        assert_eq!(facts(&kasa.admin, "device_unreachable").await, Vec::<Value>::new());
        assert_eq!(paused(&kasa, &owner).await, None, "a pause without an event");
    }
}
