//! Fuzz targets: what push services and gateways reply.

use std::sync::{Arc, Mutex};

use axum::http::HeaderValue;
use tidegate_core::{DeliveryId, Id, PushAddress, Secret, Span, TextMessage};
use tidegate_fuzz::{Input, fuzz};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
};

use super::{
    BEGIN, apns, fcm,
    http_service::{HttpService, Reply, TIMEOUT},
    sms,
    web_push::{self, Browser},
};
use crate::{
    SmsSettings,
    transport::SmsGateway,
    trouble::{Remedy, Trouble},
};

const DELIVERY: DeliveryId = Id::from_uuid_bytes([0xab; 16]);
const NUMBER: &str = "+4915112345678";
const DEVICE: &str = "ann-device:1";
/// The longest gateway id: the bytes of an answer that are read.
const MAX_ID: usize = 64 * 1024;

/// What becomes of a reply is one of the known troubles, and says nothing of the message (INV-47).
fn judged<T>(sent: Result<T, Trouble>) -> Option<T> {
    let trouble = match sent {
        Ok(sent) => return Some(sent),
        Err(trouble) => trouble,
    };
    let (text, debug) = (trouble.to_string(), format!("{trouble:?}"));
    assert!(text.len() < 200 && text.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{text:?}");
    for secret in [NUMBER, DEVICE, "ya29"] {
        assert!(!text.contains(secret) && !debug.contains(secret), "{debug}");
    }
    if let Remedy::WaitFor(span) = trouble.remedy() {
        assert!(span >= Span::ZERO && BEGIN.plus(span) >= BEGIN, "{span:?}");
    }
    None
}

/// A reply of three lines: the status, a header, and the body.
fn reply(input: &Input) -> Reply {
    let [status, header, body] = input.texts();
    let status = status.trim().parse().unwrap_or(500).clamp(200, 999);
    let known = [("retry-after:", "retry-after"), ("location:", "location"), ("date:", "date")];
    let header =
        known.iter().find_map(|(begin, name)| Some((*name, header.strip_prefix(begin)?.trim().to_owned())));
    match header.filter(|(_, value)| HeaderValue::from_str(value).is_ok()) {
        Some(header) => Reply::With(status, header, body),
        None => Reply::Say(status, body),
    }
}

/// A service that answers what the input of the moment says.
#[derive(Clone, Default)]
struct ReplyScript(Arc<Mutex<Option<Input>>>);

impl ReplyScript {
    fn set(&self, input: &Input) {
        *self.0.lock().unwrap() = Some(input.clone());
    }

    fn answer(&self) -> Reply {
        self.0.lock().unwrap().as_ref().map_or_else(Reply::ok, reply)
    }
}

fn message() -> TextMessage {
    TextMessage { to: Secret::new(NUMBER.to_owned()), text: Secret::new("1234 5678".to_owned()) }
}

/// A gateway that writes these bytes instead of HTTP.
#[test]
fn a_gateway_may_write_any_bytes() {
    let runtime = Runtime::new().unwrap();
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (writes, listener) = (bytes.clone(), runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let bytes = writes.lock().unwrap().clone();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // What is not read when a connection is closed can cost the other side what was written.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let gateway = runtime.block_on(async {
        let message_id = Some("/messages/0/id".to_owned());
        SmsGateway::open(SmsSettings { message_id, ..sms::settings(url) }).unwrap()
    });
    let taken = "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"messages\": [{\"id\": \"sms-1\"}]}";
    let busy = "HTTP/1.1 429 Slow down\r\nretry-after: Sat, 07 Mar 2026 09:06:30 GMT\r\ndate: Sat, 07 Mar 2026 09:05:30 GMT\r\n\
        transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n";
    let redirect =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-encoding: gzip\r\n\r\n";
    fuzz!(
        300,
        [taken, busy, redirect, "HTTP/1.1 503 x\r\nretry-after: 99999999999999999999\r\n\r\n"],
        |input| {
            *bytes.lock().unwrap() = input.to_vec();
            let sent = runtime.block_on(gateway.send(DELIVERY, &message()));
            let id = judged(sent).flatten();
            assert!(id.is_none_or(|id| id.len() <= MAX_ID));
        }
    );
}

#[test]
fn a_reply_of_a_gateway_is_taken_or_judged() {
    let (runtime, script) = (Runtime::new().unwrap(), ReplyScript::default());
    let answers = script.clone();
    let service = runtime.block_on(HttpService::start(move |_| answers.answer()));
    let gateway = runtime.block_on(async {
        let message_id = Some("/messages/0/id".to_owned());
        SmsGateway::open(SmsSettings { message_id, ..sms::settings(service.url("/")) }).unwrap()
    });
    let examples = [
        "200\n\n{\"messages\": [{\"id\": \"sms-1\"}]}",
        "200\n\n{\"messages\": [{\"id\": 1e400}]}",
        "429\nretry-after: 30\n{}",
        "503\nretry-after: Sat, 07 Mar 2026 09:06:30 GMT\n",
        "400\nlocation: x\n+4915112345678 is no number",
    ];
    fuzz!(300, examples, |input| {
        script.set(input);
        let id = judged(runtime.block_on(gateway.send(DELIVERY, &message()))).flatten();
        assert!(id.is_none_or(|id| id.len() <= MAX_ID));
    });
}

#[test]
fn a_reply_of_fcm_is_taken_or_judged() {
    let (runtime, script) = (Runtime::new().unwrap(), ReplyScript::default());
    let answers = script.clone();
    let service = runtime.block_on(fcm::service(move |_| answers.answer()));
    let push = runtime.block_on(async { fcm::push(&service) });
    let examples = [
        "200\n\n{\"name\": \"projects/kasa-1/messages/1\"}",
        "404\n\n{\"error\": {\"details\": [{\"errorCode\": \"UNREGISTERED\"}]}}",
        "400\n\n{\"error\": {\"details\": [{\"errorCode\": \"INVALID_ARGUMENT\"}, {\"fieldViolations\": [{\"field\": \"message.token\"}]}]}}",
        "429\nretry-after: 30\n{\"error\": {\"details\": [{\"errorCode\": \"QUOTA_EXCEEDED\"}]}}",
        "401\n\nann-device:1",
    ];
    fuzz!(300, examples, |input| {
        script.set(input);
        judged(runtime.block_on(fcm::send(&push, BEGIN)));
    });
}

#[test]
fn a_grant_of_an_access_token_is_taken_or_judged() {
    let (runtime, script) = (Runtime::new().unwrap(), ReplyScript::default());
    let answers = script.clone();
    let service = runtime.block_on(HttpService::start(move |request| {
        if request.path == fcm::TOKEN_PATH { answers.answer() } else { Reply::ok() }
    }));
    let examples = [
        "200\n\n{\"access_token\": \"ya29.a\", \"expires_in\": 3599, \"token_type\": \"Bearer\"}",
        "200\n\n{\"access_token\": \"ya29\\n\", \"expires_in\": -9223372036854775808}",
        "400\n\n{\"error\": \"invalid_grant\", \"error_description\": \"ya29\"}",
    ];
    let push = runtime.block_on(async { fcm::push(&service) });
    let mut minute = 0;
    fuzz!(100, examples, |input| {
        script.set(input);
        // Later than every token may be used.
        minute += 1;
        judged(runtime.block_on(fcm::send(&push, BEGIN.plus(Span::days(minute)))));
    });
}

#[test]
fn a_reply_of_apns_is_taken_or_judged() {
    let (runtime, script) = (Runtime::new().unwrap(), ReplyScript::default());
    let answers = script.clone();
    let service = runtime.block_on(HttpService::start(move |_| answers.answer()));
    let push = runtime.block_on(async { apns::push(&service) });
    let examples = [
        "200\n\n",
        "410\n\n{\"reason\": \"Unregistered\", \"timestamp\": 1}",
        "400\n\n{\"reason\": \"BadDeviceToken\"}",
        "403\n\n{\"reason\": \"ExpiredProviderToken\"}",
        "429\nretry-after: 1\n{\"reason\": \"TooManyRequests\"}",
    ];
    fuzz!(300, examples, |input| {
        script.set(input);
        judged(runtime.block_on(apns::send(&push, BEGIN)));
    });
}

#[test]
fn a_reply_to_a_web_push_is_taken_or_judged() {
    let (runtime, script) = (Runtime::new().unwrap(), ReplyScript::default());
    let answers = script.clone();
    let service = runtime.block_on(HttpService::start(move |_| answers.answer()));
    let push = runtime.block_on(async { web_push::push(&["localhost"], TIMEOUT) });
    let browser = Browser::new();
    let examples =
        ["201\n\n", "410\n\n", "429\nretry-after: 120\n", "307\nlocation: http://169.254.169.254/\n"];
    fuzz!(200, examples, |input| {
        script.set(input);
        judged(runtime.block_on(web_push::send(&push, browser.at(&service.url("/send")), BEGIN)));
    });
}

/// The keys of a subscription come from a browser. They may be no point of the curve.
#[test]
fn a_subscription_of_any_keys_is_used_or_refused() {
    let runtime = Runtime::new().unwrap();
    let service = runtime.block_on(HttpService::start(|_| Reply::Say(201, String::new())));
    let push = runtime.block_on(async { web_push::push(&["localhost"], TIMEOUT) });
    let endpoint = service.url("/send");
    let PushAddress::WebPush { p256dh, auth, .. } = Browser::new().at(&endpoint) else {
        panic!("a subscription")
    };
    fuzz!(200, [[p256dh, auth].concat()], |input| {
        let Some((key, auth)) = input.split_at_checked(65) else { return };
        if let Ok(to) = PushAddress::web_push(&endpoint, key.to_vec(), auth.to_vec()) {
            judged(runtime.block_on(web_push::send(&push, to, BEGIN)));
        }
    });
}
