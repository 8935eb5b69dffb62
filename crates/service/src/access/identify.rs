//! Finds the caller of a presented credential. The only use case without a caller.

use std::sync::Arc;

use tidegate_core::{Caller, Credential, CredentialId, Refusal, Role, Secret, TokenDigest};
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
    proof: Proof,
    /// Used for operators only, and parsed only then.
    realm: Option<String>,
}

/// What proves that the caller holds the credential.
#[derive(Debug)]
enum Proof {
    /// Of the secret of `tgk_<id>_<secret>`.
    Secret(TokenDigest),
    /// The connection does: its client certificate was verified, and the configuration says that it stands for the
    /// credential.
    Connection,
}

impl PresentedCredential {
    /// `None` when the text is not of the form `tgk_<id>_<secret>`.
    pub fn read(token: &str, realm: Option<String>) -> Option<Self> {
        let (id, digest) = token_parts(token)?;
        Some(Self { id, proof: Proof::Secret(digest), realm })
    }

    /// The credential of a connection that was authenticated by a client certificate.
    pub const fn verified(id: CredentialId, realm: Option<String>) -> Self {
        Self { id, proof: Proof::Connection, realm }
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
        let is_proved = |known: &Arc<CachedCredential>| match &proof {
            Proof::Secret(digest) => known.kept.token.matches(digest),
            Proof::Connection => true,
        };
        let known = self.credential(id).await?.filter(is_proved);
        let known = known.ok_or(Refusal::Unauthenticated)?;
        if !known.kept.credential.is_live(self.inner.parts.clock.now()) {
            return Err(Refusal::Unauthenticated.into());
        }
        let Some(named) = realm.filter(|_| known.caller.role == Role::Operator) else {
            return Ok(known.caller.clone());
        };
        let key = named.parse().map_err(|_| Refusal::RealmNotFound)?;
        let mut across = self.inner.parts.store.across("identify");
        let realm = realms::find(&mut across, &key).await?.ok_or(Refusal::RealmNotFound)?.id;
        Ok(Arc::new(Caller { realm, ..(*known.caller).clone() }))
    }

    /// Checks the credential of a long-running stream again.
    pub async fn identify_again(&self, caller: &Caller) -> Result<(), Error> {
        let known = self.credential(caller.credential).await?;
        let live = known.is_some_and(|known| known.kept.credential.is_live(self.inner.parts.clock.now()));
        Ok(if live { Ok(()) } else { Err(Refusal::Unauthenticated) }?)
    }

    async fn credential(&self, id: CredentialId) -> Result<Option<Arc<CachedCredential>>, Fault> {
        let cache = &self.inner.cache;
        if let Some(known) = cache.fresh().and_then(|fresh| fresh.credential(id)) {
            return Ok(Some(known));
        }
        let version = cache.version(Invalidation::Credential(id));
        let found = credentials::find(&mut self.inner.parts.store.across("identify"), id).await?;
        let Some(kept) = found else { return Ok(None) };
        let Credential { id, holder, realm, role, products, .. } = kept.credential.clone();
        let caller = Arc::new(Caller { credential: id, holder, realm, role, products });
        let known = Arc::new(CachedCredential { kept, caller });
        cache.insert_credential(version, known.clone());
        Ok(Some(known))
    }
}
