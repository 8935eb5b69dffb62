//! Finds the caller of a presented credential. The only use case without a caller.

use std::sync::Arc;

use tidegate_core::{Caller, CallerProof, CredentialId, Refusal, Role, Secret, TokenDigest};
use tidegate_keyring::TokenKind;
use tidegate_store::{credentials, realms};

use crate::{
    App, Error, Fault,
    cache::{CachedCredential, Invalidation},
};

/// A credential, and the realm that an operator may name beside it.
#[derive(Debug)]
pub struct PresentedCredential {
    id: CredentialId,
    proof: CallerProof,
    /// Used for operators only, and parsed only then.
    realm: Option<String>,
}

impl PresentedCredential {
    /// `None` when the text is not of the form `tgk_<id>_<secret>`.
    pub fn read(token: &str, realm: Option<String>) -> Option<Self> {
        let (id, digest) = token_parts(token)?;
        Some(Self { id, proof: CallerProof::Secret(digest), realm })
    }

    /// The credential of a connection that was authenticated by a client certificate.
    pub const fn verified(id: CredentialId, realm: Option<String>) -> Self {
        Self { id, proof: CallerProof::Connection, realm }
    }
}

/// `None` when the text is not of the form `tgk_<id>_<secret>`.
pub(crate) fn token_parts(token: &str) -> Option<(CredentialId, TokenDigest)> {
    let (id, secret) = token.strip_prefix("tgk_")?.split_once('_')?;
    Some((CredentialId::of_digits(id)?, TokenKind::Credential.digest(secret)?))
}

/// The text that a caller presents.
pub fn token_text(id: CredentialId, secret: &Secret<String>) -> Secret<String> {
    let id = id.to_string();
    Secret::new(format!("tgk_{}_{}", id.trim_start_matches("cred_"), secret.expose()))
}

impl App {
    /// An unknown id, a wrong secret, a revoked and an expired credential get the same answer.
    pub async fn identify(&self, presented: PresentedCredential) -> Result<Arc<Caller>, Error> {
        let PresentedCredential { id, proof, realm } = presented;
        let now = self.inner.parts.clock.now();
        let caller = match self.remembered(id).and_then(|known| known.caller(&proof, now)) {
            Some(caller) => Some(caller),
            // It may have been rotated on another replica.
            None => self.credential(id).await?.and_then(|known| known.caller(&proof, now)),
        };
        let caller = caller.ok_or(Refusal::Unauthenticated)?;
        let Some(named) = realm.filter(|_| caller.role == Role::Operator) else {
            return Ok(caller);
        };
        let key = named.parse().map_err(|_| Refusal::RealmNotFound)?;
        let mut across = self.inner.parts.store.across("identify");
        let realm = realms::find(&mut across, &key).await?.ok_or(Refusal::RealmNotFound)?.id;
        Ok(Arc::new(Caller { realm, ..(*caller).clone() }))
    }

    /// Checks the credential of a long-running stream again: a stream that began with a secret ends with that secret.
    pub async fn identify_again(&self, caller: &Caller) -> Result<(), Error> {
        let known = match self.remembered(caller.credential) {
            Some(known) => Some(known),
            None => self.credential(caller.credential).await?,
        };
        let again = known.and_then(|known| known.caller(&caller.proof, self.inner.parts.clock.now()));
        Ok(again.map(drop).ok_or(Refusal::Unauthenticated)?)
    }

    fn remembered(&self, id: CredentialId) -> Option<Arc<CachedCredential>> {
        self.inner.cache.fresh().and_then(|fresh| fresh.credential(id))
    }

    /// From the database.
    async fn credential(&self, id: CredentialId) -> Result<Option<Arc<CachedCredential>>, Fault> {
        let cache = &self.inner.cache;
        let version = cache.version(Invalidation::Credential(id));
        let found = credentials::find(&mut self.inner.parts.store.across("identify"), id).await?;
        let Some(kept) = found else { return Ok(None) };
        let used = self.inner.uses.of(&kept.credential);
        let known = Arc::new(CachedCredential::new(kept, used));
        cache.insert_credential(version, known.clone());
        Ok(Some(known))
    }
}
