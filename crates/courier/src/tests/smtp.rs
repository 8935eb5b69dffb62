//! Mails that are handed to a mail server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidegate_core::{DeliveryProblem, Fact, MessagePurpose, Span};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    Outbox, decoded,
    failures::failed,
    mail,
    mail_server::{Do, MailServer},
    to_ann,
};
use crate::{SetupError, SmtpSettings, Tls, To};

/// Replies as usual.
const fn usual(_: &str) -> Option<Do> {
    None
}

/// A reply to the commands that begin so.
fn to(begin: &'static str, reply: Do) -> impl Fn(&str) -> Option<Do> {
    move |command| command.starts_with(begin).then_some(reply)
}

fn queued(tries: i64) -> (String, i64, bool) {
    ("queued".to_owned(), tries, true)
}

#[tokio::test]
async fn a_mail_is_handed_over_encrypted_and_by_name() {
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = MailServer::offering(&["STARTTLS", "AUTH PLAIN"], tls, usual).await;
        let outbox = Outbox::new().await;
        let id = outbox.queue(&to_ann()).await;
        let courier = outbox.courier_to(To::Server(server.settings(tls)));
        assert_eq!(courier.drain_once().await.unwrap(), 1);
        let [arrived] = &server.arrived()[..] else { panic!("one mail") };
        assert!(arrived.encrypted);
        assert_eq!(arrived.said("EHLO"), Some("EHLO tidegate.example"), "not the machine's name");
        // RFC 4616: nothing, NUL, the user, NUL, the password.
        assert_eq!(arrived.said("AUTH"), Some("AUTH PLAIN AGthc2EAY29ycmVjdCBob3JzZQ=="));
        assert_eq!(arrived.said("MAIL"), Some("MAIL FROM:<no-reply@tidegate.example>"));
        assert_eq!(arrived.said("RCPT"), Some("RCPT TO:<ann@example.com>"));
        let letter = decoded(&arrived.data);
        assert!(letter.contains(&format!("Message-ID: <{id}@tidegate.example>\n")), "{letter}");
        assert_eq!(outbox.row(id).await, ("sent".to_owned(), 1, false));
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_server_without_encryption() {
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = MailServer::offering(&["AUTH PLAIN"], Tls::None, usual).await;
        let outbox = Outbox::new().await;
        let id = outbox.queue(&to_ann()).await;
        let settings = SmtpSettings { timeout: Duration::from_millis(200), ..server.settings(tls) };
        let courier = outbox.courier_to(To::Server(settings));
        assert_eq!(courier.drain_once().await.unwrap(), 0);
        assert_eq!(outbox.row(id).await, queued(1), "it waits");
        assert_eq!(server.heard("AUTH") + server.heard("MAIL"), 0, "{tls:?}");
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_server_with_a_strange_certificate() {
    let (server, other) = (MailServer::start(usual).await, MailServer::start(usual).await);
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    for ca_file in [Some(other.ca_file()), None] {
        let courier =
            outbox.courier_to(To::Server(SmtpSettings { ca_file, ..server.settings(Tls::StartTls) }));
        assert_eq!(courier.drain_once().await.unwrap(), 0);
        assert_eq!(outbox.problem(id).await.as_deref(), Some("transport"));
        outbox.advance(Span::minutes(5));
    }
    assert_eq!(server.heard("AUTH") + server.heard("MAIL"), 0);
}

#[tokio::test]
async fn a_password_is_not_sent_in_the_clear() {
    let server = MailServer::offering(&["AUTH PLAIN"], Tls::None, usual).await;
    let outbox = Outbox::new().await;
    let (clear, ca_file) = (server.settings(Tls::None), Some(outbox.dir.path().join("tidegate.db")));
    let refused = |settings| outbox.try_courier_to(To::Server(settings)).map(drop).unwrap_err();
    assert!(matches!(refused(clear.clone()), SetupError::PasswordInTheClear));
    let nameless = SmtpSettings { password: None, ..server.settings(Tls::StartTls) };
    assert!(matches!(refused(nameless), SetupError::NoPassword));
    let strange = SmtpSettings { ca_file, ..server.settings(Tls::StartTls) };
    assert!(matches!(refused(strange), SetupError::CaFile { .. }));
    outbox.queue(&to_ann()).await;
    let open = SmtpSettings { user: None, password: None, ..clear };
    assert_eq!(
        outbox.courier_to(To::Server(open)).drain_once().await.unwrap(),
        1,
        "a relay on the same machine"
    );
    assert_eq!(server.heard("AUTH"), 0);
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_later() {
    let calls = AtomicUsize::new(0);
    let greylisting = move |command: &str| {
        let first = command.starts_with("RCPT") && calls.fetch_add(1, Ordering::Relaxed) == 0;
        first.then_some(Do::Say("451 4.7.1 ann@example.com: come back later"))
    };
    let server = MailServer::start(greylisting).await;
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let courier = outbox.courier_to(server.to());
    assert_eq!(courier.drain_once().await.unwrap(), 0);
    assert_eq!(
        (outbox.row(id).await, outbox.problem(id).await.unwrap()),
        (queued(1), "refused_for_now".to_owned())
    );
    outbox.advance(Span::seconds(1));
    assert_eq!(courier.drain_once().await.unwrap(), 1);
    assert_eq!(server.arrived().len(), 1);
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_delivery_and_keeps_the_reason() {
    for reply in [to("RCPT", Do::Say("550 5.1.1 no such user")), to(".", Do::Say("554 5.7.1 spam"))] {
        let server = MailServer::start(reply).await;
        let outbox = Outbox::new().await;
        let id = outbox.queue(&to_ann()).await;
        assert_eq!(outbox.courier_to(server.to()).drain_once().await.unwrap(), 0);
        assert_eq!(outbox.row(id).await, ("failed".to_owned(), 1, false));
        assert_eq!(outbox.facts().await, failed(id, DeliveryProblem::Refused));
    }
}

#[tokio::test]
async fn what_a_server_has_against_the_sender_loses_no_mail() {
    for reply in [
        to("AUTH", Do::Say("535 5.7.8 wrong password")),
        to("MAIL", Do::Say("530 5.7.0 authentication required")),
        to("greeting", Do::Say("554 no service for you")),
    ] {
        let server = MailServer::start(reply).await;
        let outbox = Outbox::new().await;
        let id = outbox.queue(&to_ann()).await;
        let courier = outbox.courier_to(server.to());
        for tried in 1..=12 {
            assert_eq!(courier.drain_once().await.unwrap(), 0);
            assert_eq!(
                (outbox.row(id).await, outbox.problem(id).await.unwrap()),
                (queued(tried), "transport".to_owned())
            );
            outbox.advance(Span::minutes(5));
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let server = MailServer::start(usual).await;
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    // A port on which nothing listens.
    let away = SmtpSettings { port: 1, ..server.settings(Tls::StartTls) };
    assert_eq!(outbox.courier_to(To::Server(away)).drain_once().await.unwrap(), 0);
    assert_eq!(outbox.row(id).await, queued(1));
    outbox.advance(Span::seconds(1));
    assert_eq!(outbox.courier_to(server.to()).drain_once().await.unwrap(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_for_one_delays_no_other() {
    let server = MailServer::start(|command: &str| command.contains("eve@").then_some(Do::Hang)).await;
    let outbox = Outbox::new().await;
    let eve = outbox.queue(&mail(MessagePurpose::VerifyEmail, "eve@example.com", "Kasa")).await;
    for _ in 0..20 {
        outbox.queue(&to_ann()).await;
    }
    let settings = SmtpSettings { timeout: Duration::from_millis(500), ..server.settings(Tls::StartTls) };
    let courier = outbox.courier_to(To::Server(settings));
    assert_eq!(courier.drain_once().await.unwrap(), 20);
    assert_eq!(
        (outbox.row(eve).await, outbox.problem(eve).await.unwrap()),
        (queued(1), "timed_out".to_owned())
    );
}

#[tokio::test]
async fn a_mail_that_is_queued_while_another_one_hangs_is_sent() {
    let (hangs, arrived) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (hung, came) = (hangs.clone(), arrived.clone());
    let server = MailServer::start(move |command: &str| {
        if command == "." {
            came.notify_one();
        }
        command.contains("eve@").then(|| {
            hung.notify_one();
            Do::Hang
        })
    });
    let (server, outbox, stop) = (server.await, Outbox::new().await, CancellationToken::new());
    outbox.queue(&mail(MessagePurpose::VerifyEmail, "eve@example.com", "Kasa")).await;
    let courier = outbox.courier_to(server.to());
    let running = courier.run(stop.clone());
    let queueing = async {
        hangs.notified().await;
        outbox.queue(&to_ann()).await;
        arrived.notified().await;
    };
    tokio::select! {
        () = running => panic!("nobody stopped it"),
        () = queueing => {}
    }
}

#[tokio::test]
async fn a_mail_that_was_cut_off_is_sent_again_as_the_same_mail() {
    for hangs_up in [to("DATA", Do::HangUp), to(".", Do::HangUp), to("MAIL", Do::HangUp)] {
        let server = MailServer::start(hangs_up).await;
        let outbox = Outbox::new().await;
        let id = outbox.queue(&to_ann()).await;
        assert_eq!(outbox.courier_to(server.to()).drain_once().await.unwrap(), 0);
        assert_eq!(
            (outbox.row(id).await, outbox.problem(id).await.unwrap()),
            (queued(1), "transport".to_owned())
        );
        outbox.advance(Span::seconds(1));
        let again = MailServer::start(usual).await;
        assert_eq!(outbox.courier_to(again.to()).drain_once().await.unwrap(), 1);
        let id = format!("Message-ID: <{id}@tidegate.example>\r\n");
        for arrived in server.arrived().iter().chain(&again.arrived()) {
            assert!(String::from_utf8_lossy(&arrived.data).contains(&id));
        }
    }
}

/// The worker dies when the server has the mail, and before it says so.
#[tokio::test]
async fn a_worker_that_is_killed_before_it_can_mark_repeats_once() {
    let arrived = Arc::new(Notify::new());
    let tell = arrived.clone();
    let first = AtomicUsize::new(0);
    let silent_once = move |command: &str| {
        let silent = command == "." && first.fetch_add(1, Ordering::Relaxed) == 0;
        silent.then(|| {
            tell.notify_one();
            Do::Hang
        })
    };
    let server = MailServer::start(silent_once).await;
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let courier = outbox.courier_to(server.to());
    tokio::select! {
        _ = courier.drain_once() => panic!("the server said nothing"),
        () = arrived.notified() => {}
    }
    drop(courier);
    let another = outbox.courier_to(server.to());
    outbox.advance(Span::seconds(59));
    assert_eq!(another.drain_once().await.unwrap(), 0, "the lease of the dead one lasts");
    outbox.advance(Span::seconds(1));
    assert_eq!(another.drain_once().await.unwrap(), 1);
    outbox.advance(Span::hours(1));
    assert_eq!(another.drain_once().await.unwrap(), 0);
    let copies = server.arrived();
    assert_eq!(copies.len(), 2);
    let line = |data: &[u8]| {
        let text = String::from_utf8_lossy(data).into_owned();
        text.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned)
    };
    assert_eq!(line(&copies[0].data), line(&copies[1].data), "mailboxes can tell that it is the same");
    assert_eq!(outbox.row(id).await, ("sent".to_owned(), 2, false));
    assert!(matches!(outbox.facts().await[..], [Fact::Delivered { .. }]));
}

#[tokio::test]
async fn an_international_address_needs_a_server_that_takes_it() {
    let anne = || mail(MessagePurpose::VerifyEmail, "änn@bücher.example", "Kasa");
    let server = MailServer::start(usual).await;
    let outbox = Outbox::new().await;
    outbox.queue(&anne()).await;
    assert_eq!(outbox.courier_to(server.to()).drain_once().await.unwrap(), 1);
    let arrived = server.arrived();
    assert_eq!(arrived[0].said("RCPT"), Some("RCPT TO:<änn@xn--bcher-kva.example>"));
    assert!(arrived[0].said("MAIL").unwrap().contains("SMTPUTF8"), "{arrived:?}");

    let older = MailServer::offering(&["STARTTLS", "AUTH PLAIN"], Tls::StartTls, usual).await;
    let id = outbox.queue(&anne()).await;
    outbox.queue(&to_ann()).await;
    let courier = outbox.courier_to(older.to());
    assert_eq!(courier.drain_once().await.unwrap(), 1, "the other one");
    for _ in 0..9 {
        outbox.advance(Span::minutes(5));
        courier.drain_once().await.unwrap();
    }
    assert_eq!(outbox.row(id).await, ("failed".to_owned(), 10, false));
    assert!(outbox.facts().await.contains(&failed(id, DeliveryProblem::Destination)[0]));
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let server = MailServer::start(usual).await;
    let outbox = Outbox::new().await;
    for _ in 0..60 {
        outbox.queue(&to_ann()).await;
    }
    assert_eq!(outbox.courier_to(server.to()).drain_once().await.unwrap(), 60);
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(connections <= 8, "{connections} connections for 60 mails, 4 at once");
}
