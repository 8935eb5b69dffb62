//! An app on a database, and a server in front of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tidegate_factors::sms_cost::{OnCap, SmsCost, SmsCosts};
use tidegate_grpc::{ConnectionSettings, StreamSettings};
use tidegate_keyring::{Keyring, Passwords};
use tidegate_service::{App, Freshness, Parts};
use tidegate_store::{Engine, Pooler, Settings, Store, Timeouts};
use tidegate_tests::{TIMEOUT, pgbouncer::PgBouncer};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tonic::transport::{Channel, Endpoint};

use crate::clock::{CountingEntropy, ManualClock};

const CONNECTIONS: u32 = 8;

/// The timeouts of every store, unless a test sets its own. Queued answers wait for their leader as long, so
/// that the test decides which of them run in one batch.
pub const PATIENT: Timeouts = Timeouts {
    acquire: TIMEOUT,
    connect: TIMEOUT,
    lock: TIMEOUT,
    statement: TIMEOUT,
    idle_in_transaction: TIMEOUT,
    leader: TIMEOUT,
};

pub async fn open(url: &str, timeouts: Timeouts) -> Store {
    let url = url.to_owned();
    Store::open(&Settings { url, connections: CONNECTIONS, timeouts, pooler: Pooler::None }).await.unwrap()
}

/// What a store is told that goes through a pooler.
pub fn pooled(through: &PgBouncer, timeouts: Timeouts) -> Settings {
    Settings { url: through.url(), connections: CONNECTIONS, timeouts, pooler: Pooler::Transaction }
}

pub fn parts(
    store: &Store,
    keyring: &Arc<Keyring>,
    clock: &Arc<ManualClock>,
    entropy: &Arc<CountingEntropy>,
) -> Parts {
    Parts {
        store: store.clone(),
        metrics: store.metrics().clone(),
        keyring: keyring.clone(),
        passwords: Passwords::new(2, &**entropy).with_queue_timeout(TIMEOUT),
        clock: clock.clone(),
        entropy: entropy.clone(),
        settings: tidegate_service::Settings {
            commands: 64,
            queue_timeout: TIMEOUT,
            version: "0.0.0",
            web_push_key: None,
            // A SQLite file has one process. On PostgreSQL a replica reads what others wrote when a test
            // calls `follow`.
            freshness: match store.engine() {
                Engine::Sqlite => Freshness::SingleReplica,
                Engine::Postgres => Freshness::Followed(Duration::from_hours(1)),
            },
            accounts: 1_000,
            sms: Some(sms_costs()),
        },
    }
}

/// Messages to France cost so much that three of them reach the cap of an hour.
fn sms_costs() -> SmsCosts {
    let costs = [("DE", 1, 1_000), ("FR", 30, 100)];
    let cost =
        |(country, price, hourly): (&str, i64, i64)| (country.parse().unwrap(), SmsCost { price, hourly });
    SmsCosts { countries: costs.map(cost).into_iter().collect(), on_cap: OnCap::Block }
}

/// Polls all the time, and sends a heartbeat hardly ever.
pub const PROMPT: StreamSettings = StreamSettings {
    poll: Duration::from_millis(1),
    heartbeat: Duration::from_hours(1),
    recheck: Duration::ZERO,
    pace: Duration::ZERO,
    longest: Duration::from_hours(1),
};

/// With these settings no call is cut off.
pub const SERVED: tidegate_grpc::Settings = tidegate_grpc::Settings {
    reflection: true,
    streams: PROMPT,
    max_deadline: TIMEOUT,
    linger: TIMEOUT,
    connections: LASTING,
    certificates: None,
    web_origins: None,
    tracing: None,
};

/// No connection ends by a timeout.
pub const LASTING: ConnectionSettings = ConnectionSettings {
    max_age: None,
    keepalive_timeout: TIMEOUT,
    handshake_timeout: TIMEOUT,
    stranger_idle_timeout: TIMEOUT,
    message_wait: TIMEOUT,
    ..ConnectionSettings::DEFAULT
};

/// Serves until the guard is dropped.
pub async fn serve(app: &App, settings: tidegate_grpc::Settings) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = tidegate_grpc::Shutdown::default();
    tokio::spawn(tidegate_grpc::serve(app.clone(), settings, listener, shutdown.clone()));
    (address, shutdown.drain.drop_guard())
}

pub fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}
