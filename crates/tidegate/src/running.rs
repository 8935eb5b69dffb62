//! A running server: its parts, and the order in which they start and stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use tidegate_core::{Clock as _, Id, RealmId, Span};
use tidegate_courier::Courier;
use tidegate_grpc::{Certificates, Shutdown};
use tidegate_keyring::{Keyring, Passwords, breached::BreachedPasswords};
use tidegate_metrics::Metrics;
use tidegate_service::{
    App, Freshness, Parts, Pulses,
    audit::Sealer,
    installation::{KeyCheck, Retention, Rewrapper, Sweeper, check},
    reminders::Reminders,
    rollouts::FunnelWorker,
    rollouts::Scheduler,
};
use tidegate_store::{Engine, Pooler, Share, Store, Timeouts, installation as installation_row};
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    ambient::{AuthorityClock, SystemEntropy},
    check_schema::check_schema,
    config::{self, Config},
    descriptors,
    files::{self, Files},
    keep_credentials,
    keep_keys::KeepKeys,
    keep_time, mail, passwords,
    pulse::{self, Rhythm},
    receipts, sms, tls, traces, workers,
};

pub struct Running {
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    /// Where receipts of text messages are taken, if they are.
    pub receipts: Option<SocketAddr>,
    /// The certificate that is served; absent: TLS is off.
    pub certificates: Option<Certificates>,
    breached: Option<BreachedPasswords>,
    /// Has the file of master keys read again.
    read_keys: Arc<Notify>,
    /// How long calls under way may take when the program stops.
    drain: Duration,
    /// How long the rest of the stop may take.
    close: Duration,
    app: App,
    store: Store,
    shutdown: Shutdown,
    /// Stops the background tasks, once no call can need them.
    rest: CancellationToken,
    server: JoinHandle<Result<(), tidegate_grpc::ServeError>>,
    background: JoinSet<()>,
}

/// How long the cache is fresh after the event log was read. Together with `FOLLOW` it bounds the staleness: a change is
/// effective on every replica within a second.
const FRESH_FOR: Duration = Duration::from_millis(700);
/// The authority's clock is read once in so many pulses.
const PULSES_PER_CLOCK: u32 = 5;
/// For a statement of a command that reads whole tables.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(30);

/// Opens the database for a command, and closes it however the command ends.
pub async fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let store = open(config).await?;
    let done = work(&store).await;
    store.close().await;
    done
}

pub async fn open(config: &Config) -> anyhow::Result<Store> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let setting =
        if config.database.url_file.as_os_str().is_empty() { "database.url" } else { "database.url_file" };
    let opened = Store::measured(&database(config)?, metrics).await;
    opened.with_context(|| format!("failed to open the database that {setting} names"))
}

/// The same for commands that read whole tables.
pub async fn open_patiently(config: &Config) -> anyhow::Result<Store> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let mut settings = database(config)?;
    settings.timeouts.statement = STATEMENT_TIMEOUT;
    Store::measured(&settings, metrics).await.context("failed to open the database")
}

/// What the store is told of the database.
pub(crate) fn database(config: &Config) -> anyhow::Result<tidegate_store::Settings> {
    Ok(tidegate_store::Settings {
        url: files::database_url(&config.database)?.reveal().to_owned(),
        connections: config.database.connections,
        timeouts: timeouts(&config.database),
        pooler: match config.database.pooler {
            config::Pooler::None => Pooler::None,
            config::Pooler::Transaction => Pooler::Transaction,
        },
    })
}

fn timeouts(database: &config::Database) -> Timeouts {
    Timeouts {
        acquire: Duration::from_millis(database.acquire_timeout_ms),
        connect: Duration::from_millis(database.connect_timeout_ms),
        lock: Duration::from_millis(database.lock_timeout_ms),
        statement: Duration::from_millis(database.statement_timeout_ms),
        idle_in_transaction: Duration::from_millis(database.idle_in_transaction_timeout_ms),
        ..Timeouts::default()
    }
}

/// Makes this process known, so that what it claims is free when it dies, and frees what a process before it had claimed.
async fn register(store: &Store, clock: &AuthorityClock, rhythm: Rhythm) -> anyhow::Result<RealmId> {
    let found = tidegate_store::installation::find(&mut store.across("register")).await?;
    let first_realm = found.context("the database is not initialised; run `tidegate init`")?.first_realm;
    store.register(Id::new(clock.now(), &SystemEntropy), rhythm.patience());
    if let Err(error) = store.release_others(first_realm, clock.now()).await {
        tracing::warn!(%error, "what the last run had claimed is not free before its time");
    }
    Ok(first_realm)
}

impl Running {
    #[expect(clippy::too_many_lines, reason = "a part of the server for each line")]
    pub async fn start(config: &Config, store: Store, keyring: Keyring) -> anyhow::Result<Self> {
        let certificates = tls::certificates(config)?;
        check_schema(&store).await?;
        match check(&store, &keyring).await? {
            KeyCheck::Right => {}
            KeyCheck::NotInitialised => bail!("the database is not initialised; run `tidegate init`"),
            KeyCheck::Wrong => bail!(
                "the master key in {} is not the one the database was made with",
                config.keys.master_file.display()
            ),
        }
        refuse_half_restored(&store).await?;
        let (keyring, clock) = (Arc::new(keyring), Arc::new(AuthorityClock::default()));
        keep_time::begin(&store, &clock).await?;
        let rhythm = Rhythm {
            interval: Duration::from_millis(config.admin.check_interval_ms),
            timeout: Duration::from_millis(config.admin.check_timeout_ms),
        };
        let first_realm = register(&store, &clock, rhythm).await?;
        let workers = store.sharing(Share::Ordinary);
        let courier = courier(config, &workers, &keyring, &clock)?;
        let sealer = Sealer::new(workers.clone(), keyring.clone(), clock.clone(), Arc::new(SystemEntropy));
        let sealer = Arc::new(sealer);
        let rewrapper =
            Rewrapper::new(workers.clone(), keyring.clone(), clock.clone(), Arc::new(SystemEntropy));
        let keep_keys = KeepKeys {
            path: config.keys.master_file.clone(),
            keyring: keyring.clone(),
            rewrapper: Arc::new(rewrapper),
            metrics: store.metrics().clone(),
            engine: store.engine(),
            read: Arc::default(),
        };
        let breached = passwords::breached(config)?;
        let app = app(config, &store, keyring, &clock, courier.web_push_key(), breached.clone())?;
        let receipts = receipts::endpoint(config, &store, &clock)?;
        let pulses = Pulses::new(app.clone(), first_realm, rhythm.timeout);
        // The clock is stored before the first call is served.
        pulse::take_first(&app, &pulses, rhythm).await;

        let grpc = listen(config.grpc.listen, "grpc.listen").await?;
        let admin = listen(config.admin.listen, "admin.listen").await?;
        let receipts = match receipts {
            Some((address, endpoint)) => Some((listen(address, "sms_receipts.listen").await?, endpoint)),
            None => None,
        };
        let (grpc_address, admin_address) = (grpc.local_addr()?, admin.local_addr()?);
        let receipts_address = receipts.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?;
        let (shutdown, rest) = (Shutdown::default(), CancellationToken::new());
        let (reflection, streams) = (config.grpc.reflection(), tidegate_grpc::StreamSettings::default());
        let max_deadline = Duration::from_millis(config.grpc.max_deadline_ms);
        let linger = Duration::from_millis(config.grpc.linger_ms);
        let settings = tidegate_grpc::Settings {
            reflection,
            streams,
            max_deadline,
            linger,
            connections: tls::connections(config, descriptors::grpc_connections(config)),
            certificates: certificates.clone(),
            web_origins: tls::web_origins(config)?,
            tracing: traces::calls(store.metrics()),
        };
        let server = tokio::spawn(tidegate_grpc::serve(app.clone(), settings, grpc, shutdown.clone()));
        let mut background = JoinSet::new();
        background.spawn(serve_admin(
            (app.clone(), certificates.clone()),
            admin,
            rhythm,
            (shutdown.lame_duck.clone(), rest.clone()),
        ));
        if let Some((listener, endpoint)) = receipts {
            background.spawn(serve_receipts(endpoint, listener, shutdown.drain.clone()));
        }
        background.spawn(pulse::keep(app.clone(), pulses, rhythm, rest.clone()));
        let interval = rhythm.interval * PULSES_PER_CLOCK;
        background.spawn(keep_time::keep(store.clone(), clock.clone(), interval, rest.clone()));
        background.spawn(keep_credentials::keep(app.clone(), workers.clone(), clock.clone(), rest.clone()));
        let funnel = FunnelWorker::new(workers.clone(), clock.clone(), &SystemEntropy);
        background.spawn(workers::fold((app.clone(), funnel), rest.clone()));
        let sweeper = Sweeper::new(workers.clone(), clock, &SystemEntropy, retention(&config.retention));
        background.spawn(workers::count_refusals(app.clone(), rest.clone()));
        let budget = Duration::from_millis(config.retention.sweep_ms);
        background.spawn(workers::sweep((app.clone(), sweeper), budget, rest.clone()));
        background.spawn(courier.run(rest.clone()));
        if let Some(certificates) = certificates.clone() {
            background.spawn(workers::reload(certificates, rest.clone()));
        }
        let keep = Span::days(config.audit.retention_days);
        if store.engine() == Engine::Postgres {
            background.spawn(workers::follow(app.clone(), rest.clone()));
        }
        let read_keys = keep_keys.read.clone();
        background.spawn(keep_keys.clone().follow(rest.clone()));
        background.spawn(keep_keys.rewrap(rest.clone()));
        background.spawn(workers::send_resets(app.clone(), rest.clone()));
        background.spawn(workers::purge(app.clone(), rest.clone()));
        background.spawn(workers::schedule((app.clone(), Scheduler::new(app.clone())), rest.clone()));
        background.spawn(workers::remind((app.clone(), Reminders::new(app.clone())), rest.clone()));
        background.spawn(workers::seal((app.clone(), sealer.clone()), rest.clone()));
        background.spawn(workers::cut(sealer, keep, store.metrics().clone(), rest.clone()));
        let (grpc, admin, receipts) = (grpc_address, admin_address, receipts_address);
        let drain = Duration::from_millis(config.grpc.drain_ms);
        let close = Duration::from_millis(config.grpc.close_ms);
        Ok(Self {
            grpc,
            admin,
            receipts,
            certificates,
            breached,
            read_keys,
            drain,
            close,
            app,
            store,
            shutdown,
            rest,
            server,
            background,
        })
    }

    /// Reads the certificates, the master keys and the file of breached passwords again.
    pub fn reload(&self) {
        self.read_keys.notify_one();
        if let Some(breached) = &self.breached {
            match breached.open_again() {
                Ok(()) => tracing::info!(entries = breached.entries(), "breached passwords are read again"),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(
                        "the new file of breached passwords cannot be used, and the old one stays: {error}"
                    );
                }
            }
        }
        if let Some(certificates) = &self.certificates {
            certificates.read_again();
        } else {
            tracing::info!("TLS is off, so no certificate is read again");
        }
    }

    /// Waits until the server or a background task ends by itself, or the database is taken away, which is a failure.
    pub async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            file = self.store.lost() => anyhow::anyhow!(
                "{} was deleted or replaced while the program used it, and no write is acknowledged any more. See which \
                 file is the right one, or restore a backup, and start the program again; stop it before files of its \
                 database are moved",
                file.display()
            ),
            ended = &mut self.server => match ended {
                Ok(Ok(())) => anyhow::anyhow!("the server ended"),
                Ok(Err(error)) => anyhow::Error::new(error),
                Err(error) => anyhow::Error::new(error),
            },
            Some(ended) = self.background.join_next() => match ended {
                Ok(()) => anyhow::anyhow!("a background task ended"),
                Err(error) => anyhow::Error::new(error),
            },
        }
    }

    /// Tells callers and load balancers to go elsewhere. Calls are still taken.
    pub fn announce_stop(&self) {
        self.shutdown.lame_duck.cancel();
    }

    /// Takes no more calls, drains those under way, then stops the background tasks. While the database is silent that
    /// does not end by itself; after the bound it is given up, which is a failure: a supervisor should show it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.announce_stop();
        self.shutdown.drain.cancel();
        // It has ended already if it failed.
        if !self.server.is_finished() && tokio::time::timeout(self.drain, &mut self.server).await.is_err() {
            tracing::warn!("calls were still under way after {:?} and are cut off", self.drain);
            self.server.abort();
        }
        let (close, mut step) = (self.close, "calls that run to their end");
        match tokio::time::timeout(close, self.finish(&mut step)).await {
            Ok(finished) => finished,
            Err(_) => bail!(
                "the program did not end within grpc.close_ms ({close:?}) and ends now; it waited for {step}. What was \
                 acknowledged is stored"
            ),
        }
    }

    /// The end, once no call is served. `step` says what it waits for.
    async fn finish(&mut self, step: &mut &'static str) -> anyhow::Result<()> {
        self.app.close().await;
        if let Err(error) = self.app.record_refusals(true).await {
            tracing::warn!(%error, "the refusals of the last minute could not be recorded");
        }
        *step = "background tasks";
        self.rest.cancel();
        while let Some(ended) = self.background.join_next().await {
            ended.context("failed to stop a background task")?;
        }
        *step = "the database to be closed";
        self.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// What was issued before the restore is void in a part of the accounts only.
async fn refuse_half_restored(store: &Store) -> anyhow::Result<()> {
    let found = installation_row::find(&mut store.across("refuse_half_restored")).await?;
    if let Some(began) = found.and_then(|found| found.restore_began_at) {
        bail!("`tidegate restored` was begun at {began} and is not complete: run it again");
    }
    Ok(())
}

pub(crate) fn app(
    config: &Config,
    store: &Store,
    keyring: Arc<Keyring>,
    clock: &Arc<AuthorityClock>,
    web_push_key: Option<&str>,
    breached: Option<BreachedPasswords>,
) -> anyhow::Result<App> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parallel = match config.limits.password_hashes {
        0 => cores,
        set => set,
    };
    let queue_timeout = Duration::from_millis(config.limits.queue_timeout_ms);
    let (metrics, hashed) = (store.metrics().clone(), store.metrics().clone());
    Ok(App::new(Parts {
        store: store.clone(),
        metrics,
        keyring,
        passwords: Passwords::new(parallel, &SystemEntropy)
            .with_queue_timeout(queue_timeout)
            .with_breached(breached)
            .with_timer(move |time| hashed.hashed(time)),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        settings: tidegate_service::Settings {
            commands: config.limits.commands,
            queue_timeout,
            version: env!("CARGO_PKG_VERSION"),
            web_push_key: web_push_key.map(str::to_owned),
            freshness: match store.engine() {
                Engine::Sqlite => Freshness::SingleReplica,
                Engine::Postgres => Freshness::Followed(FRESH_FOR),
            },
            accounts: config.limits.cached_accounts,
            sms: sms::costs(config)?,
        },
    }))
}

fn courier(
    config: &Config,
    store: &Store,
    keyring: &Arc<Keyring>,
    clock: &Arc<AuthorityClock>,
) -> anyhow::Result<Courier> {
    let settings = mail::settings(config, store.metrics().clone(), Files::Here)?;
    let (store, keyring, clock) = (store.clone(), keyring.clone(), clock.clone());
    Courier::new(store, keyring, clock, Arc::new(SystemEntropy), settings).context("failed to set up mail")
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {setting} {address}"))
}

async fn serve_admin(
    shown: (App, Option<Certificates>),
    listener: TcpListener,
    rhythm: Rhythm,
    (leaving, stop): (CancellationToken, CancellationToken),
) {
    if let Err(error) = admin::serve(shown, listener, rhythm, (leaving, stop)).await {
        tracing::error!(%error, "the admin port failed");
    }
}

async fn serve_receipts(endpoint: receipts::Endpoint, listener: TcpListener, stop: CancellationToken) {
    if let Err(error) = receipts::serve(endpoint, listener, stop).await {
        tracing::error!(%error, "the port for receipts failed");
    }
}

fn retention(kept: &config::Retention) -> Retention {
    Retention {
        sign_ins: Span::days(kept.sign_ins_days),
        sessions: Span::days(kept.sessions_days),
        deliveries: Span::days(kept.deliveries_days),
    }
}
