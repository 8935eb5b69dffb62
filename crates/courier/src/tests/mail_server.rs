//! A mail server whose replies a test scripts: it refuses, hangs, hangs up, and speaks TLS with a certificate of its own.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tidegate_core::Secret;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{SmtpSettings, Tls, To};

/// What the server does when a command has arrived.
#[derive(Debug, Clone, Copy)]
pub enum Do {
    Say(&'static str),
    /// Never answers.
    Hang,
    HangUp,
}

/// The reply to a command, if it is not the usual one. `.` stands for the end of a mail.
type Script = dyn Fn(&str) -> Option<Do> + Send + Sync;

/// A mail that arrived, and what was said before it.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub commands: Vec<String>,
    pub data: Vec<u8>,
    pub encrypted: bool,
}

impl Arrived {
    /// The command that begins so.
    pub fn said(&self, begin: &str) -> Option<&str> {
        self.commands.iter().map(String::as_str).find(|line| line.starts_with(begin))
    }
}

#[derive(Clone)]
pub struct MailServer {
    port: u16,
    folder: Arc<TempDir>,
    pub arrived: Arc<Mutex<Vec<Arrived>>>,
    pub connections: Arc<AtomicUsize>,
    /// Every command of every connection.
    pub heard: Arc<Mutex<Vec<String>>>,
}

struct Session<'s> {
    server: &'s MailServer,
    script: &'s Script,
    /// What the reply to EHLO offers.
    offers: &'s [&'static str],
}

impl MailServer {
    /// A server that offers STARTTLS, AUTH and SMTPUTF8.
    pub async fn start(script: impl Fn(&str) -> Option<Do> + Send + Sync + 'static) -> Self {
        Self::offering(&["STARTTLS", "AUTH PLAIN", "SMTPUTF8", "8BITMIME"], Tls::StartTls, script).await
    }

    pub async fn offering(
        offers: &'static [&'static str],
        tls: Tls,
        script: impl Fn(&str) -> Option<Do> + Send + Sync + 'static,
    ) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            port,
            folder,
            arrived: Arc::default(),
            connections: Arc::default(),
            heard: Arc::default(),
        };
        let (it, script) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                it.connections.fetch_add(1, Ordering::Relaxed);
                let (it, script, acceptor) = (it.clone(), script.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let session = Session { server: &it, script: &*script, offers };
                    if tls == Tls::Implicit {
                        let stream = acceptor.accept(stream).await?;
                        return session.serve(stream, true, true).await.map(drop);
                    }
                    if let Some(stream) = session.serve(stream, false, true).await? {
                        let stream = acceptor.accept(stream).await?;
                        session.serve(stream, true, false).await?;
                    }
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        server
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn settings(&self, tls: Tls) -> SmtpSettings {
        SmtpSettings {
            host: "localhost".to_owned(),
            port: self.port,
            tls,
            user: Some("kasa".to_owned()),
            password: Some(Secret::new("correct horse".to_owned())),
            ca_file: Some(self.ca_file()),
            timeout: Duration::from_mins(1),
            idle_connections: 4,
        }
    }

    pub fn to(&self) -> To {
        To::Server(self.settings(Tls::StartTls))
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub fn heard(&self, begin: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| line.starts_with(begin)).count()
    }
}

impl Session<'_> {
    /// Returns the stream when the client wants it encrypted.
    async fn serve<S>(&self, stream: S, encrypted: bool, greets: bool) -> std::io::Result<Option<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = BufReader::new(stream);
        if greets && !self.reply(&mut stream, "greeting", "220 mx.example ESMTP").await? {
            return Ok(None);
        }
        let mut commands = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let command = line.trim_end().to_owned();
            self.server.heard.lock().unwrap().push(command.clone());
            let verb = command.split(' ').next().unwrap_or_default();
            let usual = match verb {
                "EHLO" => self.offered(encrypted),
                "STARTTLS" => "220 go ahead".to_owned(),
                "AUTH" => "235 welcome".to_owned(),
                "DATA" => "354 go ahead".to_owned(),
                "QUIT" => "221 bye".to_owned(),
                _ => "250 ok".to_owned(),
            };
            if verb == "MAIL" {
                commands.retain(|said: &String| said.starts_with("EHLO") || said.starts_with("AUTH"));
            }
            commands.push(command.clone());
            if !self.reply(&mut stream, &command, &usual).await? || verb == "QUIT" {
                return Ok(None);
            }
            if verb == "STARTTLS" {
                return Ok(Some(stream.into_inner()));
            }
            if verb == "DATA" {
                let data = data(&mut stream).await?;
                self.server.arrived.lock().unwrap().push(Arrived {
                    commands: commands.clone(),
                    data,
                    encrypted,
                });
                if !self.reply(&mut stream, ".", "250 queued").await? {
                    return Ok(None);
                }
            }
        }
    }

    fn offered(&self, encrypted: bool) -> String {
        let offers = self.offers.iter().filter(|offer| !(encrypted && **offer == "STARTTLS"));
        let lines: Vec<_> =
            ["mx.example"].iter().chain(offers).map(|offer| format!("250-{offer}\r\n")).collect();
        format!("{}250 SIZE 1000000", lines.concat())
    }

    /// `false`: the connection is over.
    async fn reply<S>(&self, stream: &mut BufReader<S>, command: &str, usual: &str) -> std::io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let text = match (self.script)(command) {
            None => usual,
            Some(Do::Say(text)) => text,
            Some(Do::HangUp) => return Ok(false),
            Some(Do::Hang) => {
                std::future::pending::<()>().await;
                return Ok(false);
            }
        };
        stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.get_mut().flush().await?;
        Ok(text.starts_with(['2', '3']) || command != "DATA")
    }
}

/// The mail up to the line with one dot.
async fn data<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let begin = data.len();
        if stream.read_until(b'\n', &mut data).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if data.get(begin..) == Some(b".\r\n") {
            data.truncate(begin);
            return Ok(data);
        }
        if data.get(begin) == Some(&b'.') {
            data.remove(begin);
        }
    }
}
