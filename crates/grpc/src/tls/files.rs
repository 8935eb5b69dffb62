//! The files of TLS, as they were read.

use std::{fs, path::Path};

use tidegate_core::Secret;

use super::{TlsError, TlsSettings};

pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Secret<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Contents {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
        };
        Ok(Self {
            certificate: read(&settings.cert_file)?,
            key: Secret::new(read(&settings.key_file)?),
            client_ca: settings.client_ca_file.as_deref().map(read).transpose()?,
        })
    }

    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) fn key(&self) -> &[u8] {
        self.key.expose()
    }

    pub(super) fn client_ca(&self) -> Option<&[u8]> {
        self.client_ca.as_deref()
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        (self.certificate(), self.key(), self.client_ca())
            == (other.certificate(), other.key(), other.client_ca())
    }
}
