//! Warns of credentials that expire soon: once a day for each, whichever replica looks first.

use tidegate_core::{Clock, CredentialId, RealmKey, Span, Timestamp, Word as _};
use tidegate_store::{Store, credentials, realms};

use crate::Fault;

/// A credential that expires within the time of notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    pub realm: RealmKey,
    pub credential: CredentialId,
    pub role: &'static str,
    pub expires_at: Timestamp,
}

/// More of them are warned of in the next round.
const AT_A_TIME: i64 = 100;
/// Between two warnings of one credential.
const AGAIN: Span = Span::days(1);

/// Those of which to warn now. No other replica gets the same ones.
pub async fn warn_of_expiry(store: &Store, clock: &dyn Clock) -> Result<Vec<Expiring>, Fault> {
    let now = clock.now();
    let before = now.minus(AGAIN);
    let mut across = store.across("warn_of_expiry");
    let mut warned = Vec::new();
    for row in credentials::expiring(&mut across, now, before, AT_A_TIME).await? {
        let credential = row.credential;
        let Some(expires_at) = credential.expires_at else { continue };
        let id = credential.id;
        let first = store
            .tx("warn_of_expiry", credential.realm, async |tx| credentials::warned(tx, id, now, before).await)
            .await?;
        if first {
            let realm = realms::get(&mut across, credential.realm).await?.ok_or(Fault::Dangling("realm"))?;
            let role = credential.role.as_str();
            warned.push(Expiring { realm: realm.key, credential: id, role, expires_at });
        }
    }
    Ok(warned)
}
