//! TLS on the port: which clients are let in, which certificate is served, what connections are bounded by,
//! and gRPC-Web.
//!
//! These stories run on SQLite alone, because the database has no part in them.

mod bounds;
mod clients;
mod renewal;
mod web;

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tidegate_client::{Client, ClientCertificate, ConnectError, Settings, Tls};
use tidegate_core::Secret;
use tidegate_grpc::{Certificates, ClientCertificates, ClientIdentities, TlsSettings};
use tidegate_proto as proto;
use tidegate_tests::{
    TIMEOUT,
    pki::{Authority, Issued},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::DropGuard;
use tonic::Status;

use crate::{
    serving::{SERVED, serve},
    test_server::TestServer,
};

/// What a server with TLS is started with.
struct Setup {
    authority: Authority,
    issued: Issued,
    /// Absent: clients are asked for no certificate.
    client_certificates: Option<ClientCertificates>,
    client_identities: String,
    settings: tidegate_grpc::Settings,
}

/// A server with TLS in front of an app.
struct Encrypted {
    address: SocketAddr,
    authority: Authority,
    certificates: Certificates,
    folder: TempDir,
    /// The operator's.
    token: String,
    _open: DropGuard,
}

impl Setup {
    fn new() -> Self {
        let authority = Authority::new();
        let issued = authority.server(1);
        let client_identities = String::new();
        Self { authority, issued, client_certificates: None, client_identities, settings: SERVED }
    }

    async fn serve(self, server: &TestServer) -> Encrypted {
        let folder = tempfile::tempdir().unwrap();
        self.issued.write(folder.path());
        let client_ca_file = folder.path().join("clients.pem");
        std::fs::write(&client_ca_file, &self.authority.pem).unwrap();
        let settings = TlsSettings {
            cert_file: folder.path().join("server.pem"),
            key_file: folder.path().join("server.key"),
            client_ca_file: self.client_certificates.map(|_| client_ca_file),
            client_certificates: self.client_certificates.unwrap_or(ClientCertificates::Optional),
            client_identities: ClientIdentities::parse(&self.client_identities).unwrap(),
            http1: self.settings.web_origins.is_some(),
        };
        let certificates = Certificates::load(settings).unwrap();
        let settings = tidegate_grpc::Settings { certificates: Some(certificates.clone()), ..self.settings };
        let (address, open) = serve(&server.app, settings).await;
        let token = server.operator().token.unwrap();
        Encrypted { address, authority: self.authority, certificates, folder, token, _open: open }
    }
}

impl Encrypted {
    async fn start(server: &TestServer) -> Self {
        Setup::new().serve(server).await
    }

    /// What a client is given that trusts these authorities (PEM).
    fn trusting(&self, authorities: &str) -> Settings {
        Settings {
            address: format!("https://{}", self.address),
            tls: Tls { authorities: authorities.into(), certificate: None },
            deadline: TIMEOUT,
            ..Settings::new(Secret::new(self.token.clone()))
        }
    }

    fn settings(&self) -> Settings {
        self.trusting(&self.authority.pem)
    }

    /// What a client is given that shows a certificate.
    fn showing(&self, shown: &Issued) -> Settings {
        let settings = self.settings();
        let (chain, key) = (shown.certificate.clone().into(), Secret::new(shown.key.clone().into()));
        let certificate = Some(ClientCertificate { chain, key });
        Settings { tls: Tls { certificate, ..settings.tls }, ..settings }
    }

    /// A handshake on a new connection.
    async fn shake(&self, versions: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = versions.iter().map(|version| version.as_bytes().to_vec()).collect();
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::from(self.address.ip());
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    /// The certificate that a new connection gets (DER).
    async fn served(&self) -> Vec<u8> {
        let stream = self.shake(&["h2"]).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

async fn who_am_i(client: &Client) -> Result<proto::WhoAmIResponse, Status> {
    client.access().who_am_i(proto::WhoAmIRequest {}).await.map(tonic::Response::into_inner)
}

/// Connects and calls: with TLS 1.3, a server refuses a client's certificate after the client's part of the
/// handshake, so that the first call fails.
async fn call(settings: &Settings) -> Result<proto::WhoAmIResponse, String> {
    let client = Client::connect(settings).await.map_err(|error: ConnectError| error.to_string())?;
    who_am_i(&client).await.map_err(|status| format!("{:?}: {}", status.code(), status.message()))
}
