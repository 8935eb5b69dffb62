//! The log contains nothing of a mail, whatever happens to the mail (INV-47).

use std::{
    io,
    sync::{Arc, Mutex},
};

use tidegate_core::{MessagePurpose, Span};
use tracing_subscriber::fmt::MakeWriter;

use super::{Outbox, TOKEN, mail, to_ann};

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
