//! Whether the ports are free, or a server of this program has them already. No connection stays open.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tidegate_client::{Client, Health, Settings};
use tidegate_core::Secret;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::finding::{Check, Finding};
use crate::config::Config;

const CHECK: Check = Check::Ports;
/// More than the admin port answers.
const MAX_ANSWER: u64 = 4096;

pub(super) async fn look(config: Arc<Config>, deadline: Duration) -> Vec<Finding> {
    let admin = config.admin.listen;
    // Two questions, one after the other, which must both end before the check does.
    let deadline = deadline / 3;
    let page = timeout(deadline, readiness(admin)).await.ok().flatten();
    let served = state(config.grpc.listen);
    // Where the gRPC port is free, a server with other settings has the admin port.
    let is_ours = page.is_some() && !matches!(served, State::Free);
    let mut found = vec![match served {
        State::Taken => grpc(&config, page, deadline).await,
        state => plain("grpc.listen", config.grpc.listen, &state, is_ours),
    }];
    found.push(plain("admin.listen", admin, &state(admin), is_ours));
    if let Ok(receipts) = config.sms_receipts.listen.parse() {
        found.push(plain("sms_receipts.listen", receipts, &state(receipts), is_ours));
    }
    found
}

enum State {
    Free,
    /// Port 0: the system picks a free one.
    Any,
    Taken,
    Unusable(std::io::Error),
}

/// Binds and does not listen, so a server that starts at this moment is not in the way of it.
fn state(address: SocketAddr) -> State {
    if address.port() == 0 {
        return State::Any;
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let bound = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    });
    match bound {
        Ok(()) => State::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => State::Taken,
        Err(error) => State::Unusable(error),
    }
}

/// `is_ours`: the admin port says that a server of this program runs.
fn plain(setting: &str, address: SocketAddr, state: &State, is_ours: bool) -> Finding {
    match state {
        State::Free => CHECK.ok(format!("{setting} {address} is free: no server runs there")),
        State::Any => CHECK.ok(format!("{setting} {address}: the system picks a free port")),
        State::Taken if is_ours => CHECK.ok(format!("{setting} {address} is served by a server that runs")),
        State::Taken => CHECK.error(
            format!("another program listens at {setting} {address}, so `serve` does not start"),
            format!("find it (`ss -ltnp 'sport = :{}'`) and stop it, or change {setting}", address.port()),
        ),
        State::Unusable(error) if error.kind() == ErrorKind::PermissionDenied => CHECK.error(
            format!("this user may not listen at {setting} {address}, so `serve` does not start: {error}"),
            "use a port from 1024 on, or give the program CAP_NET_BIND_SERVICE",
        ),
        State::Unusable(error) => CHECK.error(
            format!("{setting} {address} cannot be listened at, so `serve` does not start: {error}"),
            "name an address of this machine (`ip address`), or 0.0.0.0 or [::] for all",
        ),
    }
}

/// The port is taken: by a server of this program, if gRPC's health check or the admin port says so.
async fn grpc(config: &Config, page: Option<String>, deadline: Duration) -> Finding {
    let listen = config.grpc.listen;
    let has_tls = !config.tls.cert_file.as_os_str().is_empty();
    // With TLS, this program has neither the name nor a certificate that the server asks for.
    let health = if has_tls { None } else { health(listen, deadline).await };
    match (health, page) {
        (Some(Health::Serving), _) => {
            CHECK.ok(format!("a server runs at grpc.listen {listen}, and is SERVING"))
        }
        (Some(health), _) => CHECK.warning(
            format!("a server runs at grpc.listen {listen}, and takes no calls ({health:?})"),
            "wait until it has stopped, or look at its log",
        ),
        (None, Some(page)) if page.starts_with("ready") => {
            CHECK.ok(format!("a server runs at grpc.listen {listen}; its admin port says that it is ready"))
        }
        (None, Some(page)) => CHECK.warning(
            format!("a server runs at grpc.listen {listen}; its admin port says: {}", page.trim()),
            "see what `database` says, and look at the server's log",
        ),
        (None, None) => plain("grpc.listen", listen, &State::Taken, false),
    }
}

async fn health(listen: SocketAddr, deadline: Duration) -> Option<Health> {
    let address = format!("http://{}", reachable(listen));
    let settings = Settings { address, deadline, ..Settings::new(Secret::new(String::new())) };
    Client::connect(&settings).await.ok()?.check_health().await.ok()
}

/// What `/readyz` of the admin port says. `None`: no server of this program is there.
async fn readiness(admin: SocketAddr) -> Option<String> {
    if admin.port() == 0 {
        return None;
    }
    let mut stream = TcpStream::connect(reachable(admin)).await.ok()?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).await.ok()?;
    let page = answer.split_once("\r\n\r\n")?.1;
    ["ready\n", "closing\n", "the database cannot be reached\n"].contains(&page).then(|| page.to_owned())
}

/// All addresses of the machine are reached at its loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
