//! Firebase Cloud Messaging: the access token, the message, and what each documented error means.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tidegate_core::{DeliveryProblem, Id, PushAddress, Span, Timestamp};

use super::{
    BEGIN, CountingEntropy,
    http_service::{ArrivedRequest, HttpService, IMPATIENT, Reply, TIMEOUT, failure, file, notification},
};
use crate::{
    FcmSettings, PushSettings, SetupError,
    transport::Push,
    trouble::{Remedy, Trouble},
};

pub(super) const TOKEN_PATH: &str = "/token";
const SEND_PATH: &str = "/v1/projects/kasa-1/messages:send";

/// The key of the service account. It is made once, because making it takes long.
fn account_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
}

/// The file as the Google Cloud console writes it.
pub(super) fn account_file() -> NamedTempFile {
    let account = json!({
        "type": "service_account",
        "project_id": "kasa-1",
        "private_key_id": "key-1",
        "private_key": account_key().serialize_pem(),
        "client_email": "push@kasa-1.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    file(&account.to_string())
}

fn granted() -> Reply {
    Reply::Say(
        200,
        json!({ "access_token": "ya29.a", "expires_in": 3_599, "token_type": "Bearer" }).to_string(),
    )
}

/// Grants tokens, and answers to messages with the script.
pub(super) async fn service(
    script: impl Fn(&ArrivedRequest) -> Reply + Send + Sync + 'static,
) -> HttpService {
    HttpService::start(move |request| if request.path == TOKEN_PATH { granted() } else { script(request) })
        .await
}

pub(super) fn settings(account: &NamedTempFile, service: &HttpService) -> FcmSettings {
    FcmSettings {
        account_file: account.path().to_owned(),
        project: None,
        base: service.url(""),
        token_url: Some(service.url(TOKEN_PATH)),
        timeout: TIMEOUT,
    }
}

fn open(settings: FcmSettings) -> Result<Push, SetupError> {
    Push::open(PushSettings { fcm: Some(settings), ..PushSettings::default() })
}

pub(super) fn push(service: &HttpService) -> Push {
    let account = account_file();
    open(settings(&account, service)).unwrap()
}

pub(super) async fn send(push: &Push, now: Timestamp) -> Result<(), Trouble> {
    let to = PushAddress::fcm("ann-device:1").unwrap();
    push.send(Id::MIN, &notification(to), now, &CountingEntropy(AtomicU64::new(0))).await
}

#[tokio::test]
async fn a_notification_is_sent_with_an_access_token() {
    let service =
        service(|_| Reply::Say(200, json!({ "name": "projects/kasa-1/messages/1" }).to_string())).await;
    send(&push(&service), BEGIN).await.unwrap();
    let [token, message] = &service.arrived()[..] else { panic!("two requests") };
    assert_eq!((message.path.as_str(), message.header("authorization")), (SEND_PATH, "Bearer ya29.a"));
    let challenge = notification(PushAddress::fcm("x").unwrap()).challenge.unwrap().to_string();
    assert_eq!(
        message.json(),
        json!({ "message": {
            "token": "ann-device:1",
            "notification": { "title": "Kasa", "body": "Melden Sie sich gerade an? \"Ja\"" },
            "data": { "challenge": challenge, "kind": "challenge" },
            "android": { "priority": "high", "ttl": "600s", "notification": { "tag": challenge } },
        } })
    );

    let form = token.form();
    let [(grant, kind), (assertion, signed)] = &form[..] else { panic!("two fields: {form:?}") };
    assert_eq!(
        (grant.as_str(), kind.as_str()),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    );
    assert_eq!(assertion, "assertion");
    let mut validation = Validation::new(Algorithm::RS256);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let key = DecodingKey::from_rsa_der(account_key().der_bytes());
    let signed = jsonwebtoken::decode::<Value>(signed, &key, &validation).unwrap();
    assert_eq!(signed.header.kid.as_deref(), Some("key-1"));
    assert_eq!(
        signed.claims,
        json!({
            "iss": "push@kasa-1.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": service.url(TOKEN_PATH),
            "iat": BEGIN.unix_seconds(),
            "exp": BEGIN.unix_seconds() + 3_600,
        })
    );
}

#[tokio::test]
async fn an_access_token_is_used_until_shortly_before_it_expires() {
    let service = service(|_| Reply::ok()).await;
    let push = push(&service);
    for (minute, fetched) in [(0, 1), (54, 1), (55, 2), (100, 2)] {
        send(&push, BEGIN.plus(Span::minutes(minute))).await.unwrap();
        assert_eq!(service.arrived_at(TOKEN_PATH).len(), fetched, "minute {minute}");
    }
}

#[tokio::test]
async fn notifications_at_the_same_time_fetch_one_access_token() {
    let service = service(|_| Reply::ok()).await;
    let push = push(&service);
    for sent in join_all((0..8).map(|_| send(&push, BEGIN))).await {
        sent.unwrap();
    }
    assert_eq!((service.arrived_at(TOKEN_PATH).len(), service.arrived_at(SEND_PATH).len()), (1, 8));
}

/// An error as FCM writes it.
fn error(status: u16, code: Option<&str>, field: Option<&str>) -> Reply {
    let mut details = Vec::new();
    if let Some(code) = code {
        let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
        details.push(json!({ "@type": kind, "errorCode": code }));
    }
    if let Some(field) = field {
        let violation = json!({ "field": field, "description": "ann-device:1 is wrong" });
        details.push(
            json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation] }),
        );
    }
    let error = json!({ "code": status, "message": "ann-device:1", "status": "…", "details": details });
    Reply::Say(status, json!({ "error": error }).to_string())
}

/// <https://firebase.google.com/docs/cloud-messaging/error-codes>
#[tokio::test]
async fn each_documented_error_decides_what_is_done() {
    use DeliveryProblem as P;
    let token = Some("message.token");
    for (status, code, field, expected) in [
        (404, Some("UNREGISTERED"), None, (P::Gone, Remedy::GiveUp)),
        (400, Some("INVALID_ARGUMENT"), token, (P::Gone, Remedy::GiveUp)),
        (400, Some("INVALID_ARGUMENT"), Some("message.data"), (P::Refused, Remedy::GiveUp)),
        (400, Some("INVALID_ARGUMENT"), None, (P::Gone, Remedy::GiveUp)),
        (400, None, Some("message.data[0].value"), (P::Refused, Remedy::GiveUp)),
        (400, None, None, (P::Refused, Remedy::GiveUp)),
        // A wrong project in the settings must not cost every owner their device.
        (404, None, None, (P::Transport, Remedy::Wait)),
        (401, None, None, (P::Transport, Remedy::Wait)),
        (401, Some("THIRD_PARTY_AUTH_ERROR"), None, (P::Transport, Remedy::Wait)),
        (403, Some("SENDER_ID_MISMATCH"), None, (P::Transport, Remedy::Wait)),
        (403, None, None, (P::Transport, Remedy::Wait)),
        (429, Some("QUOTA_EXCEEDED"), None, (P::RefusedForNow, Remedy::WaitFor(Span::seconds(60)))),
        (500, Some("INTERNAL"), None, (P::RefusedForNow, Remedy::Wait)),
        (503, Some("UNAVAILABLE"), None, (P::RefusedForNow, Remedy::Wait)),
    ] {
        let service = service(move |_| error(status, code, field)).await;
        let sent = send(&push(&service), BEGIN).await;
        let text = format!("{sent:?}");
        assert_eq!(failure(sent), expected, "{status} {code:?} {field:?}");
        assert!(!text.contains("ann"), "the answer quotes the address: {text}");
        assert_eq!(service.arrived_at(SEND_PATH).len(), 1, "{status} {code:?}");
    }
    let reply = |_: &_| Reply::With(503, ("retry-after", "30".to_owned()), "unavailable".to_owned());
    let service = service(reply).await;
    let sent = send(&push(&service), BEGIN).await;
    assert_eq!(failure(sent), (P::RefusedForNow, Remedy::WaitFor(Span::seconds(30))));
}

#[tokio::test]
async fn a_refused_access_token_is_not_used_again() {
    let first = AtomicUsize::new(0);
    let refuses_once = move |_: &_| match first.fetch_add(1, Ordering::Relaxed) {
        0 => error(401, None, None),
        _ => Reply::ok(),
    };
    let service = service(refuses_once).await;
    let push = push(&service);
    assert!(matches!(send(&push, BEGIN).await, Err(Trouble::NotAccepted { .. })));
    send(&push, BEGIN).await.unwrap();
    assert_eq!(service.arrived_at(TOKEN_PATH).len(), 2);
}

#[tokio::test]
async fn without_an_access_token_nothing_is_sent_and_nothing_is_lost() {
    use DeliveryProblem as P;
    let refused = json!({ "error": "invalid_grant", "error_description": "ann" }).to_string();
    let retry_after = ("retry-after", "30".to_owned());
    for (reply, expected) in [
        (Reply::Say(400, refused), (P::Transport, Remedy::Wait)),
        (Reply::Say(401, "no".to_owned()), (P::Transport, Remedy::Wait)),
        (Reply::Say(200, "<html>".to_owned()), (P::Transport, Remedy::Wait)),
        (Reply::Say(200, json!({ "access_token": 7 }).to_string()), (P::Transport, Remedy::Wait)),
        (Reply::Endless(200), (P::Transport, Remedy::Wait)),
        (Reply::Say(500, String::new()), (P::RefusedForNow, Remedy::Wait)),
        (
            Reply::With(503, retry_after, String::new()),
            (P::RefusedForNow, Remedy::WaitFor(Span::seconds(30))),
        ),
        (Reply::With(302, ("location", SEND_PATH.to_owned()), String::new()), (P::Transport, Remedy::Wait)),
    ] {
        let reply = Arc::new(std::sync::Mutex::new(Some(reply)));
        let service = HttpService::start(move |_| reply.lock().unwrap().take().unwrap()).await;
        assert_eq!(failure(send(&push(&service), BEGIN).await), expected);
        assert_eq!(service.arrived().len(), 1);
    }
}

/// FCM would refuse it like a wrong token, and the device would be taken for gone.
#[tokio::test]
async fn a_notification_that_is_too_long_is_not_sent() {
    let service = service(|_| error(400, Some("INVALID_ARGUMENT"), None)).await;
    let mut long = notification(PushAddress::fcm("ann-device:1").unwrap());
    long.text = "x".repeat(3_000);
    let sent = push(&service).send(Id::MIN, &long, BEGIN, &CountingEntropy(AtomicU64::new(0))).await;
    assert_eq!(failure(sent), (DeliveryProblem::Text, Remedy::GiveUp));
    assert_eq!(service.arrived().len(), 0);
}

#[tokio::test]
async fn a_service_that_hangs_is_not_waited_for() {
    let service = service(|_| Reply::Hang).await;
    let account = account_file();
    let push = open(FcmSettings { timeout: IMPATIENT, ..settings(&account, &service) }).unwrap();
    assert_eq!(failure(send(&push, BEGIN).await), (DeliveryProblem::TimedOut, Remedy::Wait));
}

#[tokio::test]
async fn settings_of_fcm_that_cannot_work_are_refused() {
    let service = service(|_| Reply::ok()).await;
    let account = account_file();
    let usual = || settings(&account, &service);
    let project = open(FcmSettings { project: Some("../x".to_owned()), ..usual() }).unwrap();
    send(&project, BEGIN).await.unwrap();
    assert_eq!(
        service.arrived_at("/v1/projects/..%2Fx/messages:send").len(),
        1,
        "a project is one part of the path"
    );
    let clear = FcmSettings { base: "http://fcm.googleapis.com".to_owned(), ..usual() };
    assert!(matches!(open(clear).err(), Some(SetupError::ServiceUrl { .. })));
    let no_key = json!({ "project_id": "a", "private_key_id": "b", "private_key": "c", "client_email": "d", "token_uri": "e" });
    for text in ["", "{}", &no_key.to_string()] {
        let account = file(text);
        let refused = open(settings(&account, &service)).err();
        assert!(matches!(refused, Some(SetupError::KeyFile { .. })), "{text}: {refused:?}");
    }
}
