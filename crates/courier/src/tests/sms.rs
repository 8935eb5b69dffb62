//! Text messages by a gateway: the request that the settings describe, and what an answer means.

use axum::http::Version;
use serde_json::json;
use tidegate_core::{DeliveryId, DeliveryProblem, Id, Secret, Span, TextMessage};

use super::http_service::{self, HttpService, IMPATIENT, Reply, TIMEOUT, failure};
use crate::{
    SetupError, SmsAuth, SmsBody, SmsSettings,
    transport::SmsGateway,
    trouble::{Remedy, Trouble},
};

const DELIVERY: DeliveryId = Id::from_uuid_bytes([0xab; 16]);
/// A text by which a careless gateway request could be changed.
const TEXT: &str = "Kasa: 1234 5678 \"&to=+1\"}\r\n{id} ä€";

fn form(fields: &[(&str, &str)]) -> SmsBody {
    SmsBody::Form(owned(fields))
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn settings(url: String) -> SmsSettings {
    SmsSettings {
        url,
        body: form(&[("to", "{to}"), ("body", "{text}"), ("from", "{sender}")]),
        headers: Vec::new(),
        auth: SmsAuth::None,
        sender: "Kasa".to_owned(),
        success: Vec::new(),
        message_id: None,
        ca_file: None,
        timeout: TIMEOUT,
    }
}

async fn send(settings: SmsSettings) -> Result<Option<String>, Trouble> {
    let message =
        TextMessage { to: Secret::new("+4915112345678".to_owned()), text: Secret::new(TEXT.to_owned()) };
    SmsGateway::open(settings).unwrap().send(DELIVERY, &message).await
}

#[tokio::test]
async fn a_form_is_filled_in_and_escaped() {
    let gateway = HttpService::start(|_| Reply::ok()).await;
    let body =
        form(&[("to", "{to}"), ("msisdn", "{to_digits}"), ("body", "{text}"), ("ref", "{id}/{sender}")]);
    assert_eq!(send(SmsSettings { body, ..settings(gateway.url("/send")) }).await.unwrap(), None);
    let [request] = &gateway.arrived()[..] else { panic!("one request") };
    assert_eq!(request.path, "/send");
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        request.form(),
        owned(&[
            ("to", "+4915112345678"),
            ("msisdn", "4915112345678"),
            ("body", TEXT),
            ("ref", &format!("{DELIVERY}/Kasa")),
        ])
    );
}

#[tokio::test]
async fn json_is_filled_in_and_escaped() {
    let gateway = HttpService::start(|_| Reply::ok()).await;
    let body = SmsBody::Json(json!({
        "messages": [{ "to": "{to}", "content": { "text": "{text}" }, "{to}": "{sender}", "flash": false, "parts": 1 }],
    }));
    send(SmsSettings { body, ..settings(gateway.url("/")) }).await.unwrap();
    let [request] = &gateway.arrived()[..] else { panic!("one request") };
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        request.json(),
        json!({
            "messages": [{ "to": "+4915112345678", "content": { "text": TEXT }, "{to}": "Kasa", "flash": false, "parts": 1 }],
        })
    );
}

#[tokio::test]
async fn a_gateway_is_told_who_sends() {
    let gateway = HttpService::start(|_| Reply::ok()).await;
    let secret = || Secret::new("s3cret".to_owned());
    let headers = owned(&[("idempotency-key", "{id}"), ("x-from", "{sender}")]);
    for (auth, header, value) in [
        (
            SmsAuth::Basic { user: "kasa".to_owned(), password: secret() },
            "authorization",
            "Basic a2FzYTpzM2NyZXQ=",
        ),
        (SmsAuth::Bearer { token: secret() }, "authorization", "Bearer s3cret"),
        (SmsAuth::Header { name: "X-Api-Key".to_owned(), value: secret() }, "x-api-key", "s3cret"),
    ] {
        let settings = SmsSettings { auth, headers: headers.clone(), ..settings(gateway.url("/")) };
        assert!(!format!("{settings:?}").contains("s3cret"));
        send(settings).await.unwrap();
        let request = gateway.arrived().pop().unwrap();
        assert_eq!(request.header(header), value);
        assert_eq!(request.header("idempotency-key"), DELIVERY.to_string());
        assert_eq!(request.header("x-from"), "Kasa");
    }
}

#[tokio::test]
async fn the_gateways_id_is_read_for_receipts() {
    let text = json!({ "messages": [{ "id": "SM1" }] }).to_string();
    let number = json!({ "messages": [{ "id": 17 }] }).to_string();
    for (answer, id) in [(text, "SM1"), (number, "17")] {
        let gateway = HttpService::start(move |_| Reply::Say(202, answer.clone())).await;
        let message_id = Some("/messages/0/id".to_owned());
        assert_eq!(
            send(SmsSettings { message_id, ..settings(gateway.url("/")) }).await.unwrap().as_deref(),
            Some(id)
        );
    }
}

/// Some gateways refuse with status 200.
#[tokio::test]
async fn an_answer_without_the_id_that_it_should_have_is_no_success() {
    let refused = json!({ "messages": [{ "error": "no credit" }] }).to_string();
    let long = format!("{{{}\"messages\":[{{\"id\":\"SM1\"}}]}}", " ".repeat(64 * 1_024));
    for answer in [refused, long, "<html>".to_owned(), String::new()] {
        let gateway = HttpService::start(move |_| Reply::Say(200, answer.clone())).await;
        let message_id = Some("/messages/0/id".to_owned());
        let sent = send(SmsSettings { message_id, ..settings(gateway.url("/")) }).await;
        assert_eq!(failure(sent), (DeliveryProblem::Transport, Remedy::Wait));
    }
}

#[tokio::test]
async fn a_gateways_status_decides_what_is_done() {
    use DeliveryProblem as P;
    for (status, retry_after, expected) in [
        (400, "", (P::Refused, Remedy::GiveUp)),
        (422, "", (P::Refused, Remedy::GiveUp)),
        (401, "", (P::Transport, Remedy::Wait)),
        (402, "", (P::Transport, Remedy::Wait)),
        (403, "", (P::Transport, Remedy::Wait)),
        (404, "", (P::Transport, Remedy::Wait)),
        (408, "", (P::RefusedForNow, Remedy::Wait)),
        (429, "90", (P::RefusedForNow, Remedy::WaitFor(Span::seconds(90)))),
        (429, "soon", (P::RefusedForNow, Remedy::Wait)),
        (500, "", (P::RefusedForNow, Remedy::Wait)),
        (502, "", (P::RefusedForNow, Remedy::Wait)),
        (503, "7", (P::RefusedForNow, Remedy::WaitFor(Span::seconds(7)))),
    ] {
        let reply =
            move |_: &_| Reply::With(status, ("retry-after", retry_after.to_owned()), TEXT.to_owned());
        let gateway = HttpService::start(reply).await;
        assert_eq!(failure(send(settings(gateway.url("/"))).await), expected, "{status}");
        assert_eq!(gateway.arrived().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_settings_say_which_status_is_a_success() {
    for (status, is_success) in [(200, false), (202, true), (409, true)] {
        let gateway = HttpService::start(move |_| Reply::Say(status, String::new())).await;
        let sent = send(SmsSettings { success: vec![202, 409], ..settings(gateway.url("/")) }).await;
        assert_eq!(sent.is_ok(), is_success, "{status}: {sent:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_makes_no_sense_is_tried_again() {
    use DeliveryProblem as P;
    let hanging = HttpService::start(|_| Reply::Hang).await;
    for (url, timeout, problem) in [
        (hanging.url("/"), IMPATIENT, P::TimedOut),
        (http_service::saying(b"220 mail.example ESMTP\r\n").await, TIMEOUT, P::Transport),
        (http_service::saying(b"").await, TIMEOUT, P::Transport),
        ("http://127.0.0.1:1".to_owned(), TIMEOUT, P::Transport),
    ] {
        let sent = send(SmsSettings { timeout, ..settings(url.clone()) }).await;
        assert_eq!(failure(sent), (problem, Remedy::Wait), "{url}");
    }
}

/// The gateway has taken the message, and would send it twice.
#[tokio::test]
async fn a_body_that_does_not_end_does_not_undo_a_success() {
    let endless = HttpService::start(|_| Reply::Endless(200)).await;
    assert_eq!(send(settings(endless.url("/"))).await.unwrap(), None);
    let broken = http_service::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;
    assert_eq!(send(settings(broken)).await.unwrap(), None);
}

#[tokio::test]
async fn a_gateway_redirects_nothing() {
    let elsewhere = HttpService::start(|_| Reply::ok()).await;
    let to = elsewhere.url("/");
    let gateway =
        HttpService::start(move |_| Reply::With(307, ("location", to.clone()), String::new())).await;
    let sent = send(settings(gateway.url("/"))).await;
    assert_eq!(failure(sent), (DeliveryProblem::Transport, Remedy::Wait));
    assert_eq!(elsewhere.arrived().len(), 0);
}

#[tokio::test]
async fn a_gateway_must_show_a_trusted_certificate() {
    let gateway = HttpService::encrypted(&["h2", "http/1.1"], |_| Reply::ok()).await;
    let other = HttpService::encrypted(&["h2"], |_| Reply::ok()).await;
    for ca_file in [None, Some(other.ca_file())] {
        let sent = send(SmsSettings { ca_file, ..settings(gateway.url("/")) }).await;
        assert_eq!(failure(sent), (DeliveryProblem::Transport, Remedy::Wait));
    }
    assert_eq!(gateway.arrived().len(), 0);
    send(SmsSettings { ca_file: Some(gateway.ca_file()), ..settings(gateway.url("/")) }).await.unwrap();
    let older = HttpService::encrypted(&["http/1.1"], |_| Reply::ok()).await;
    send(SmsSettings { ca_file: Some(older.ca_file()), ..settings(older.url("/")) }).await.unwrap();
    let versions = [gateway.arrived()[0].version, older.arrived()[0].version];
    assert_eq!(versions, [Version::HTTP_2, Version::HTTP_11]);
}

#[test]
fn settings_of_a_gateway_that_cannot_work_are_refused() {
    let usual = || settings("https://sms.example/send".to_owned());
    assert!(SmsGateway::open(usual()).is_ok());
    let refused = |settings| SmsGateway::open(settings).err().unwrap();
    for url in ["http://sms.example/send", "https://kasa:s3cret@sms.example/send", "sms.example"] {
        assert!(matches!(refused(settings(url.to_owned())), SetupError::ServiceUrl { .. }), "{url}");
    }
    for body in
        [form(&[("to", "{to}")]), form(&[("text", "{text}")]), SmsBody::Json(json!("{to} {text} {code}"))]
    {
        assert!(matches!(refused(SmsSettings { body, ..usual() }), SetupError::SmsTemplate(_)));
    }
    for header in [("x-text", "{text}"), ("x-to", "{to}"), ("a b", "c"), ("x", "a\r\nb: c")] {
        let settings = SmsSettings { headers: owned(&[header]), ..usual() };
        assert!(matches!(refused(settings), SetupError::Header { .. }), "{header:?}");
    }
    let auth = SmsAuth::Bearer { token: Secret::new("s3\ncret".to_owned()) };
    let refused_auth = refused(SmsSettings { auth, ..usual() });
    assert!(!format!("{refused_auth:?}").contains("cret"), "{refused_auth:?}");
    let pointer = SmsSettings { message_id: Some("id".to_owned()), ..usual() };
    assert!(matches!(refused(pointer), SetupError::SmsTemplate(_)));
}
