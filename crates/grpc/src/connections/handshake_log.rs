//! Log lines of TLS handshakes that fail: the log writes one a minute for each class, and says how many more there were.

use std::io;

/// A connection that is lost or closed before TLS begins is no failure: probes and port scanners do that.
pub(super) fn failed(error: &io::Error) {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        None => tracing::debug!(%error, "a connection ended before its TLS handshake"),
        Some(cause) => tracing::warn!(class = class(cause), error = %cause, "TLS handshakes fail"),
    }
}

pub(super) fn timed_out() {
    tracing::warn!(class = "TIMEOUT", "TLS handshakes fail");
}

fn class(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::NoCertificatesPresented => "NO_CLIENT_CERTIFICATE",
        rustls::Error::InvalidCertificate(_) => "CLIENT_CERTIFICATE",
        // The caller does not trust the server's certificate, for example.
        rustls::Error::AlertReceived(_) => "ALERT",
        _ => "PROTOCOL",
    }
}
