//! Web Push: the browser reads what was sent, the push service does not, and no other host is requested.

use std::{sync::atomic::AtomicU64, time::Duration};

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::Aead as _};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use p256::{
    PublicKey, SecretKey,
    ecdh::diffie_hellman,
    elliptic_curve::sec1::ToSec1Point as _,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::NamedTempFile;
use tidegate_core::{ChallengeId, DeliveryProblem, Id, PushAddress, Span, Timestamp};

use super::{
    BEGIN, CountingEntropy,
    http_service::{self, HttpService, IMPATIENT, Reply, TIMEOUT, failure, file, notification},
};
use crate::{
    PushSettings, SetupError, WebPushSettings,
    transport::Push,
    trouble::{Remedy, Trouble},
};

const GIVEN_UP: (DeliveryProblem, Remedy) = (DeliveryProblem::Destination, Remedy::GiveUp);

/// The key pair of this server.
fn server_key() -> SecretKey {
    SecretKey::from_slice(&[9; 32]).unwrap()
}

/// A browser with its keys.
pub(super) struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
}

impl Browser {
    pub(super) fn new() -> Self {
        Self { secret: SecretKey::from_slice(&[5; 32]).unwrap(), auth: [6; 16] }
    }

    fn point(&self) -> Vec<u8> {
        self.secret.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    pub(super) fn at(&self, endpoint: &str) -> PushAddress {
        PushAddress::web_push(endpoint, self.point(), self.auth.to_vec()).unwrap()
    }

    /// Decrypts as RFC 8291 §3.4 and RFC 8188 §2 write it down, step by step.
    pub(super) fn read(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert!(body.len() <= u32::from_be_bytes(size.try_into().unwrap()) as usize, "one record");
        let (length, rest) = rest.split_at(1);
        let (sender, sealed) = rest.split_at(usize::from(length[0]));
        let shared = diffie_hellman(
            self.secret.to_nonzero_scalar(),
            PublicKey::from_sec1_bytes(sender).unwrap().as_affine(),
        );
        let prk_key = hmac(&self.auth, &[shared.raw_secret_bytes().as_slice()]);
        let ikm = hmac(&prk_key, &[b"WebPush: info\0", &self.point(), sender, &[1]]);
        let prk = hmac(salt, &[&ikm]);
        let key: [u8; 16] = hmac(&prk, &[b"Content-Encoding: aes128gcm\0", &[1]])[..16].try_into().unwrap();
        let nonce: [u8; 12] = hmac(&prk, &[b"Content-Encoding: nonce\0", &[1]])[..12].try_into().unwrap();
        let plain = Aes128Gcm::new(&key.into()).decrypt(&nonce.into(), sealed).unwrap();
        let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(plain[end], 2, "the last record");
        serde_json::from_slice(&plain[..end]).unwrap()
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn key_file() -> NamedTempFile {
    file(&server_key().to_pkcs8_pem(LineEnding::LF).unwrap())
}

fn settings(key: &NamedTempFile, hosts: &[&str], timeout: Duration) -> WebPushSettings {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let contact = "mailto:ops@tidegate.example".to_owned();
    WebPushSettings { key_file: key.path().to_owned(), contact, hosts, timeout }
}

pub(super) fn push(hosts: &[&str], timeout: Duration) -> Push {
    let key = key_file();
    let web_push = Some(settings(&key, hosts, timeout));
    Push::open(PushSettings { web_push, ..PushSettings::default() }).unwrap()
}

pub(super) async fn send(push: &Push, to: PushAddress, now: Timestamp) -> Result<(), Trouble> {
    push.send(Id::MIN, &notification(to), now, &CountingEntropy(AtomicU64::new(0))).await
}

/// The claims of a token that the server's key has signed.
fn claims(authorization: &str) -> Value {
    let (token, key) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let public = server_key().public_key();
    assert_eq!(key, BASE64_URL_SAFE_NO_PAD.encode(public.to_sec1_point(false).as_bytes()));
    let mut validation = Validation::new(Algorithm::ES256);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
    let key = DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn the_browser_reads_what_was_sent_for_it() {
    let service = HttpService::start(|_| Reply::Say(201, String::new())).await;
    let (push, browser) = (push(&["localhost"], TIMEOUT), Browser::new());
    send(&push, browser.at(&service.url("/send/ann?x=1")), BEGIN.plus(Span::seconds(1))).await.unwrap();
    let [request] = &service.arrived()[..] else { panic!("one request") };
    assert_eq!(request.path, "/send/ann?x=1");
    assert_eq!(request.header("content-encoding"), "aes128gcm");
    assert_eq!((request.header("ttl"), request.header("urgency")), ("599", "high"));
    assert_eq!(request.header("topic"), "-_v7-_v7-_v7-_v7-_v7-w");
    assert_eq!(
        claims(request.header("authorization")),
        json!({
            "aud": service.url(""),
            "exp": BEGIN.unix_seconds() + 1 + 12 * 3_600,
            "sub": "mailto:ops@tidegate.example",
        })
    );
    assert_eq!(
        browser.read(&request.body),
        json!({
            "title": "Kasa",
            "text": "Melden Sie sich gerade an? \"Ja\"",
            "challenge": ChallengeId::from_uuid_bytes([0xfb; 16]).to_string(),
        })
    );
}

#[tokio::test]
async fn no_key_and_no_salt_is_used_twice() {
    let service = HttpService::start(|_| Reply::Say(201, String::new())).await;
    let (push, browser) = (push(&["localhost"], TIMEOUT), Browser::new());
    let entropy = CountingEntropy(AtomicU64::new(0));
    for _ in 0..2 {
        let message = notification(browser.at(&service.url("/ann")));
        push.send(Id::MIN, &message, BEGIN, &entropy).await.unwrap();
    }
    let [first, second] = &service.arrived()[..] else { panic!("two requests") };
    assert_ne!(first.body[..16], second.body[..16], "the salt");
    assert_ne!(first.body[21..86], second.body[21..86], "the key");
    assert_eq!(browser.read(&first.body), browser.read(&second.body));
}

#[tokio::test]
async fn a_push_service_gets_one_token_until_it_is_renewed() {
    let service = HttpService::start(|_| Reply::Say(201, String::new())).await;
    let (push, browser) = (push(&["localhost"], TIMEOUT), Browser::new());
    for (path, hour) in [("/ann", 0), ("/eve", 9), ("/ann", 10)] {
        send(&push, browser.at(&service.url(path)), BEGIN.plus(Span::hours(hour))).await.unwrap();
    }
    let tokens = service.arrived();
    let tokens: Vec<_> = tokens.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
    let exp = BEGIN.unix_seconds() + 22 * 3_600;
    assert_eq!(claims(tokens[2])["exp"], exp, "at most 24 hours ahead (RFC 8292 §2)");
}

#[tokio::test]
async fn a_push_services_status_decides_what_is_done() {
    use DeliveryProblem as P;
    let push = push(&["localhost"], TIMEOUT);
    for (status, retry_after, expected) in [
        (404, "", (P::Gone, Remedy::GiveUp)),
        (410, "", (P::Gone, Remedy::GiveUp)),
        (400, "", (P::Refused, Remedy::GiveUp)),
        (413, "", (P::Text, Remedy::GiveUp)),
        (401, "", (P::Transport, Remedy::Wait)),
        (403, "", (P::Transport, Remedy::Wait)),
        (429, "90", (P::RefusedForNow, Remedy::WaitFor(Span::seconds(90)))),
        (429, "", (P::RefusedForNow, Remedy::Wait)),
        (500, "", (P::RefusedForNow, Remedy::Wait)),
        (503, "7", (P::RefusedForNow, Remedy::WaitFor(Span::seconds(7)))),
    ] {
        let reply =
            move |_: &_| Reply::With(status, ("retry-after", retry_after.to_owned()), "no".to_owned());
        let service = HttpService::start(reply).await;
        let sent = send(&push, Browser::new().at(&service.url("/ann")), BEGIN).await;
        assert_eq!(failure(sent), expected, "{status}");
        assert_eq!(service.arrived().len(), 1, "{status}");
    }
    for status in [200, 201, 202, 204] {
        let service = HttpService::start(move |_| Reply::Say(status, String::new())).await;
        send(&push, Browser::new().at(&service.url("/ann")), BEGIN).await.unwrap();
    }
}

/// An owner chooses the endpoint, and must not make this server request what only it can reach.
#[tokio::test]
async fn an_endpoint_elsewhere_is_never_requested() {
    let service = HttpService::start(|_| Reply::ok()).await;
    let port = service.url("").rsplit(':').next().unwrap().to_owned();
    let push = push(WebPushSettings::DEFAULT_HOSTS, TIMEOUT);
    let browser = Browser::new();
    for endpoint in [
        "http://localhost:{port}/",
        "https://localhost:{port}/",
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "https://fcm.googleapis.com@localhost:{port}/",
        "https://fcm.googleapis.com:{port}/",
        "http://fcm.googleapis.com/",
        "https://user@fcm.googleapis.com/",
        "https://fcm.googleapis.com.evil.example/",
        "https://evil.example/#fcm.googleapis.com",
        "https://notify.windows.com/",
        "https://web.push.apple.com.:{port}/",
        "file:///etc/passwd",
        "nonsense",
    ] {
        let endpoint = endpoint.replace("{port}", &port);
        let (p256dh, auth) = (browser.point(), browser.auth.to_vec());
        let sent =
            send(&push, PushAddress::WebPush { endpoint: endpoint.clone(), p256dh, auth }, BEGIN).await;
        assert!(matches!(sent, Err(Trouble::NotAllowed)), "{endpoint}: {sent:?}");
        assert_eq!(failure(sent), GIVEN_UP);
    }
    assert_eq!(service.arrived().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = HttpService::start(|_| Reply::ok()).await;
    let push = push(&["localhost"], TIMEOUT);
    for status in [301, 302, 303, 307, 308] {
        let to = elsewhere.url("/secret");
        let service =
            HttpService::start(move |_| Reply::With(status, ("location", to.clone()), String::new())).await;
        let sent = send(&push, Browser::new().at(&service.url("/ann")), BEGIN).await;
        assert_eq!(failure(sent), (DeliveryProblem::Transport, Remedy::Wait), "{status}");
    }
    assert_eq!(elsewhere.arrived().len(), 0);
}

#[tokio::test]
async fn a_push_service_that_makes_no_sense_is_tried_again() {
    use DeliveryProblem as P;
    let hanging = HttpService::start(|_| Reply::Hang).await;
    let garbage = http_service::saying(b"\x16\x03\x01 no HTTP\r\n").await;
    let silent = http_service::saying(b"").await;
    for (url, problem) in [
        (hanging.url("/"), P::TimedOut),
        (garbage, P::Transport),
        (silent, P::Transport),
        ("http://localhost:1".to_owned(), P::Transport),
    ] {
        let timeout = if problem == P::TimedOut { IMPATIENT } else { TIMEOUT };
        let sent = send(&push(&["localhost"], timeout), Browser::new().at(&url), BEGIN).await;
        assert_eq!(failure(sent), (problem, Remedy::Wait), "{url}");
    }
    let endless = HttpService::start(|_| Reply::Endless(201)).await;
    send(&push(&["localhost"], TIMEOUT), Browser::new().at(&endless.url("/")), BEGIN).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_encrypted_is_given_up() {
    let service = HttpService::start(|_| Reply::ok()).await;
    let (push, browser) = (push(&["localhost"], TIMEOUT), Browser::new());
    let (endpoint, auth) = (service.url("/"), browser.auth.to_vec());
    let p256dh = [&[4][..], &[1; 64]].concat();
    let off_the_curve = send(&push, PushAddress::WebPush { endpoint, p256dh, auth }, BEGIN).await;
    assert_eq!(failure(off_the_curve), GIVEN_UP);
    let mut long = notification(browser.at(&service.url("/")));
    long.text = "x".repeat(4_000);
    let sent = push.send(Id::MIN, &long, BEGIN, &CountingEntropy(AtomicU64::new(0))).await;
    assert_eq!(failure(sent), (DeliveryProblem::Text, Remedy::GiveUp));
    assert_eq!(service.arrived().len(), 0);
}

#[tokio::test]
async fn a_push_service_that_is_not_set_up_has_a_problem_of_its_own() {
    let push = Push::open(PushSettings::default()).unwrap();
    let apns = PushAddress::apns(&"ab".repeat(32)).unwrap();
    for to in [Browser::new().at("https://fcm.googleapis.com/ann"), PushAddress::fcm("ann").unwrap(), apns] {
        let sent = send(&push, to, BEGIN).await;
        assert_eq!(failure(sent), (DeliveryProblem::NotConfigured, Remedy::Retry));
    }
    assert_eq!(push.web_push_key(), None);
}

#[test]
fn a_key_is_read_in_both_forms_and_nothing_else_is_a_key() {
    let open = |settings| Push::open(PushSettings { web_push: Some(settings), ..PushSettings::default() });
    let sec1 = file(&server_key().to_sec1_pem(LineEnding::LF).unwrap());
    for key in [key_file(), sec1] {
        let push = open(settings(&key, &[], TIMEOUT)).unwrap();
        let point = server_key().public_key().to_sec1_point(false);
        assert_eq!(push.web_push_key().unwrap(), BASE64_URL_SAFE_NO_PAD.encode(point.as_bytes()));
    }
    let public = server_key().public_key().to_public_key_pem(LineEnding::LF).unwrap();
    for key in [file(&public), file("")] {
        let refused = open(settings(&key, &[], TIMEOUT)).err();
        assert!(matches!(refused, Some(SetupError::KeyFile { .. })), "{refused:?}");
    }
    let key = key_file();
    let nameless = WebPushSettings { contact: "ops".to_owned(), ..settings(&key, &[], TIMEOUT) };
    assert!(matches!(open(nameless).err(), Some(SetupError::Contact { .. })));
}
