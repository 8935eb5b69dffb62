//! A served app on a database of its own, with a manual clock and a repeatable random source.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tidegate_core::{Clock as _, Role, Secret, Span, Timestamp, Word as _};
use tidegate_courier::{Courier, PushSettings};
use tidegate_grpc::StreamSettings;
use tidegate_keyring::{KeyRotation, Keyring, MasterFile};
use tidegate_proto as proto;
use tidegate_service::{
    App, Parts,
    audit::Sealer,
    installation::{First, Initialised, Retention, Rewrapper, Sweeper, initialise},
    rollouts::FunnelWorker,
};
use tidegate_store::{Store, Timeouts};
use tidegate_tests::{pgbouncer::PgBouncer, postgres};
use tokio_util::sync::DropGuard;
use tonic::transport::Channel;

use crate::{
    actor::Actor,
    clock::{CountingEntropy, MORNING, ManualClock},
    mail::{self, Mail},
    serving::{PATIENT, SERVED, channel, open, parts, pooled, serve},
    transcript::Transcript,
};

/// The key of the default realm of the tests.
pub const REALM: &str = "main";

/// Cheap to clone. Dropping the last clone stops the server.
#[derive(Clone)]
pub struct TestServer {
    pub url: String,
    pub store: Store,
    pub app: App,
    pub address: SocketAddr,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<CountingEntropy>,
    pub transcript: Arc<Transcript>,
    pub courier: Arc<Courier>,
    pub sealer: Arc<Sealer>,
    pub funnel: Arc<FunnelWorker>,
    pub sweeper: Arc<Sweeper>,
    lots: Arc<CountingEntropy>,
    keyring: Arc<Keyring>,
    master: Arc<Mutex<MasterFile>>,
    operator: Arc<Secret<String>>,
    folder: Arc<TempDir>,
    _open: Arc<DropGuard>,
}

/// What an actor's credential says.
pub struct CredentialSpec<'c> {
    pub role: Role,
    pub realm: &'c str,
    /// Empty means all products.
    pub products: &'c [&'c str],
    pub expires_at: Option<Timestamp>,
    /// The person who is responsible for it.
    pub holder: &'c str,
}

impl CredentialSpec<'_> {
    pub const fn of(role: Role) -> Self {
        Self { role, realm: REALM, products: &[], expires_at: None, holder: "Ann" }
    }
}

/// A second app on the same database, at an address of its own.
pub struct Replica {
    pub channel: Channel,
    pub app: App,
    pub sealer: Sealer,
    pub funnel: FunnelWorker,
    _open: DropGuard,
}

impl TestServer {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
        Self::on(url, folder, PATIENT).await
    }

    pub async fn postgres() -> Self {
        Self::at(postgres::database().await, PATIENT).await
    }

    /// On an empty PostgreSQL database.
    pub async fn at(url: String, timeouts: Timeouts) -> Self {
        Self::on(url, tempfile::tempdir().unwrap(), timeouts).await
    }

    async fn on(url: String, folder: TempDir, timeouts: Timeouts) -> Self {
        let level = tracing_subscriber::filter::LevelFilter::ERROR;
        let _ = tracing_subscriber::fmt().with_max_level(level).with_test_writer().try_init();
        let (clock, entropy) = (Arc::new(ManualClock::at(MORNING)), Arc::new(CountingEntropy::default()));
        let master = MasterFile::generate(&*entropy);
        let keyring = Arc::new(Keyring::new(&master));
        let store = open(&url, timeouts).await;
        store.migrate().await.unwrap();
        let first = First::new(REALM.parse().unwrap(), "Main".parse().unwrap(), &*clock, &*entropy);
        let made = initialise(&store, &keyring, &*entropy, &first).await.unwrap();
        assert_eq!(made, Initialised::Now);
        let app = App::new(parts(&store, &keyring, &clock, &entropy));
        let (address, open) = serve(&app, SERVED).await;
        // The sealers have a random source of their own, so that they change no story.
        let lots = Arc::new(CountingEntropy::from(1 << 40));
        let sealer = Sealer::new(store.clone(), keyring.clone(), clock.clone(), lots.clone());
        let funnel = FunnelWorker::new(store.clone(), clock.clone(), &*lots);
        let sweeper = Sweeper::new(store.clone(), clock.clone(), &*lots, Retention::default());
        let settings = courier_settings(&folder, PushSettings::default());
        let sender = Courier::new(store.clone(), keyring.clone(), clock.clone(), entropy.clone(), settings);
        Self {
            url,
            store,
            app,
            address,
            clock,
            entropy,
            transcript: Arc::default(),
            courier: Arc::new(sender.unwrap()),
            sealer: Arc::new(sealer),
            funnel: Arc::new(funnel),
            sweeper: Arc::new(sweeper),
            lots,
            keyring,
            master: Arc::new(Mutex::new(master)),
            operator: Arc::new(first.token.clone()),
            folder: Arc::new(folder),
            _open: Arc::new(open),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// On PostgreSQL the replica has connections and a cache of its own. A SQLite file has one process, so
    /// there the same app serves at a second address.
    pub async fn replica(&self) -> Replica {
        let (store, app) = if self.is_sqlite() {
            (self.store.clone(), self.app.clone())
        } else {
            let store = open(&self.url, PATIENT).await;
            (store.clone(), App::new(self.parts(&store)))
        };
        self.served(store, app).await
    }

    /// A replica on PostgreSQL with these timeouts.
    pub async fn hasty_replica(&self, timeouts: Timeouts) -> Replica {
        let store = open(&self.url, timeouts).await;
        self.served(store.clone(), App::new(self.parts(&store))).await
    }

    /// A replica on PostgreSQL that goes through a pooler.
    pub async fn pooled_replica(&self, through: &PgBouncer, timeouts: Timeouts) -> Replica {
        let store = Store::open(&pooled(through, timeouts)).await.unwrap();
        self.served(store.clone(), App::new(self.parts(&store))).await
    }

    /// The parts of another app on this database, for a test that needs other settings.
    pub fn parts(&self, store: &Store) -> Parts {
        parts(store, &self.keyring, &self.clock, &self.entropy)
    }

    /// Another courier on this database, which notifies devices.
    pub fn courier_with(&self, push: PushSettings) -> Courier {
        let (keyring, clock, entropy) = (self.keyring.clone(), self.clock.clone(), self.entropy.clone());
        let settings = courier_settings(&self.folder, push);
        Courier::new(self.store.clone(), keyring, clock, entropy, settings).unwrap()
    }

    /// An app on the same database with an empty cache, like a server after a restart.
    pub async fn reopened(&self) -> Replica {
        let app = App::new(self.parts(&self.store));
        self.served(self.store.clone(), app).await
    }

    /// A server in front of another app.
    pub async fn served(&self, store: Store, app: App) -> Replica {
        let (address, open) = serve(&app, SERVED).await;
        let funnel = FunnelWorker::new(store.clone(), self.clock.clone(), &*self.lots);
        Replica { channel: channel(address), app, sealer: self.sealer_on(store), funnel, _open: open }
    }

    fn sealer_on(&self, store: Store) -> Sealer {
        Sealer::new(store, self.keyring.clone(), self.clock.clone(), self.lots.clone())
    }

    /// Makes a new master key active, in the file and in the app. Returns the former file.
    pub fn rotates(&self) -> MasterFile {
        let mut master = self.master.lock().unwrap();
        let former = master.clone();
        let new = master.add(&*self.lots);
        let rotation = KeyRotation { by: "Ann".parse().unwrap(), reason: "yearly".parse().unwrap() };
        assert!(master.activate(new, rotation) && self.keyring.replace(&master));
        former
    }

    /// The file of master keys.
    pub fn master(&self) -> MasterFile {
        self.master.lock().unwrap().clone()
    }

    /// What seals values again, in a program of its own.
    pub fn rewrapper(&self) -> Rewrapper {
        Rewrapper::new(self.store.clone(), self.keyring.clone(), self.clock.clone(), self.lots.clone())
    }

    /// An app with other master keys.
    pub fn app_with(&self, keyring: Arc<Keyring>) -> App {
        App::new(parts(&self.store, &keyring, &self.clock, &self.entropy))
    }

    /// The same app, served with these settings of streams.
    pub async fn streaming(&self, streams: StreamSettings) -> (Channel, DropGuard) {
        self.behind(tidegate_grpc::Settings { streams, ..SERVED }).await
    }

    /// The same app, served with other settings.
    pub async fn behind(&self, settings: tidegate_grpc::Settings) -> (Channel, DropGuard) {
        let (address, open) = serve(&self.app, settings).await;
        (channel(address), open)
    }

    /// Seals every event into the record.
    pub async fn seal(&self) {
        self.sealer.seal().await.unwrap();
    }

    /// Deletes what is over.
    pub async fn sweep(&self) {
        self.sweeper.sweep(Duration::from_hours(1)).await.unwrap();
    }

    /// Seals every event, and counts it in the funnels of rollouts.
    pub async fn fold(&self) {
        self.seal().await;
        self.funnel.fold().await.unwrap();
    }

    /// A new connection to the app.
    pub fn channel(&self) -> Channel {
        channel(self.address)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn pass(&self, span: Span) {
        self.clock.advance(span);
        self.transcript.note(&format!("{} pass", spelled(span)));
    }

    /// The holder of the first credential, quiet: it prepares what a story presupposes.
    pub fn operator(&self) -> Actor {
        Actor::new("operator", self, Some(self.operator.expose().clone())).quiet()
    }

    pub fn anonymous(&self) -> Actor {
        Actor::new("anonymous", self, None)
    }

    /// An actor for all products of the first realm.
    pub async fn actor(&self, name: &str, role: Role) -> Actor {
        self.with_credential(name, CredentialSpec::of(role)).await
    }

    /// The same, with a credential that the named person holds.
    pub async fn held(&self, name: &str, role: Role, holder: &str) -> Actor {
        self.with_credential(name, CredentialSpec { holder, ..CredentialSpec::of(role) }).await
    }

    pub async fn with_credential(&self, name: &str, spec: CredentialSpec<'_>) -> Actor {
        let role = format!("ROLE_TYPE_{}", spec.role.as_str().to_uppercase());
        let request = proto::CreateCredentialRequest {
            role: proto::RoleType::from_str_name(&role).unwrap().into(),
            products: spec.products.iter().map(ToString::to_string).collect(),
            all_products: spec.products.is_empty(),
            title: name.to_owned(),
            holder: spec.holder.to_owned(),
            expire_time: spec.expires_at.map(timestamp),
            request_id: String::new(),
        };
        let new = self.operator().in_realm(spec.realm).ok(request).await;
        let mut actor = Actor::new(name, self, Some(new.token));
        actor.credential = new.credential.unwrap().id;
        actor
    }

    /// Another realm beside the first.
    pub async fn realm(&self, key: &str) {
        let request = proto::CreateRealmRequest { key: key.into(), title: key.into(), ..Default::default() };
        self.operator().ok(request).await;
    }

    /// The newest mail to the address, sent now if it is due.
    pub async fn mail_to(&self, address: &str) -> Mail {
        let mail = self.mails_to(address).await.pop().unwrap_or_else(|| panic!("no mail to {address}"));
        self.transcript.note(&format!("mail to {address}: {}", mail.subject));
        mail
    }

    /// All mails to the address, oldest first.
    pub async fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.app.send_resets().await.unwrap();
        self.courier.drain_once().await.unwrap();
        mail::read(&self.folder.path().join("mail")).into_iter().filter(|mail| mail.to == address).collect()
    }

    /// The code of the newest message to the number, sent now if it is due.
    pub async fn texted(&self, number: &str) -> String {
        let text = self.texts_to(number).await.pop().unwrap_or_else(|| panic!("no message to {number}"));
        self.transcript.note(&format!("SMS: {}", text.split_once(' ').unwrap().1));
        text.split(' ').next().unwrap().to_owned()
    }

    /// All messages to the number, oldest first.
    pub async fn texts_to(&self, number: &str) -> Vec<String> {
        self.courier.drain_once().await.unwrap();
        let to = format!("To: {}\n", number.replace(' ', ""));
        let files =
            std::fs::read_dir(self.folder.path().join("sms")).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
        files.sort();
        let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        texts.filter_map(|text| Some(text.strip_prefix(&to)?.trim_end().to_owned())).collect()
    }
}

fn courier_settings(folder: &TempDir, push: PushSettings) -> tidegate_courier::Settings {
    tidegate_courier::Settings {
        to: tidegate_courier::To::Folder(folder.path().join("mail")),
        push,
        sms: Some(tidegate_courier::SmsTo::Folder(folder.path().join("sms"))),
        templates: folder.path().join("templates"),
        from: "Tidegate <no-reply@tidegate.example>".to_owned(),
        poll: Duration::ZERO,
        // One after the other, so that a story is the same every time.
        sends_at_once: 1,
        metrics: Arc::new(tidegate_metrics::Metrics::new("0")),
    }
}

pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.unix_micros().rem_euclid(1_000_000) * 1_000).unwrap();
    prost_types::Timestamp { seconds: at.unix_seconds(), nanos }
}

fn spelled(span: Span) -> String {
    let seconds = span.micros() / 1_000_000;
    match seconds {
        0 => format!("{} µs", span.micros()),
        _ if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        _ if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        _ if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
