//! Mails that cannot be sent: tried again, given up, or waiting for their key.

use std::sync::Arc;

use tidegate_core::{DeliveryId, Fact, Span, Template};
use tidegate_keyring::{Keyring, MasterFile};

use super::{House, mail, to_ann};
use crate::{Courier, Settings, SetupError};

fn failed(delivery: DeliveryId) -> [Fact; 1] {
    [Fact::MailFailed { delivery, template: Template::VerifyEmail }]
}

#[tokio::test]
async fn a_mail_waits_for_its_folder() {
    let house = House::new().await;
    let id = house.queue(&to_ann()).await;
    let courier = house.courier();
    let gone = house.dir.path().join("gone");
    std::fs::rename(house.folder(), &gone).unwrap();
    assert_eq!(courier.drain_once().await.unwrap(), 0);
    assert_eq!(house.row(id).await, ("queued".to_owned(), 1, true));

    std::fs::rename(&gone, house.folder()).unwrap();
    house.advance(Span::millis(999));
    assert_eq!(courier.drain_once().await.unwrap(), 0, "not before its time");
    house.advance(Span::millis(1));
    assert_eq!(courier.drain_once().await.unwrap(), 1);
    assert_eq!(house.row(id).await, ("sent".to_owned(), 2, false));
    assert_eq!((house.mails().len(), house.facts().await.len()), (1, 1));
}

#[tokio::test]
async fn a_mail_is_given_up_after_ten_tries() {
    let house = House::new().await;
    let id = house.queue(&mail(Template::VerifyEmail, "nobody", "Kasa")).await;
    let courier = house.courier();
    for doubled in 0..9 {
        assert_eq!(courier.drain_once().await.unwrap(), 0);
        assert_eq!(house.row(id).await, ("queued".to_owned(), doubled + 1, true));
        house.advance(Span::seconds(1).doubled(doubled, Span::hours(1)));
    }
    courier.drain_once().await.unwrap();
    assert_eq!(house.row(id).await, ("failed".to_owned(), 10, false));
    assert_eq!(house.facts().await, failed(id));
}

#[tokio::test]
async fn an_expired_mail_is_not_sent() {
    let house = House::new().await;
    let id = house.queue(&to_ann()).await;
    house.advance(Span::hours(2));
    assert_eq!(house.courier().drain_once().await.unwrap(), 0);
    assert_eq!(house.row(id).await, ("failed".to_owned(), 1, false));
    assert_eq!(house.facts().await, failed(id));
    assert_eq!(house.mails().len(), 0);
}

#[tokio::test]
async fn a_mail_that_does_not_open_waits_for_its_key() {
    let house = House::new().await;
    let id = house.queue(&to_ann()).await;
    let other = Keyring::new(&MasterFile::generate(&*house.entropy));
    let stranger = house.courier_with(Arc::new(other), house.entropy.clone());
    for tried in 1..=12 {
        assert_eq!(stranger.drain_once().await.unwrap(), 0);
        assert_eq!(house.row(id).await, ("queued".to_owned(), tried, true));
        house.advance(Span::minutes(5));
    }
    assert_eq!(house.courier().drain_once().await.unwrap(), 1);
}

#[tokio::test]
async fn a_title_with_a_line_break_is_no_title() {
    let house = House::new().await;
    let honest = String::from_utf8(serde_json::to_vec(&to_ann()).unwrap()).unwrap();
    let forged = honest.replace("Kasa", "Kasa\\r\\nBcc: eve@example.com");
    assert_ne!(forged, honest);
    let id = house.queue_bytes(Template::VerifyEmail, forged.into_bytes()).await;
    house.queue(&to_ann()).await;
    assert_eq!(house.courier().drain_once().await.unwrap(), 1, "the other one");
    assert_eq!(house.row(id).await, ("queued".to_owned(), 1, true));
    assert!(house.mails().iter().all(|mail| !mail.contains("eve")));
}

#[tokio::test]
async fn a_delivery_of_a_newer_program_is_left_to_it() {
    let house = House::new().await;
    let id = house.queue(&to_ann()).await;
    let newer = sqlx::raw_sql("UPDATE deliveries SET template = 'good_news'");
    newer.execute(&mut house.database().await).await.unwrap();
    house.queue(&to_ann()).await;
    let courier = house.courier();
    assert_eq!(courier.drain_once().await.unwrap(), 1, "the other one");
    assert_eq!(house.row(id).await, ("queued".to_owned(), 0, true));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let house = House::new().await;
    let taken = house.dir.path().join("tidegate.db");
    let courier = |folder: &std::path::Path, from: &str| {
        let (folder, poll) = (folder.to_owned(), std::time::Duration::ZERO);
        let settings = Settings { folder, from: from.to_owned(), poll };
        let (clock, entropy) = (house.clock.clone(), house.entropy.clone());
        Courier::new(house.store.clone(), house.keyring.clone(), clock, entropy, settings).map(drop)
    };
    let from = courier(&house.folder(), "Tidegate").unwrap_err();
    assert_eq!(from.to_string(), r#""Tidegate" is no mailbox such as "Tidegate <no-reply@example.com>""#);
    assert!(matches!(courier(&taken, "a@b.example"), Err(SetupError::Folder { .. })));
}
