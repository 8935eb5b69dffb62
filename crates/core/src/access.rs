//! Realms, and the credentials by which services and operators call.

use serde::{Deserialize, Serialize};

use crate::{CredentialId, Products, RealmId, RealmKey, Role, Timestamp, Title};

/// One identity namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realm {
    pub id: RealmId,
    pub key: RealmKey,
    pub title: Title,
    pub created_at: Timestamp,
}

/// A credential without its secret. The store keeps the secret's digest beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    /// The home realm.
    pub realm: RealmId,
    pub role: Role,
    pub products: Products,
    pub title: Title,
    /// The person who answers for the credential. A rule that asks for two persons compares
    /// holders.
    pub holder: Title,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Credential {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
