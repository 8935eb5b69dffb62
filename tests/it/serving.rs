//! An app on a database, and a server in front of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tidegate_grpc::StreamSettings;
use tidegate_keyring::{Keyring, Passwords};
use tidegate_service::{App, Freshness, Parts};
use tidegate_store::{Engine, Store, Timeouts};
use tidegate_tests::TIMEOUT;
use tokio::{net::TcpListener, sync::oneshot};
use tonic::transport::{Channel, Endpoint};

use crate::clock::{CountingEntropy, ManualClock};

const CONNECTIONS: u32 = 8;

/// For every store, unless a test sets its own. Queued answers wait for their leader as long, so that the test decides
/// which of them go together.
pub const PATIENT: Timeouts = Timeouts {
    acquire: TIMEOUT,
    connect: TIMEOUT,
    lock: TIMEOUT,
    statement: TIMEOUT,
    idle_in_transaction: TIMEOUT,
    leader: TIMEOUT,
};

pub async fn open(url: &str, timeouts: Timeouts) -> Store {
    let settings = tidegate_store::Settings { url: url.to_owned(), connections: CONNECTIONS, timeouts };
    Store::open(&settings).await.unwrap()
}

pub fn parts(
    store: &Store,
    keyring: &Arc<Keyring>,
    clock: &Arc<ManualClock>,
    entropy: &Arc<CountingEntropy>,
) -> Parts {
    Parts {
        store: store.clone(),
        keyring: keyring.clone(),
        passwords: Passwords::new(2, &**entropy).with_queue_timeout(TIMEOUT),
        clock: clock.clone(),
        entropy: entropy.clone(),
        settings: tidegate_service::Settings {
            commands: 64,
            queue_timeout: TIMEOUT,
            version: "0.0.0",
            // A SQLite file has one owner. What others wrote to PostgreSQL is looked at when a test says so.
            freshness: match store.engine() {
                Engine::Sqlite => Freshness::SingleReplica,
                Engine::Postgres => Freshness::Followed(Duration::from_hours(1)),
            },
            accounts: 1_000,
        },
    }
}

/// Looks for news all the time, and hardly ever speaks when there is none.
pub const PROMPT: StreamSettings = StreamSettings {
    poll: Duration::from_millis(1),
    heartbeat: Duration::from_hours(1),
    recheck: Duration::ZERO,
    longest: Duration::from_hours(1),
};

/// No call is cut off.
pub const SERVED: tidegate_grpc::Settings =
    tidegate_grpc::Settings { reflection: true, streams: PROMPT, max_deadline: TIMEOUT, linger: TIMEOUT };

/// Serves until the sender is dropped.
pub async fn serve(app: &App, settings: tidegate_grpc::Settings) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (open, closed) = oneshot::channel::<()>();
    let stop = async { drop(closed.await) };
    tokio::spawn(tidegate_grpc::serve(app.clone(), settings, listener, stop));
    (address, open)
}

pub fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}
