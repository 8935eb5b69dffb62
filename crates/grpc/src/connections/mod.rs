//! Accepts connections and serves HTTP on each of them, within bounds.
//!
//! ```text
//! accept ──► is there a place? ──► TLS handshake, if TLS is on ──► HTTP ── max_age ──► GOAWAY ──► closed
//!                 │                     └─ too slow: closed          └─ too slow, or idle without a credential: closed
//!                 └─ no: closed
//! ```
//!
//! A connection is a stranger's until a call on it shows a valid credential (`load.rs`). Strangers have fewer places than all,
//! and the oldest makes room for the newest, so that they cannot keep callers out.
//!
//! A handshake runs in the connection's own task, so a slow one keeps no other caller waiting.
//! tonic's server is not used, because it knows no bound of connections, gives all of them the same age, and closes an old one
//! without GOAWAY where it is given a grace period.

mod bounds;
mod handshake_log;
mod http;
mod http2;
mod leaving;
mod paced;

use std::{sync::Arc, time::Duration};

use tidegate_service::App;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bounds::{AddressPlace, Addresses, Ages, Strangers, StrangersPlace},
    http::{Http, HttpLimits},
    leaving::{Leaving, tell},
};
use crate::{gate::Gate, identity::PeerCredential, load::Load, tls::Certificates, web::WebOrigins};

#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// Connections at once. One more is closed as soon as it is accepted.
    pub max: usize,
    /// The same from one address, or from one /64 of IPv6.
    pub max_per_address: usize,
    /// The same of callers that have shown no valid credential. For one more, the oldest is closed, when it is a second old.
    pub max_strangers: usize,
    /// Calls at once on one connection.
    pub max_calls: u32,
    /// After this age, give or take a tenth, a connection takes no more calls, and the caller opens
    /// another one, perhaps to another replica.
    pub max_age: Option<Duration>,
    /// Between two HTTP/2 pings on a connection.
    pub keepalive_interval: Duration,
    /// How long a ping may stay unanswered before the connection is closed.
    pub keepalive_timeout: Duration,
    /// How long a TLS handshake may take, then what HTTP begins with, and then a call without a credential.
    pub handshake_timeout: Duration,
    /// After this time without a call, a connection whose caller has shown no valid credential is closed (GOAWAY).
    pub stranger_idle_timeout: Duration,
    /// Calls under way at once on all connections.
    pub calls: usize,
    /// Bytes of large messages that are held at once, and of answers that are not read.
    pub message_bytes: usize,
    /// How long a large message waits for its share of these.
    pub message_wait: Duration,
}

impl ConnectionSettings {
    /// 4 096 connections with 256 calls each, half an hour, pings as gRPC recommends.
    pub const DEFAULT: Self = Self {
        max: 4_096,
        max_per_address: 1_024,
        max_strangers: 1_024,
        max_calls: 256,
        max_age: Some(Duration::from_mins(30)),
        keepalive_interval: Duration::from_secs(30),
        keepalive_timeout: Duration::from_secs(10),
        handshake_timeout: Duration::from_secs(10),
        stranger_idle_timeout: Duration::from_mins(1),
        calls: 8_192,
        message_bytes: 64 * 1024 * 1024,
        message_wait: Duration::from_secs(2),
    };
}

/// After an error of the listening socket, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const LONGEST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Connections {
    pub(crate) app: App,
    pub(crate) load: Arc<Load>,
    pub(crate) settings: ConnectionSettings,
    pub(crate) certificates: Option<Certificates>,
    pub(crate) web_origins: Option<WebOrigins>,
    /// The longest deadline of a call, and the longest duration of a stream, with the time that its end may take.
    pub(crate) longest: (Duration, Duration),
    /// No new connections and calls.
    pub(crate) stopping: CancellationToken,
    /// The connections.
    pub(crate) open: TaskTracker,
}

impl Connections {
    /// Accepts until `stopping`. Connections end later: see `open`.
    pub(crate) async fn accept(self, listener: TcpListener, gate: Gate) {
        let settings = self.settings;
        let (unread, grace) = self.longest;
        let limits = HttpLimits { handshake: settings.handshake_timeout, grace, unread };
        let served = (self.app.clone(), self.load.clone(), gate);
        let http = Arc::new(Http::new(&settings, limits, served, self.web_origins));
        let (places, addresses) = (Arc::new(Semaphore::new(settings.max)), Arc::new(Addresses::default()));
        let mut strangers = Strangers::new(settings.max_strangers.min(settings.max));
        let mut ages = Ages::new(settings.max_age);
        let mut pause = ACCEPT_PAUSE;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopping.cancelled() => return,
            };
            let (tcp, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.app.metrics().connection_refused("ACCEPT");
                    tracing::warn!(class = "ACCEPT", %error, "connections cannot be accepted");
                    // Without a pause, the loop would spin while there are too many open files.
                    let _ = self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
                    pause = (pause * 2).min(LONGEST_ACCEPT_PAUSE);
                    continue;
                }
            };
            pause = ACCEPT_PAUSE;
            if places.available_permits() == 0 {
                tell(&self.app, "CONNECTIONS");
                continue;
            }
            let Some(address) = addresses.enter(from.ip(), settings.max_per_address) else {
                tell(&self.app, "ADDRESS");
                continue;
            };
            let begun = self.stopping.run_until_cancelled(strangers.begin()).await;
            let Some(stranger) = begun else { return };
            // Without it, a small answer would wait 40 ms for the caller's delayed acknowledgement.
            // Fails only if the connection is lost already.
            let _ = tcp.set_nodelay(true);
            let connection = Connection {
                app: self.app.clone(),
                load: self.load.clone(),
                http: http.clone(),
                age: ages.next(),
                idle_timeout: settings.stranger_idle_timeout,
                stopping: self.stopping.clone(),
                places: places.clone(),
                _address: address,
            };
            match &self.certificates {
                None => self.open.spawn(connection.serve(tcp, None, stranger)),
                Some(certificates) => {
                    let (limit, certificates) = (settings.handshake_timeout, certificates.clone());
                    self.open.spawn(async move {
                        let mut handshake = Handshake { stranger, limit, app: &connection.app };
                        if let Some(stream) = handshake.shake(certificates.acceptor(), tcp).await {
                            let peer = certificates.credential(stream.get_ref().1.peer_certificates());
                            let stranger = handshake.stranger;
                            connection.serve(stream, peer.map(PeerCredential), stranger).await;
                        }
                    })
                }
            };
        }
    }
}

/// What a connection holds beside its socket.
struct Connection {
    app: App,
    load: Arc<Load>,
    http: Arc<Http>,
    age: Option<Duration>,
    idle_timeout: Duration,
    stopping: CancellationToken,
    places: Arc<Semaphore>,
    _address: AddressPlace,
}

impl Connection {
    async fn serve(self, stream: impl http::Socket, peer: Option<PeerCredential>, stranger: StrangersPlace) {
        // Others may have taken the last places since it was accepted.
        let Ok(_place) = self.places.try_acquire() else { return tell(&self.app, "CONNECTIONS") };
        let (link, strangers) = ((self.load.link(), peer), (stranger, self.idle_timeout));
        let leaving = Leaving::new(link, self.app, strangers, self.age, self.stopping);
        self.http.serve(stream, leaving).await;
    }
}

/// A handshake under way.
struct Handshake<'c> {
    stranger: StrangersPlace,
    limit: Duration,
    app: &'c App,
}

impl Handshake<'_> {
    async fn shake(
        &mut self,
        tls: tokio_rustls::TlsAcceptor,
        tcp: TcpStream,
    ) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
        let shaken = tokio::select! {
            shaken = timeout(self.limit, tls.accept(tcp)) => shaken,
            // It is the oldest of too many, or the server stops.
            evicted = &mut self.stranger => {
                if evicted.is_ok() {
                    tell(self.app, "STRANGERS");
                }
                return None;
            }
        };
        match shaken {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                handshake_log::failed(&error);
                None
            }
            Err(_) => {
                self.app.metrics().connection_refused("SILENT");
                handshake_log::timed_out();
                None
            }
        }
    }
}
