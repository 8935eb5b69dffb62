//! A new certificate is served without a restart.

use tidegate_proto as proto;

use super::{Encrypted, call};
use crate::test_server::TestServer;

/// A line of PEM that ends too early.
const CUT_OFF: &str = "-----BEGIN CERTIFICATE-----\nMIIB";

#[tokio::test]
async fn a_new_certificate_is_served_and_open_streams_go_on() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    let client = tidegate_client::Client::connect(&encrypted.settings()).await.unwrap();
    let start = Some(proto::tail_events_request::Start::FromBeginning(true));
    let tail = proto::TailEventsRequest { start, ..Default::default() };
    server.seal().await;
    let mut stream = client.without_deadline().audit().tail_events(tail).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();

    let (before, serial) = (encrypted.served().await, encrypted.certificates.info().serial);
    assert!(!encrypted.certificates.renew().unwrap(), "nothing is new");
    encrypted.authority.server(2).write(encrypted.folder.path());
    assert!(encrypted.certificates.renew().unwrap());
    assert_ne!(encrypted.served().await, before);
    assert_eq!((serial.as_str(), encrypted.certificates.info().serial.as_str()), ("01", "02"));

    let account = proto::CreateAccountRequest { external_id: "ann".to_owned(), ..Default::default() };
    server.operator().ok(account).await;
    server.seal().await;
    let (mut next, mut last) = (first, None);
    while next.event.as_ref().is_none_or(|event| event.kind != "account_created") {
        next = stream.message().await.unwrap().unwrap();
        last = next.event.clone().or(last);
    }
    assert!(last.is_some(), "the stream of the old certificate goes on");
    assert!(call(&encrypted.settings()).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_used_is_not_served() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    let (before, file) = (encrypted.served().await, |name: &str| encrypted.folder.path().join(name));
    let other = encrypted.authority.server(2);
    let refused = || encrypted.certificates.renew().unwrap_err().to_string();

    std::fs::write(file("server.pem"), &other.certificate).unwrap();
    assert!(refused().contains("cannot be used together"), "the key is still the old one's");
    std::fs::write(file("server.pem"), CUT_OFF).unwrap();
    assert!(refused().contains("holds no certificate"));
    std::fs::write(file("server.pem"), format!("{}{CUT_OFF}", other.certificate)).unwrap();
    assert!(refused().contains("holds no certificate"), "a chain that is cut off");
    std::fs::remove_file(file("server.pem")).unwrap();
    assert!(refused().contains("failed to read"));
    assert_eq!(encrypted.served().await, before);

    other.write(encrypted.folder.path());
    assert!(encrypted.certificates.renew().unwrap());
    assert_ne!(encrypted.served().await, before);
}
