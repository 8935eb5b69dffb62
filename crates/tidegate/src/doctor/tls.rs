//! The certificate of the gRPC port: whether it can be served, and whether clients accept it, now and in the next weeks.

use tidegate_core::{Span, Timestamp};
use tidegate_grpc::ServedChain;

use super::{
    finding::{Check, Finding},
    story,
};
use crate::{ambient::AuthorityClock, config::Config, tls};

const CHECK: Check = Check::Tls;
/// A certificate that expires within this time is a warning. `TidegateCertificateExpires` alerts later.
const SOON: Span = Span::days(21);
/// Within this time it is an error.
const VERY_SOON: Span = Span::days(3);
const RENEW: &str = "renew the certificate (with cert-manager: `kubectl describe certificate`); a running server serves it without a \
    restart";

pub(super) fn look(config: &Config) -> Vec<Finding> {
    if tls::check(config).is_err() {
        return vec![CHECK.unknown(
            "not looked at: the settings of TLS contradict each other",
            "see what `settings` says",
        )];
    }
    let now = AuthorityClock::host();
    match tls::certificates(config) {
        Ok(None) if config.grpc.is_local() => vec![CHECK.ok("TLS is off; only this machine can connect")],
        Ok(None) => vec![CHECK.warning(
            "gRPC is served without TLS beyond this machine: credentials cross the network in clear",
            "give tls.cert_file and tls.key_file; nothing, where a proxy or a mesh adds TLS",
        )],
        Ok(Some(certificates)) => match certificates.chain(now) {
            Some(chain) => judge(config, &chain, now),
            None => vec![CHECK.unknown("the certificate cannot be read", RENEW)],
        },
        Err(error) => vec![CHECK.error(
            format!("{error:#}, so `serve` does not start"),
            "correct the file, or the setting that names it. A certificate and its key are renewed together",
        )],
    }
}

fn judge(config: &Config, chain: &ServedChain, now: Timestamp) -> Vec<Finding> {
    let file = config.tls.cert_file.display();
    let ServedChain { valid_from, expires_at, names, faults, .. } = chain;
    let mut found = Vec::new();
    if *valid_from > now {
        found.push(CHECK.error(
            format!(
                "the certificate in {file} is valid from {valid_from} on, and it is {now}: clients refuse it"
            ),
            "compare this machine's clock with a time server; else issue the certificate again",
        ));
    }
    let left = expires_at.since(now);
    if *expires_at <= now {
        found.push(
            CHECK.error(
                format!("the certificate in {file} expired at {expires_at}: clients refuse it"),
                RENEW,
            ),
        );
    } else if left <= VERY_SOON {
        found.push(
            CHECK.error(format!("the certificate in {file} expires at {expires_at}, within 3 days"), RENEW),
        );
    } else if left <= SOON {
        found.push(
            CHECK
                .warning(format!("the certificate in {file} expires at {expires_at}, within 21 days"), RENEW),
        );
    }
    if names.is_empty() {
        found.push(CHECK.error(
            format!("the certificate in {file} names no host (subjectAltName): clients refuse it"),
            "issue it again with the names by which clients call",
        ));
    }
    found.extend(faults.iter().map(|fault| {
        CHECK.error(
            format!("{file}: {}: clients cannot trust it", story(fault)),
            "put the certificates in order: the server's first, then the one that issued it, and so on below the root",
        )
    }));
    if found.is_empty() {
        found.push(CHECK.ok(format!(
            "the certificate in {file} is valid until {expires_at}, for {}; {}",
            names.join(", "),
            trust(chain)
        )));
    }
    found
}

/// What clients must have.
fn trust(chain: &ServedChain) -> &'static str {
    match chain {
        chain if chain.is_self_signed => "it is self-signed, so clients must trust this very file",
        chain if chain.length == 1 => "clients must trust the authority that issued it",
        _ => "clients must trust the authority above the last one of the file",
    }
}
