//! What a chain of certificates says of itself, for `tidegate doctor`: what keeps clients from trusting it, and nothing that
//! keeps the server from serving it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use rustls::{
    CertificateError, Error, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, UnixTime},
    server::ParsedCertificate,
};
use tidegate_core::Timestamp;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

/// A server's certificate, and those that lead from it to an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedChain {
    pub valid_from: Timestamp,
    pub expires_at: Timestamp,
    /// The DNS names and addresses that the certificate is valid for.
    pub names: Vec<String>,
    /// Whether the certificate is signed with its own key: clients must trust this very certificate.
    pub is_self_signed: bool,
    /// How many certificates there are.
    pub length: usize,
    pub faults: Vec<ChainFault>,
}

/// Why clients refuse a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("certificate {position} of the file cannot be read")]
    Unreadable { position: usize },
    #[error("certificate {position} of the file is not of the authority that issued the one before it")]
    NotTheIssuer { position: usize },
    #[error("certificate {position} of the file is of no authority, and issued the one before it")]
    NoAuthority { position: usize },
    #[error("certificate {position} of the file expired at {at}")]
    ExpiredAuthority { position: usize, at: Timestamp },
    #[error("the signatures do not fit: an authority of the file has the right name and another key")]
    WrongKey,
    #[error("the certificate is not for servers (its extended key usage lacks serverAuth)")]
    NotForServers,
}

impl ServedChain {
    /// `None`: the first certificate cannot be read.
    pub(super) fn of(chain: &[CertificateDer<'_>], now: Timestamp) -> Option<Self> {
        let parsed: Vec<_> = chain.iter().map(|one| X509Certificate::from_der(one).ok()).collect();
        let leaf = &parsed.first()?.as_ref()?.1;
        let mut faults = Vec::new();
        let usage = leaf.extended_key_usage().ok().flatten().map(|usage| usage.value);
        if usage.is_some_and(|usage| !usage.server_auth && !usage.any) {
            faults.push(ChainFault::NotForServers);
        }
        // People count from 1.
        for (position, pair) in (2..).zip(parsed.windows(2)) {
            let (below, above) = match pair {
                [Some((_, below)), Some((_, above))] => (below, above),
                [_, None] => {
                    faults.push(ChainFault::Unreadable { position });
                    continue;
                }
                _ => continue,
            };
            let at = instant(above.validity().not_after.timestamp());
            if !is_issuer(above, below) {
                faults.push(ChainFault::NotTheIssuer { position });
            } else if !above.is_ca() {
                faults.push(ChainFault::NoAuthority { position });
            }
            if at < now {
                faults.push(ChainFault::ExpiredAuthority { position, at });
            }
        }
        if faults.is_empty() && !is_signed(chain, now) {
            faults.push(ChainFault::WrongKey);
        }
        Some(Self {
            valid_from: instant(leaf.validity().not_before.timestamp()),
            expires_at: instant(leaf.validity().not_after.timestamp()),
            names: names(leaf),
            is_self_signed: leaf.subject() == leaf.issuer(),
            length: chain.len(),
            faults,
        })
    }
}

pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds.saturating_mul(1_000_000))
}

/// By name, and by the key that both name. An authority that renewed its key keeps its name.
fn is_issuer(above: &X509Certificate<'_>, below: &X509Certificate<'_>) -> bool {
    let keys = own_key(above).zip(issuers_key(below));
    above.subject() == below.issuer() && keys.is_none_or(|(own, wanted)| own == wanted)
}

/// Whether the signatures lead from the first certificate to the last. Everything else about them is judged elsewhere.
fn is_signed(chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
    let [leaf, between @ .., last] = chain else { return true };
    let (mut roots, algorithms) = (RootCertStore::empty(), aws_lc_rs::default_provider());
    let algorithms = algorithms.signature_verification_algorithms.all;
    let (Ok(leaf), Ok(())) = (ParsedCertificate::try_from(leaf), roots.add(last.clone().into_owned())) else {
        return true;
    };
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let verified = verify_server_cert_signed_by_trust_anchor(&leaf, &roots, between, now, algorithms);
    let wrong = |error: &CertificateError| {
        matches!(error, CertificateError::BadSignature | CertificateError::UnknownIssuer)
    };
    !matches!(verified, Err(Error::InvalidCertificate(error)) if wrong(&error))
}

fn own_key<'c>(certificate: &'c X509Certificate<'_>) -> Option<&'c [u8]> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0),
        _ => None,
    })
}

fn issuers_key<'c>(certificate: &'c X509Certificate<'_>) -> Option<&'c [u8]> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref().map(|key| key.0),
        _ => None,
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = || <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into());
    let sixteen = || <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into());
    four().or_else(sixteen)
}
