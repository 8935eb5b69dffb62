//! Certificates for tests, made when they are needed.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test says what is wrong by failing")]

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};

/// An authority that issues certificates.
pub struct Authority {
    /// Its certificate (PEM).
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key (PEM).
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// For a server on this machine. The serial number tells it from others.
    pub fn server(&self, serial: u64) -> Issued {
        self.issue(server(serial))
    }

    /// The same, and it expired long ago.
    pub fn expired_server(&self) -> Issued {
        let mut params = server(1);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.issue(params)
    }

    /// The same, and it will be valid in a far future.
    pub fn future_server(&self) -> Issued {
        let mut params = server(1);
        (params.not_before, params.not_after) = (date_time_ymd(3000, 1, 1), date_time_ymd(3001, 1, 1));
        self.issue(params)
    }

    /// For a server that is named by its common name alone, as certificates were until 2017.
    pub fn server_without_names(&self) -> Issued {
        let mut params = server(1);
        params.distinguished_name = named("localhost");
        params.subject_alt_names = Vec::new();
        self.issue(params)
    }

    /// For a client with a common name and a SPIFFE id.
    pub fn client(&self, common_name: &str, id: &str) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Issued {
    /// Writes `server.pem` and `server.key`.
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("server.pem"), &self.certificate).unwrap();
        std::fs::write(folder.join("server.key"), &self.key).unwrap();
    }
}

fn server(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name = named("server");
    params.serial_number = Some(SerialNumber::from(serial));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
