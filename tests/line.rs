//! A proxy to PostgreSQL that a test can cut.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpStream, UnixListener, UnixStream},
    sync::{Mutex, watch},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::postgres::options;

/// A proxy to one database that can be cut. Connections to other databases, and by other lines, stay up.
pub struct Line {
    url: String,
    folder: TempDir,
    target: Mutex<PgConnectOptions>,
    traffic: Mutex<Option<JoinHandle<()>>>,
    opened: Arc<AtomicU32>,
    weather: Weather,
    silent: watch::Sender<bool>,
}

/// What happens to messages under way.
#[derive(Clone)]
struct Weather {
    /// How many more messages pass before one breaks its connection. Zero: none breaks.
    fuse: Arc<AtomicI64>,
    /// How long each message takes, in milliseconds.
    delay: Arc<AtomicU64>,
    silent: watch::Receiver<bool>,
}

impl Line {
    /// # Panics
    /// The URL is not valid, or no socket can be made.
    #[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
    pub async fn to(url: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tgline").tempdir().expect("a temporary folder");
        let more = if url.contains('?') { '&' } else { '?' };
        let through = format!("{url}{more}host={}", folder.path().display());
        let silent = watch::Sender::new(false);
        let line = Self {
            url: through,
            folder,
            target: Mutex::new(options(url)),
            traffic: Mutex::default(),
            opened: Arc::default(),
            weather: Weather { fuse: Arc::default(), delay: Arc::default(), silent: silent.subscribe() },
            silent,
        };
        line.mend().await;
        line
    }

    /// The URL of the database through this line.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many connections were ever opened through it.
    pub fn opened(&self) -> u32 {
        self.opened.load(Ordering::SeqCst)
    }

    /// The n-th message to the database from now on does not arrive, and its connection breaks. Others stay up.
    pub fn break_at(&self, n: u32) {
        self.weather.fuse.store(n.into(), Ordering::SeqCst);
    }

    /// Whether the message came at which a connection breaks.
    pub fn broke(&self) -> bool {
        self.weather.fuse.load(Ordering::SeqCst) <= 0
    }

    /// Swallows what is sent, in both directions, until it is told otherwise. Connections stay up, and new ones are accepted.
    /// What was swallowed is carried on later, as by a server that was stopped.
    pub fn silence(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    /// How long each message takes from now on, in either direction.
    pub fn delay(&self, millis: u64) {
        self.weather.delay.store(millis, Ordering::SeqCst);
    }

    /// Leads to another server of the same port from the next [`mend`](Self::mend) on.
    pub async fn lead_to(&self, url: &str) {
        *self.target.lock().await = options(url);
    }

    /// The folder of its socket: the host that an address names.
    pub fn host(&self) -> &Path {
        self.folder.path()
    }

    /// Breaks every connection. New ones are refused, as if no server listened.
    pub async fn cut(&self) {
        if let Some(traffic) = self.traffic.lock().await.take() {
            traffic.abort();
            // The listener and every connection end with the task.
            let _ = traffic.await;
        }
    }

    /// # Panics
    /// The socket cannot be made again.
    #[expect(clippy::expect_used, reason = "a test that cannot be set up fails")]
    pub async fn mend(&self) {
        self.cut().await;
        let target = self.target.lock().await.clone();
        let socket = socket(self.folder.path().to_owned(), &target);
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("a socket for the line");
        let carrying = carry(listener, target, Arc::clone(&self.opened), self.weather.clone());
        *self.traffic.lock().await = Some(tokio::spawn(carrying));
    }
}

/// Forwards connections until it is aborted.
async fn carry(listener: UnixListener, target: PgConnectOptions, opened: Arc<AtomicU32>, weather: Weather) {
    let mut connections = JoinSet::new();
    while let Ok((caller, _)) = listener.accept().await {
        opened.fetch_add(1, Ordering::SeqCst);
        connections.spawn(connect(caller, target.clone(), weather.clone()));
    }
}

async fn connect(caller: UnixStream, target: PgConnectOptions, weather: Weather) -> std::io::Result<()> {
    if let Some(folder) = target.get_socket() {
        let server = UnixStream::connect(socket(folder.clone(), &target)).await?;
        return Box::pin(forward(caller, server, weather)).await;
    }
    let server = TcpStream::connect((target.get_host(), target.get_port())).await?;
    Box::pin(forward(caller, server, weather)).await
}

/// Ends, and closes both ends, as soon as one of them closes or the fuse is burnt.
async fn forward(
    caller: UnixStream,
    server: impl AsyncRead + AsyncWrite,
    weather: Weather,
) -> std::io::Result<()> {
    let ((from, back), (answers, to)) = (split(caller), split(server));
    let answering = Weather { fuse: Arc::default(), ..weather.clone() };
    tokio::select! {
        asked = pass(from, to, weather) => asked,
        answered = pass(answers, back, answering) => answered,
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: Weather,
) -> std::io::Result<()> {
    let mut bytes = [0; 16_384];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 || weather.fuse.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Ok(());
        }
        let delay = weather.delay.load(Ordering::SeqCst);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        // It fails when the line is gone.
        let _ = weather.silent.wait_for(|silent| !silent).await;
        to.write_all(bytes.get(..count).unwrap_or_default()).await?;
    }
}

fn socket(folder: PathBuf, target: &PgConnectOptions) -> PathBuf {
    folder.join(format!(".s.PGSQL.{}", target.get_port()))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection};

    use super::*;
    use crate::postgres::database;

    #[tokio::test]
    async fn one_line_is_cut_and_the_others_go_on() {
        let url = database().await;
        let (line, other) = (Line::to(&url).await, Line::to(&url).await);
        let mut through = PgConnection::connect(line.url()).await.unwrap();
        let mut beside = PgConnection::connect(other.url()).await.unwrap();
        line.cut().await;
        assert!(through.ping().await.is_err());
        let refused = PgConnection::connect(line.url()).await.unwrap_err();
        assert!(
            matches!(&refused, sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused),
            "{refused:?}"
        );
        beside.ping().await.unwrap();
        line.mend().await;
        PgConnection::connect(line.url()).await.unwrap().ping().await.unwrap();
    }
}
