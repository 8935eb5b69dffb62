//! An outbox on SQLite in a folder of its own, with a clock that the test advances.

mod apns;
mod destinations;
mod failures;
mod fcm;
pub(crate) mod http_service;
mod letters;
mod logs;
mod mail_server;
mod notices;
mod reach;
mod receipts;
mod reminders;
mod replies;
mod sms;
mod smtp;
mod texts;
mod web_push;
mod workers;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tidegate_core::{
    AccountId, Body, Channel, Clock, DeliveryId, Email, Entropy, EventId, Fact, Id, Message, MessagePurpose,
    MessageStyle, RealmId, Recipient, RecordedFact, Secret, Span, Timestamp,
};
use tidegate_keyring::{Keyring, MasterFile, SealContext};
use tidegate_metrics::Metrics;
use tidegate_store::{Store, Timeouts, deliveries, events};

use crate::{Courier, PushSettings, Settings, SetupError, To};

/// 7 March 2026, 09:05:30 UTC.
const BEGIN: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);
/// No test waits this long. It bounds how long the database may take.
const PATIENT: Duration = Duration::from_mins(5);
const TOKEN: &str = "tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Never the same bytes twice.
struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, next)| *byte = *next);
    }
}

struct Outbox {
    dir: TempDir,
    store: Store,
    keyring: Arc<Keyring>,
    clock: Arc<ManualClock>,
    entropy: Arc<CountingEntropy>,
    realm: RealmId,
    account: AccountId,
}

/// A mail to any text, because the database may hold any text as an address.
fn mail(purpose: MessagePurpose, to: &str, title: &str) -> Message {
    let url = "https://kasa.example/confirm".parse().unwrap();
    Message {
        purpose,
        to: Recipient::Mailbox(Email::restored(to.to_owned(), String::new()).destination()),
        key: Some("kasa".parse().unwrap()),
        product: title.parse().unwrap(),
        style: MessageStyle::default(),
        body: Body::Link { url, token: TOKEN.to_owned() },
        expires_at: BEGIN.plus(Span::hours(2)),
    }
}

fn to_ann() -> Message {
    mail(MessagePurpose::VerifyEmail, "ann@example.com", "Kasa")
}

impl Outbox {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("tidegate.db").display());
        let timeouts = Timeouts { acquire: PATIENT, lock: PATIENT, ..Timeouts::default() };
        let settings =
            tidegate_store::Settings { url, connections: 2, timeouts, pooler: tidegate_store::Pooler::None };
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        let entropy = Arc::new(CountingEntropy(AtomicU64::new(0)));
        let keyring = Arc::new(Keyring::new(&MasterFile::generate(&*entropy)));
        let clock = Arc::new(ManualClock(AtomicI64::new(BEGIN.unix_micros())));
        let (realm, account) = (Id::new(BEGIN, &*entropy), Id::new(BEGIN, &*entropy));
        Self { dir, store, keyring, clock, entropy, realm, account }
    }

    fn courier(&self) -> Courier {
        self.courier_with(self.keyring.clone(), self.entropy.clone())
    }

    /// A courier that hands mails over so.
    fn courier_to(&self, to: To) -> Courier {
        self.try_courier_to(to).unwrap()
    }

    fn try_courier_to(&self, to: To) -> Result<Courier, SetupError> {
        let (keyring, clock, entropy) = (self.keyring.clone(), self.clock.clone(), self.entropy.clone());
        Courier::new(self.store.clone(), keyring, clock, entropy, self.settings(to))
    }

    fn settings(&self, to: To) -> Settings {
        let from = "Tidegate <no-reply@tidegate.example>".to_owned();
        Settings {
            to,
            push: PushSettings::default(),
            sms: None,
            templates: self.templates(),
            from,
            poll: Duration::ZERO,
            sends_at_once: 4,
            metrics: Arc::new(Metrics::new("0")),
        }
    }

    fn courier_with(&self, keyring: Arc<Keyring>, entropy: Arc<dyn Entropy>) -> Courier {
        let settings = self.settings(To::Folder(self.folder()));
        Courier::new(self.store.clone(), keyring, self.clock.clone(), entropy, settings).unwrap()
    }

    fn templates(&self) -> PathBuf {
        self.dir.path().join("templates")
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("out/mail")
    }

    fn advance(&self, span: Span) {
        self.clock.0.fetch_add(span.micros(), Ordering::Relaxed);
    }

    async fn queue(&self, message: &Message) -> DeliveryId {
        let channel = if matches!(message.to, Recipient::Phone(_)) { Channel::Sms } else { Channel::Mail };
        self.queue_in(channel, message.purpose, serde_json::to_vec(message).unwrap()).await
    }

    async fn queue_bytes(&self, purpose: MessagePurpose, plain: Vec<u8>) -> DeliveryId {
        self.queue_in(Channel::Mail, purpose, plain).await
    }

    async fn queue_in(&self, channel: Channel, purpose: MessagePurpose, plain: Vec<u8>) -> DeliveryId {
        let now = self.clock.now();
        let (id, realm, account) = (Id::new(now, &*self.entropy), self.realm, self.account);
        let place = SealContext::Delivery { realm, delivery: id };
        let payload = self.keyring.seal(&place, &Secret::new(plain), &*self.entropy).unwrap();
        let expires_at = now.plus(Span::hours(2));
        let new = deliveries::New { id, account, channel, purpose, payload, now, due_at: now, expires_at };
        let insert = self.store.tx("test", realm, async |tx| deliveries::insert(tx, new).await);
        insert.await.unwrap();
        id
    }

    /// The mails in the folder, decoded.
    fn mails(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder()).unwrap().map(|file| file.unwrap().path());
        let mails = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
        mails.map(|path| decoded(&std::fs::read(path).unwrap())).collect()
    }

    /// A second connection to the database: the store does not show deliveries that have ended.
    async fn database(&self) -> SqliteConnection {
        let file = SqliteConnectOptions::new().filename(self.dir.path().join("tidegate.db"));
        file.busy_timeout(PATIENT).connect().await.unwrap()
    }

    /// The state of a delivery, its tries, and whether its payload is kept.
    async fn row(&self, id: DeliveryId) -> (String, i64, bool) {
        let sql = "SELECT state, tries, payload IS NOT NULL FROM deliveries WHERE delivery_id = $1";
        sqlx::query_as(sql).bind(id.uuid()).fetch_one(&mut self.database().await).await.unwrap()
    }

    /// Why the last failed try failed.
    async fn problem(&self, id: DeliveryId) -> Option<String> {
        let sql = "SELECT problem FROM deliveries WHERE delivery_id = $1";
        sqlx::query_scalar(sql).bind(id.uuid()).fetch_one(&mut self.database().await).await.unwrap()
    }

    async fn facts(&self) -> Vec<Fact> {
        let mut view = self.store.view("test", self.realm);
        let which = events::Which { account: Some(self.account), ..events::Which::any() };
        let events = events::newest(&mut view, (EventId::MIN, EventId::MAX), which, 1000).await.unwrap();
        let facts = events.into_iter().map(|event| match event.event.fact {
            RecordedFact::Known(fact) => fact,
            RecordedFact::Newer { data } => panic!("unknown fact {data}"),
        });
        facts.collect()
    }
}

/// The mail with LF as line end, and with quoted-printable (RFC 2045 §6.7) decoded.
fn decoded(eml: &[u8]) -> String {
    let text = String::from_utf8(eml.to_vec()).unwrap();
    if !text.contains("quoted-printable") {
        return text.replace("\r\n", "\n");
    }
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    let body = body.replace("=\r\n", "");
    let mut parts = body.split('=');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend([b"=", part.as_bytes()].concat()),
        }
    }
    format!("{headers}\n\n{}", String::from_utf8(bytes).unwrap()).replace("\r\n", "\n")
}
