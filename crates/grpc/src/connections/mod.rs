//! Accepts connections and serves HTTP on each of them, within bounds.
//!
//! ```text
//! accept ──► is there a place? ──► TLS handshake, if TLS is on ──► HTTP ── max_age ──► GOAWAY ──► closed
//!                 └─ no: closed         └─ too slow, or the oldest of too many: closed
//! ```
//!
//! A handshake runs in the connection's own task, so a slow one keeps no other caller waiting.
//! hyper is driven directly, because tonic's server knows no bound of connections, gives all of them
//! the same age, and closes an old one without GOAWAY where it is given a grace period.

mod bounds;
mod handshake_log;
mod http;

use std::{sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bounds::{Ages, Handshakes},
    http::Http,
};
use crate::{gate::Gate, identity::PeerCredential, tls::Certificates, web::WebOrigins};

#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// Connections at once. One more is closed as soon as it is accepted.
    pub max: usize,
    /// Calls at once on one connection.
    pub max_calls: u32,
    /// After this age, give or take a tenth, a connection takes no more calls, and the caller opens
    /// another one, perhaps to another replica.
    pub max_age: Option<Duration>,
    /// Between two HTTP/2 pings on a connection.
    pub keepalive_interval: Duration,
    /// How long a ping may stay unanswered before the connection is closed.
    pub keepalive_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
}

impl ConnectionSettings {
    /// 4 096 connections with 256 calls each, half an hour, pings as gRPC recommends.
    pub const DEFAULT: Self = Self {
        max: 4_096,
        max_calls: 256,
        max_age: Some(Duration::from_mins(30)),
        keepalive_interval: Duration::from_secs(30),
        keepalive_timeout: Duration::from_secs(10),
        handshake_timeout: Duration::from_secs(10),
    };
}

/// The most handshakes under way at once. They have no place among the connections yet, so that slow
/// ones cannot take all places.
const MAX_HANDSHAKES: usize = 256;
/// After an error of the listening socket, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Connections {
    pub(crate) settings: ConnectionSettings,
    pub(crate) certificates: Option<Certificates>,
    pub(crate) web_origins: Option<WebOrigins>,
    /// How long the calls on an old connection may take. Longer than any call, so that it ends only
    /// those whose caller does not read the answer.
    pub(crate) grace: Duration,
    /// No new connections and calls.
    pub(crate) stopping: CancellationToken,
    /// The connections.
    pub(crate) open: TaskTracker,
}

impl Connections {
    /// Accepts until `stopping`. Connections end later: see `open`.
    pub(crate) async fn accept(self, listener: TcpListener, gate: Gate) {
        let settings = self.settings;
        let http = Arc::new(Http::new(settings, self.grace, gate, self.web_origins));
        let places = Arc::new(Semaphore::new(settings.max));
        let mut handshakes = Handshakes::new(settings.max.min(MAX_HANDSHAKES));
        let mut ages = Ages::new(settings.max_age);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopping.cancelled() => return,
            };
            let (tcp, _) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(class = "ACCEPT", %error, "connections cannot be accepted");
                    // Without a pause, the loop would spin while there are too many open files.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if places.available_permits() == 0 {
                let (class, max) = ("CONNECTIONS", settings.max);
                tracing::warn!(class, max, "connections are refused: limits.connections are open");
                continue;
            }
            // Without it, a small answer would wait 40 ms for the caller's delayed acknowledgement.
            // Fails only if the connection is lost already.
            let _ = tcp.set_nodelay(true);
            let (http, stopping) = (http.clone(), self.stopping.clone());
            let connection =
                Connection { http, peer: None, age: ages.next(), stopping, places: places.clone() };
            match &self.certificates {
                None => self.open.spawn(connection.serve(tcp)),
                Some(certificates) => {
                    let begun = self.stopping.run_until_cancelled(handshakes.begin()).await;
                    let Some(evicted) = begun else { return };
                    let (limit, certificates) = (settings.handshake_timeout, certificates.clone());
                    self.open.spawn(async move {
                        let handshake = Handshake { evicted, limit };
                        if let Some(stream) = handshake.shake(certificates.acceptor(), tcp).await {
                            let peer = certificates.credential(stream.get_ref().1.peer_certificates());
                            let peer = peer.map(PeerCredential);
                            Connection { peer, ..connection }.serve(stream).await;
                        }
                    })
                }
            };
        }
    }
}

/// What a connection holds beside its socket.
struct Connection {
    http: Arc<Http>,
    peer: Option<PeerCredential>,
    age: Option<Duration>,
    stopping: CancellationToken,
    places: Arc<Semaphore>,
}

impl Connection {
    async fn serve(self, stream: impl http::Socket) {
        // Others may have taken the last places since it was accepted.
        let Ok(_place) = self.places.try_acquire() else { return };
        self.http.serve(stream, self.peer, self.age, self.stopping).await;
    }
}

/// A handshake under way.
struct Handshake {
    evicted: oneshot::Receiver<()>,
    limit: Duration,
}

impl Handshake {
    async fn shake(
        self,
        tls: tokio_rustls::TlsAcceptor,
        tcp: TcpStream,
    ) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
        let shaken = tokio::select! {
            shaken = timeout(self.limit, tls.accept(tcp)) => shaken,
            // It is the oldest of too many, or the server stops.
            _ = self.evicted => return None,
        };
        match shaken {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                handshake_log::failed(&error);
                None
            }
            Err(_) => {
                handshake_log::timed_out();
                None
            }
        }
    }
}
