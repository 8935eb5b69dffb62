//! The log contains nothing of a mail, whatever happens to the mail (INV-47).

use std::{
    io,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use tidegate_core::{Id, MessagePurpose, Secret, Span, TextMessage};
use tracing_subscriber::fmt::MakeWriter;

use super::{
    BEGIN, CountingEntropy, Outbox, TOKEN,
    http_service::{HttpService, Reply, notification},
    mail, sms, to_ann, web_push,
};
use crate::transport::SmsGateway;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Log {
    type Writer = Self;
    fn make_writer(&'l self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_says_what_happened_and_nothing_of_the_mail() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let outbox = Outbox::new().await;
    let courier = outbox.courier();
    outbox.queue(&to_ann()).await;
    outbox.queue(&mail(MessagePurpose::ConfirmEnrollment, "ann@example.com@", "Kasa")).await;
    outbox.queue_bytes(MessagePurpose::VerifyEmail, br#"{"template":"ann@example.com"}"#.to_vec()).await;
    assert_eq!(courier.drain_once().await.unwrap(), 1);
    outbox.queue(&to_ann()).await;
    std::fs::rename(outbox.folder(), outbox.dir.path().join("gone")).unwrap();
    courier.drain_once().await.unwrap();
    outbox.advance(Span::hours(3));
    courier.drain_once().await.unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for said in ["was sent", "Address", "waits for its key", "NotFound", "expired"] {
        assert!(log.contains(said), "{said} in {log}");
    }
    for secret in [TOKEN, "kasa.example", "ann@", "example.com"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// The URL of a subscription lets its holder send to the device, and a text message holds a code.
#[tokio::test]
async fn the_log_says_nothing_of_a_notification_or_a_text_message() {
    // The services log in a thread of their own.
    let services =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let start = |status| HttpService::start(move |_| Reply::Say(status, "ann-endpoint".to_owned()));
    let taking = services.spawn(start(201)).await.unwrap();
    let refusing = services.spawn(start(403)).await.unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());

    let (push, entropy) =
        (web_push::push(&["localhost"], super::PATIENT), CountingEntropy(AtomicU64::new(0)));
    let (to, text) = (Secret::new("+4915112345678".to_owned()), Secret::new("12345678".to_owned()));
    let message = TextMessage { to, text };
    let elsewhere = "https://evil.example/ann-endpoint".to_owned();
    for endpoint in [taking.url("/ann-endpoint"), refusing.url("/ann-endpoint"), elsewhere] {
        let notification = notification(web_push::Browser::new().at(&endpoint));
        if let Err(trouble) = push.send(Id::MIN, &notification, BEGIN, &entropy).await {
            tracing::warn!(?trouble, "not sent");
        }
        let gateway = SmsGateway::open(sms::settings(taking.url("/ann-endpoint"))).unwrap();
        gateway.send(Id::MIN, &message).await.unwrap();
        let gateway = SmsGateway::open(sms::settings(refusing.url("/ann-endpoint"))).unwrap();
        let trouble = gateway.send(Id::MIN, &message).await.unwrap_err();
        tracing::warn!(?trouble, "not sent");
    }
    drop(guard);
    services.shutdown_background();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for said in ["NotAccepted", "the SMS gateway", "NotAllowed", "hyper"] {
        assert!(log.contains(said), "{said} in {log}");
    }
    for secret in ["ann-endpoint", "evil.example", "4915112345678", "12345678", "vapid", "Kasa", "gerade"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
