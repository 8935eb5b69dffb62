//! Apple's push service: HTTP/2, the provider token, and what each documented reason means.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::http::Version;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use p256::{
    SecretKey,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};
use serde_json::{Value, json};
use tidegate_core::{DeliveryId, DeliveryProblem, Id, PushAddress, Span, Timestamp};

use super::{
    BEGIN, CountingEntropy,
    http_service::{HttpService, IMPATIENT, Reply, TIMEOUT, failure, file, notification},
};
use crate::{
    ApnsSettings, PushSettings, SetupError,
    transport::Push,
    trouble::{Remedy, Trouble},
};

const DELIVERY: DeliveryId = Id::from_uuid_bytes([0xab; 16]);

fn developer_key() -> SecretKey {
    SecretKey::from_slice(&[3; 32]).unwrap()
}

fn try_push(pem: &str, base: String, timeout: Duration) -> Result<Push, SetupError> {
    let key = file(pem);
    let apns = ApnsSettings {
        key_file: key.path().to_owned(),
        key_id: "KEY1234567".to_owned(),
        team_id: "TEAM123456".to_owned(),
        topic: "example.kasa".to_owned(),
        base,
        timeout,
    };
    Push::open(PushSettings { apns: Some(apns), ..PushSettings::default() })
}

pub(super) fn push(service: &HttpService) -> Push {
    try_push(&developer_key().to_pkcs8_pem(LineEnding::LF).unwrap(), service.url(""), TIMEOUT).unwrap()
}

pub(super) async fn send(push: &Push, now: Timestamp) -> Result<(), Trouble> {
    let to = PushAddress::apns(&"AB".repeat(32)).unwrap();
    push.send(DELIVERY, &notification(to), now, &CountingEntropy(AtomicU64::new(0))).await
}

/// An answer as Apple writes it.
fn reason(status: u16, reason: &str) -> Reply {
    Reply::Say(status, json!({ "reason": reason }).to_string())
}

#[tokio::test]
async fn a_notification_is_sent_over_http_2_with_a_provider_token() {
    let service = HttpService::start(|_| Reply::ok()).await;
    send(&push(&service), BEGIN).await.unwrap();
    let [request] = &service.arrived()[..] else { panic!("one request") };
    assert_eq!(request.version, Version::HTTP_2);
    assert_eq!(request.path, format!("/3/device/{}", "ab".repeat(32)));
    let challenge = notification(PushAddress::fcm("x").unwrap()).challenge.unwrap().to_string();
    let expiration = (BEGIN.unix_seconds() + 600).to_string();
    for (header, value) in [
        ("apns-topic", "example.kasa"),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", &expiration),
        ("apns-id", "abababab-abab-abab-abab-abababababab"),
        ("apns-collapse-id", &challenge),
    ] {
        assert_eq!(request.header(header), value, "{header}");
    }
    let alert = json!({ "title": "Kasa", "body": "Melden Sie sich gerade an? \"Ja\"" });
    assert_eq!(request.json(), json!({ "aps": { "alert": alert }, "challenge": challenge }));

    let token = request.header("authorization").strip_prefix("Bearer ").unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    (validation.validate_exp, validation.required_spec_claims) = (false, [].into());
    let pem = developer_key().public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let key = DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let token = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("KEY1234567"));
    assert_eq!(token.claims, json!({ "iss": "TEAM123456", "iat": BEGIN.unix_seconds() }));
}

/// Apple refuses a token that is older than an hour, and more than one in 20 minutes.
#[tokio::test]
async fn a_provider_token_is_renewed_between_20_and_60_minutes() {
    let service = HttpService::start(|_| Reply::ok()).await;
    let push = push(&service);
    for minute in [0, 20, 39, 40, 59, 80] {
        send(&push, BEGIN.plus(Span::minutes(minute))).await.unwrap();
    }
    let requests = service.arrived();
    let mut tokens: Vec<_> = requests.iter().map(|request| request.header("authorization")).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "at minutes 0, 40 and 80");
}

#[tokio::test]
async fn an_expired_provider_token_is_renewed_once() {
    let requests = AtomicU64::new(0);
    let script = move |_: &_| match requests.fetch_add(1, Ordering::Relaxed) {
        1 => reason(403, "ExpiredProviderToken"),
        _ => Reply::ok(),
    };
    let service = HttpService::start(script).await;
    let push = push(&service);
    send(&push, BEGIN).await.unwrap();
    send(&push, BEGIN.plus(Span::minutes(30))).await.unwrap();
    let [first, refused, renewed] = &service.arrived()[..] else { panic!("three requests") };
    assert_eq!(first.header("authorization"), refused.header("authorization"));
    assert_ne!(refused.header("authorization"), renewed.header("authorization"));
}

/// Apple would answer `TooManyProviderTokenUpdates`.
#[tokio::test]
async fn a_young_provider_token_is_not_renewed() {
    let service = HttpService::start(|_| reason(403, "ExpiredProviderToken")).await;
    let push = push(&service);
    for minute in [0, 19] {
        let sent = send(&push, BEGIN.plus(Span::minutes(minute))).await;
        assert_eq!(failure(sent), (DeliveryProblem::Transport, Remedy::Wait));
    }
    assert_eq!(service.arrived().len(), 2);
    assert_eq!(
        failure(send(&push, BEGIN.plus(Span::minutes(20))).await),
        (DeliveryProblem::Transport, Remedy::Wait)
    );
    assert_eq!(service.arrived().len(), 4, "once more with another token, and not again");
}

/// <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
#[tokio::test]
async fn each_documented_reason_decides_what_is_done() {
    use DeliveryProblem as P;
    for (status, why, expected) in [
        (400, "BadDeviceToken", (P::Gone, Remedy::GiveUp)),
        (400, "DeviceTokenNotForTopic", (P::Gone, Remedy::GiveUp)),
        (410, "Unregistered", (P::Gone, Remedy::GiveUp)),
        (410, "ExpiredToken", (P::Gone, Remedy::GiveUp)),
        (400, "BadTopic", (P::Transport, Remedy::Wait)),
        (400, "TopicDisallowed", (P::Transport, Remedy::Wait)),
        (400, "IdleTimeout", (P::Transport, Remedy::Wait)),
        (400, "BadExpirationDate", (P::Refused, Remedy::GiveUp)),
        (400, "ann's device", (P::Refused, Remedy::GiveUp)),
        (403, "InvalidProviderToken", (P::Transport, Remedy::Wait)),
        (403, "Forbidden", (P::Transport, Remedy::Wait)),
        (404, "BadPath", (P::Transport, Remedy::Wait)),
        (405, "MethodNotAllowed", (P::Transport, Remedy::Wait)),
        (413, "PayloadTooLarge", (P::Text, Remedy::GiveUp)),
        (429, "TooManyRequests", (P::RefusedForNow, Remedy::Wait)),
        (429, "TooManyProviderTokenUpdates", (P::RefusedForNow, Remedy::Wait)),
        (500, "InternalServerError", (P::RefusedForNow, Remedy::Wait)),
        (503, "Shutdown", (P::RefusedForNow, Remedy::Wait)),
    ] {
        let service = HttpService::start(move |_| reason(status, why)).await;
        let sent = send(&push(&service), BEGIN).await;
        let text = format!("{sent:?}");
        assert_eq!(failure(sent), expected, "{status} {why}");
        assert!(!text.contains("ann"), "only known reasons are logged: {text}");
        assert_eq!(service.arrived().len(), 1, "{status} {why}");
    }
    let reply = |_: &_| Reply::With(503, ("retry-after", "30".to_owned()), String::new());
    let service = HttpService::start(reply).await;
    let sent = send(&push(&service), BEGIN).await;
    assert_eq!(failure(sent), (P::RefusedForNow, Remedy::WaitFor(Span::seconds(30))));
}

#[tokio::test]
async fn an_answer_of_apns_that_makes_no_sense_loses_nothing() {
    use DeliveryProblem as P;
    for (service, timeout, expected) in [
        (HttpService::start(|_| Reply::Hang).await, IMPATIENT, (P::TimedOut, Remedy::Wait)),
        (HttpService::start(|_| Reply::Endless(500)).await, TIMEOUT, (P::RefusedForNow, Remedy::Wait)),
        (
            HttpService::start(|_| Reply::Say(302, "elsewhere".to_owned())).await,
            TIMEOUT,
            (P::Transport, Remedy::Wait),
        ),
        (HttpService::start(|_| Reply::Say(202, String::new())).await, TIMEOUT, (P::Transport, Remedy::Wait)),
    ] {
        let pem = developer_key().to_pkcs8_pem(LineEnding::LF).unwrap();
        let push = try_push(&pem, service.url(""), timeout).unwrap();
        assert_eq!(failure(send(&push, BEGIN).await), expected);
    }
}

#[tokio::test]
async fn a_key_of_apns_that_cannot_sign_is_refused() {
    let base = || ApnsSettings::DEFAULT_BASE.to_owned();
    let public = developer_key().public_key().to_public_key_pem(LineEnding::LF).unwrap();
    for pem in ["", &public] {
        let refused = try_push(pem, base(), TIMEOUT).err();
        assert!(matches!(refused, Some(SetupError::KeyFile { .. })), "{refused:?}");
    }
    let pem = developer_key().to_pkcs8_pem(LineEnding::LF).unwrap();
    assert!(try_push(&pem, base(), TIMEOUT).is_ok());
    let clear = try_push(&pem, "http://api.push.apple.com".to_owned(), TIMEOUT).err();
    assert!(matches!(clear, Some(SetupError::ServiceUrl { .. })));
}
