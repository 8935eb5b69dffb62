//! Realms, and the credentials by which services and operators call.

use serde::{Deserialize, Serialize};

use crate::{Actor, CredentialId, Issuers, Products, RealmId, RealmKey, Role, Span, Timestamp, Title};

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
    /// holders and issuers.
    pub holder: Title,
    /// Who else has known a secret of it.
    #[serde(default = "Issuers::unknown")]
    pub issuers: Issuers,
    /// `None`: an earlier version of the program made it, and did not say by whom.
    #[serde(default)]
    pub created_by: Option<Actor>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Until when the secret before the last rotation is accepted too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
    /// The last call with it, as far as it was written: up to a minute late.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}

/// Before a credential expires, its end is told for this long. An operator's credential that expires sooner does not
/// count as one that is left.
pub const EXPIRY_NOTICE: Span = Span::days(14);

impl Credential {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
