//! What the server is told of TLS and of connections, and what `serve` says of them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tidegate_grpc::{
    CertificateInfo, Certificates, ClientCertificates, ClientIdentities, ConnectionSettings, TlsSettings,
    WebOrigins,
};

use crate::{
    config::{self, Config},
    descriptors::GrpcConnections,
};

/// Between two looks at the files.
pub(crate) const RELOAD: Duration = Duration::from_secs(10);

/// What the rules of single settings cannot say. Reads no file.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    let (grpc, tls) = (&config.grpc, &config.tls);
    let (has_certificate, has_key) = (is_named(&tls.cert_file), is_named(&tls.key_file));
    ensure!(
        has_certificate == has_key,
        "tls.cert_file and tls.key_file belong together: give both, or neither"
    );
    let asks = is_named(&tls.client_ca_file);
    ensure!(
        !asks || has_certificate,
        "tls.client_ca_file is given, but TLS is off: give tls.cert_file and tls.key_file too"
    );
    ensure!(
        asks || tls.client_certificates == config::ClientCertificates::Optional,
        "tls.client_certificates is \"required\", so tls.client_ca_file must say which are trusted"
    );
    ensure!(
        asks || tls.client_identities.is_empty(),
        "tls.client_identities is given, so tls.client_ca_file must say which client certificates are trusted"
    );
    identities(config)?;
    web_origins(config)?;
    ensure!(
        has_certificate || grpc.is_local() || grpc.insecure,
        "grpc.listen {} can be reached from other machines, and credentials would cross the network in clear: give \
         tls.cert_file and tls.key_file, or set grpc.insecure = true where the network is trusted or a proxy adds TLS",
        grpc.listen
    );
    Ok(())
}

/// `None`: TLS is off.
pub(crate) fn certificates(config: &Config) -> anyhow::Result<Option<Certificates>> {
    check(config)?;
    let tls = &config.tls;
    if !is_named(&tls.cert_file) {
        return Ok(None);
    }
    let settings = TlsSettings {
        cert_file: tls.cert_file.clone(),
        key_file: tls.key_file.clone(),
        client_ca_file: is_named(&tls.client_ca_file).then(|| PathBuf::from(&tls.client_ca_file)),
        client_certificates: match tls.client_certificates {
            config::ClientCertificates::Optional => ClientCertificates::Optional,
            config::ClientCertificates::Required => ClientCertificates::Required,
        },
        client_identities: identities(config)?,
        http1: web_origins(config)?.is_some(),
    };
    Certificates::load(settings).context("failed to set up TLS").map(Some)
}

fn identities(config: &Config) -> anyhow::Result<ClientIdentities> {
    ClientIdentities::parse(&config.tls.client_identities).context("wrong value for tls.client_identities")
}

pub(crate) fn web_origins(config: &Config) -> anyhow::Result<Option<WebOrigins>> {
    WebOrigins::parse(&config.grpc.web_origins).context("wrong value for grpc.web_origins")
}

pub(crate) fn connections(config: &Config, open: GrpcConnections) -> ConnectionSettings {
    let (grpc, limits) = (&config.grpc, &config.limits);
    ConnectionSettings {
        max: open.all,
        max_per_address: limits.connections_per_address,
        max_strangers: open.strangers,
        max_calls: limits.calls_per_connection,
        max_age: Some(Duration::from_millis(grpc.max_connection_age_ms)).filter(|age| !age.is_zero()),
        keepalive_interval: Duration::from_millis(grpc.keepalive_interval_ms),
        keepalive_timeout: Duration::from_millis(grpc.keepalive_timeout_ms),
        handshake_timeout: Duration::from_millis(grpc.handshake_timeout_ms),
        stranger_idle_timeout: Duration::from_millis(grpc.stranger_idle_timeout_ms),
        calls: limits.calls,
        message_bytes: usize::try_from(limits.message_mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024),
        message_wait: Duration::from_millis(limits.queue_timeout_ms),
    }
}

/// For the line that `serve` prints.
pub(crate) fn described(config: &Config, certificate: Option<&CertificateInfo>) -> String {
    match certificate {
        Some(certificate) => format!("on; the certificate is valid until {}", certificate.expires_at),
        None if config.grpc.is_local() => "off; only this machine can connect".to_owned(),
        None => "off; credentials cross the network in clear".to_owned(),
    }
}

/// The options by which grpcurl connects.
pub(crate) fn grpcurl(config: &Config, certificate: Option<&CertificateInfo>) -> String {
    let Some(certificate) = certificate else { return "-plaintext".to_owned() };
    // A certificate that is trusted by itself needs no authority.
    let mut options = vec![format!("-cacert {}", config.tls.cert_file.display())];
    options.extend(certificate.name.as_ref().map(|name| format!("-servername {name}")));
    if config.tls.client_certificates == config::ClientCertificates::Required {
        options.push("-cert CLIENT_CERTIFICATE -key ITS_KEY".to_owned());
    }
    options.join(" ")
}

fn is_named(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}
