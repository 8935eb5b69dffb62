//! Mails that cannot be sent: tried again, given up, or waiting for their key.

use std::sync::Arc;

use tidegate_core::{Channel, DeliveryId, DeliveryProblem, Fact, MessagePurpose, Span};
use tidegate_keyring::{Keyring, MasterFile};

use super::{Outbox, mail, to_ann};
use crate::{Courier, PushSettings, Settings, SetupError, To};

pub(super) fn failed(delivery: DeliveryId, why: DeliveryProblem) -> [Fact; 1] {
    let (channel, purpose) = (Channel::Mail, MessagePurpose::VerifyEmail);
    [Fact::DeliveryFailed { delivery, channel, purpose, why }]
}

#[tokio::test]
async fn a_mail_waits_for_its_folder() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let courier = outbox.courier();
    let gone = outbox.dir.path().join("gone");
    std::fs::rename(outbox.folder(), &gone).unwrap();
    assert_eq!(courier.drain_once().await.unwrap(), 0);
    assert_eq!(outbox.row(id).await, ("queued".to_owned(), 1, true));

    std::fs::rename(&gone, outbox.folder()).unwrap();
    outbox.advance(Span::millis(499));
    assert_eq!(courier.drain_once().await.unwrap(), 0, "not before half the wait");
    outbox.advance(Span::millis(501));
    assert_eq!(courier.drain_once().await.unwrap(), 1);
    assert_eq!(outbox.row(id).await, ("sent".to_owned(), 2, false));
    assert_eq!((outbox.mails().len(), outbox.facts().await.len()), (1, 1));
}

#[tokio::test]
async fn a_mail_to_no_address_is_given_up_at_once() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&mail(MessagePurpose::VerifyEmail, "nobody", "Kasa")).await;
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 0);
    assert_eq!(outbox.row(id).await, ("failed".to_owned(), 1, false));
    assert_eq!(outbox.facts().await, failed(id, DeliveryProblem::Destination));
}

#[tokio::test]
async fn a_mail_waits_for_its_folder_until_it_expires() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let courier = outbox.courier();
    std::fs::rename(outbox.folder(), outbox.dir.path().join("gone")).unwrap();
    for tried in 1..=20 {
        assert_eq!(courier.drain_once().await.unwrap(), 0);
        assert_eq!(outbox.row(id).await, ("queued".to_owned(), tried, true));
        outbox.advance(Span::minutes(5));
    }
    outbox.advance(Span::minutes(20));
    courier.drain_once().await.unwrap();
    assert_eq!(outbox.row(id).await, ("failed".to_owned(), 21, false));
    assert_eq!(outbox.facts().await, failed(id, DeliveryProblem::Expired));
}

#[tokio::test]
async fn an_expired_mail_is_not_sent() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    outbox.advance(Span::hours(2));
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 0);
    assert_eq!(outbox.row(id).await, ("failed".to_owned(), 1, false));
    assert_eq!(outbox.facts().await, failed(id, DeliveryProblem::Expired));
    assert_eq!(outbox.mails().len(), 0);
}

#[tokio::test]
async fn a_mail_that_does_not_open_waits_for_its_key() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let other = Keyring::new(&MasterFile::generate(&*outbox.entropy));
    let unknown = outbox.courier_with(Arc::new(other), outbox.entropy.clone());
    for tried in 1..=12 {
        assert_eq!(unknown.drain_once().await.unwrap(), 0);
        assert_eq!(outbox.row(id).await, ("queued".to_owned(), tried, true));
        outbox.advance(Span::minutes(5));
    }
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 1);
}

#[tokio::test]
async fn a_title_with_a_line_break_is_no_title() {
    let outbox = Outbox::new().await;
    let honest = String::from_utf8(serde_json::to_vec(&to_ann()).unwrap()).unwrap();
    let forged = honest.replace("Kasa", "Kasa\\r\\nBcc: eve@example.com");
    assert_ne!(forged, honest);
    let id = outbox.queue_bytes(MessagePurpose::VerifyEmail, forged.into_bytes()).await;
    outbox.queue(&to_ann()).await;
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 1, "the other one");
    assert_eq!(outbox.row(id).await, ("queued".to_owned(), 1, true));
    assert!(outbox.mails().iter().all(|mail| !mail.contains("eve")));
}

#[tokio::test]
async fn a_delivery_of_a_newer_program_is_left_to_it() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let newer = sqlx::raw_sql("UPDATE deliveries SET purpose = 'good_news'");
    newer.execute(&mut outbox.database().await).await.unwrap();
    outbox.queue(&to_ann()).await;
    let courier = outbox.courier();
    assert_eq!(courier.drain_once().await.unwrap(), 1, "the other one");
    assert_eq!(outbox.row(id).await, ("queued".to_owned(), 0, true));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let outbox = Outbox::new().await;
    let taken = outbox.dir.path().join("tidegate.db");
    let courier = |folder: &std::path::Path, from: &str| {
        let (folder, poll) = (folder.to_owned(), std::time::Duration::ZERO);
        let templates = outbox.templates();
        let settings = Settings {
            to: To::Folder(folder),
            push: PushSettings::default(),
            sms: None,
            templates,
            from: from.to_owned(),
            poll,
            sends_at_once: 1,
            metrics: std::sync::Arc::new(tidegate_metrics::Metrics::new("0")),
        };
        let (clock, entropy) = (outbox.clock.clone(), outbox.entropy.clone());
        Courier::new(outbox.store.clone(), outbox.keyring.clone(), clock, entropy, settings).map(drop)
    };
    let from = courier(&outbox.folder(), "Tidegate").unwrap_err();
    assert_eq!(from.to_string(), r#""Tidegate" is no mailbox such as "Tidegate <no-reply@example.com>""#);
    assert!(matches!(courier(&taken, "a@b.example"), Err(SetupError::Folder { .. })));
}
