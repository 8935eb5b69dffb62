//! What a receipt does to the delivery that it names.

use sqlx::Executor as _;
use tidegate_core::{
    Body, Channel, DeliveryId, DeliveryState, Fact, Id, Message, MessagePurpose, MessageStyle, PhoneNumber,
    Realm, RealmId, Recipient, Span,
};
use tidegate_store::{deliveries, realms};

use super::{BEGIN, Outbox, to_ann};
use crate::{ReceiptError, ReceiptFormat, ReceiptSettings, Receipts};

const PURPOSE: MessagePurpose = MessagePurpose::SignInCode;

/// An outbox whose gateway sends receipts.
struct ReceiptTest {
    outbox: Outbox,
    receipts: Receipts,
}

impl ReceiptTest {
    async fn new() -> Self {
        let outbox = Outbox::new().await;
        add_realm(&outbox, outbox.realm, "main").await;
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let settings = ReceiptSettings {
            id: "id".to_owned(),
            status: "status".to_owned(),
            delivered: words(&["delivered"]),
            failed: words(&["failed", "undelivered"]),
        };
        let (clock, entropy) = (outbox.clock.clone(), outbox.entropy.clone());
        let receipts = Receipts::new(outbox.store.clone(), clock, entropy, settings).unwrap();
        Self { outbox, receipts }
    }

    /// A text message that waits to be sent.
    async fn queued(&self) -> DeliveryId {
        let message = Message {
            purpose: PURPOSE,
            to: Recipient::Phone(PhoneNumber::parse("+4915112345678").unwrap()),
            key: None,
            product: "Kasa".parse().unwrap(),
            style: MessageStyle::default(),
            body: Body::Code { code: "123456".to_owned() },
            expires_at: BEGIN.plus(Span::minutes(5)),
        };
        self.outbox.queue(&message).await
    }

    /// A text message that the gateway has taken.
    async fn sent(&self, gateway_id: Option<&str>) -> DeliveryId {
        let id = self.queued().await;
        self.ends(id, gateway_id).await;
        id
    }

    async fn ends(&self, id: DeliveryId, gateway_id: Option<&str>) {
        let (gateway_id, now) = (gateway_id.map(str::to_owned), BEGIN);
        let end = self.outbox.store.tx("test", self.outbox.realm, async |tx| {
            deliveries::end(tx, id, (DeliveryState::Sent, None), gateway_id, now).await
        });
        assert!(end.await.unwrap());
    }

    async fn form(&self, id: &str, status: &str) -> Result<usize, ReceiptError> {
        self.receipts.take(format!("id={id}&status={status}").as_bytes(), ReceiptFormat::Form).await
    }

    async fn json(&self, body: &str) -> Result<usize, ReceiptError> {
        self.receipts.take(body.as_bytes(), ReceiptFormat::Json).await
    }

    async fn is(&self, id: DeliveryId) -> (String, Option<String>) {
        (self.outbox.row(id).await.0, self.outbox.problem(id).await)
    }
}

async fn add_realm(outbox: &Outbox, id: RealmId, key: &str) {
    let realm = Realm { id, key: key.parse().unwrap(), title: key.parse().unwrap(), created_at: BEGIN };
    let insert = outbox.store.tx("test", id, async |tx| realms::insert(tx, &realm).await);
    assert!(insert.await.unwrap());
}

fn reported(delivery: DeliveryId, delivered: bool) -> Fact {
    Fact::DeliveryReported { delivery, channel: Channel::Sms, purpose: PURPOSE, delivered }
}

fn delivered() -> (String, Option<String>) {
    ("delivered".to_owned(), None)
}

fn failed() -> (String, Option<String>) {
    ("failed".to_owned(), Some("not_delivered".to_owned()))
}

fn sent() -> (String, Option<String>) {
    ("sent".to_owned(), None)
}

#[tokio::test]
async fn a_receipt_names_the_delivery_by_our_id_or_by_the_gateways() {
    let test = ReceiptTest::new().await;
    let (ours, theirs) = (test.sent(Some("SM1")).await, test.sent(Some("SM2")).await);
    assert_eq!(test.form(&ours.to_string(), "delivered").await.unwrap(), 1);
    assert_eq!(test.json(r#"{"id": "SM2", "status": "undelivered"}"#).await.unwrap(), 1);
    assert_eq!((test.is(ours).await, test.is(theirs).await), (delivered(), failed()));
    assert_eq!(test.outbox.facts().await, [reported(theirs, false), reported(ours, true)]);
}

#[tokio::test]
async fn the_first_final_receipt_counts() {
    let test = ReceiptTest::new().await;
    let (one, two) = (test.sent(None).await, test.sent(None).await);
    for (id, status, changed) in [
        (one, "queued", 0),
        (one, "delivered", 1),
        (one, "delivered", 0),
        (one, "failed", 0),
        (two, "failed", 1),
        (two, "delivered", 0),
    ] {
        assert_eq!(test.form(&id.to_string(), status).await.unwrap(), changed, "{status}");
    }
    assert_eq!((test.is(one).await, test.is(two).await), (delivered(), failed()));
    assert_eq!(test.outbox.facts().await, [reported(two, false), reported(one, true)]);
}

#[tokio::test]
async fn many_receipts_come_at_once() {
    let test = ReceiptTest::new().await;
    let (one, two, three) = (test.sent(Some("17")).await, test.sent(None).await, test.sent(None).await);
    let all = format!(
        r#"[{{"id": 17, "status": "delivered"}}, {{"id": "{two}", "status": "failed"}},
            {{"id": "{three}", "status": "queued"}}, {{"id": "unknown", "status": "failed"}},
            {{"id": "{two}", "status": "delivered"}}]"#
    );
    assert_eq!(test.json(&all).await.unwrap(), 2);
    assert_eq!(
        (test.is(one).await, test.is(two).await, test.is(three).await),
        (delivered(), failed(), sent())
    );
    assert_eq!(test.json(&all).await.unwrap(), 0, "the gateway sends them once more");
}

#[tokio::test]
async fn one_that_cannot_be_read_spoils_all() {
    let test = ReceiptTest::new().await;
    let id = test.sent(None).await;
    let body = format!(r#"[{{"id": "{id}", "status": "delivered"}}, {{"id": "{id}"}}]"#);
    assert!(matches!(test.json(&body).await, Err(ReceiptError::Malformed(_))));
    assert_eq!(test.is(id).await, sent());
}

#[tokio::test]
async fn an_unknown_id_changes_nothing() {
    let test = ReceiptTest::new().await;
    let id = test.sent(Some("SM1")).await;
    let unknown: DeliveryId = Id::from_uuid_bytes([7; 16]);
    for name in
        [unknown.to_string(), "sm1".to_owned(), "SM".to_owned(), "acct_1".to_owned(), "%27".to_owned()]
    {
        assert_eq!(test.form(&name, "delivered").await.unwrap(), 0, "{name}");
    }
    assert_eq!(test.is(id).await, sent());
    assert_eq!(test.outbox.facts().await, []);
}

#[tokio::test]
async fn an_id_of_the_gateway_that_two_messages_have_names_neither() {
    let test = ReceiptTest::new().await;
    let (one, two) = (test.sent(Some("7")).await, test.sent(Some("7")).await);
    assert_eq!(test.form("7", "delivered").await.unwrap(), 0);
    let elsewhere: RealmId = Id::new(BEGIN, &*test.outbox.entropy);
    add_realm(&test.outbox, elsewhere, "acme").await;
    test.outbox
        .database()
        .await
        .execute(
            sqlx::query("UPDATE deliveries SET realm_id = $1 WHERE delivery_id = $2")
                .bind(elsewhere.uuid())
                .bind(two.uuid()),
        )
        .await
        .unwrap();
    assert_eq!(test.form("7", "delivered").await.unwrap(), 0, "nor in two realms");
    assert_eq!((test.is(one).await, test.is(two).await), (sent(), sent()));
    assert_eq!(test.form(&two.to_string(), "delivered").await.unwrap(), 1, "our own id names one");
    assert_eq!((test.is(one).await, test.is(two).await), (sent(), delivered()));
    assert_eq!(test.outbox.facts().await, [], "the event belongs to the other realm");
}

#[tokio::test]
async fn a_receipt_that_comes_before_the_end_is_stored_is_to_come_again() {
    let test = ReceiptTest::new().await;
    let (early, late) = (test.queued().await, test.sent(None).await);
    let both =
        format!(r#"[{{"id": "{early}", "status": "delivered"}}, {{"id": "{late}", "status": "delivered"}}]"#);
    assert!(matches!(test.json(&both).await, Err(ReceiptError::TooEarly)));
    assert_eq!((test.is(early).await.0.as_str(), test.is(late).await), ("queued", delivered()));
    test.ends(early, None).await;
    assert_eq!(test.json(&both).await.unwrap(), 1);
    assert_eq!(test.is(early).await, delivered());
}

#[tokio::test]
async fn mails_have_no_receipts() {
    let test = ReceiptTest::new().await;
    let mail = test.outbox.queue(&to_ann()).await;
    test.outbox.courier().drain_once().await.unwrap();
    assert_eq!(test.form(&mail.to_string(), "failed").await.unwrap(), 0);
    assert_eq!(test.is(mail).await, sent());
}

#[tokio::test]
async fn a_message_that_was_given_up_is_not_revived() {
    let test = ReceiptTest::new().await;
    let id = test.queued().await;
    test.outbox.advance(Span::hours(3));
    test.outbox.courier().drain_once().await.unwrap();
    assert_eq!(test.form(&id.to_string(), "delivered").await.unwrap(), 0);
    assert_eq!(test.is(id).await, ("failed".to_owned(), Some("expired".to_owned())));
}
