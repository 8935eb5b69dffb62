//! Finds the caller behind a presented credential. The only use case without a caller.

use tidegate_core::{Caller, Credential, CredentialId, Refusal, Role, Secret};
use tidegate_keyring::TokenKind;
use tidegate_store::{credentials, realms};

use crate::{Error, House};

/// `tgk_<id>_<secret>`, taken apart, and the realm that an operator may name beside it.
#[derive(Debug)]
pub struct Presented {
    pub id: CredentialId,
    pub secret: Secret<String>,
    /// Heard of operators only, and read only then.
    pub realm: Option<String>,
}

/// The text that a caller presents.
pub fn token_text(id: CredentialId, secret: &Secret<String>) -> Secret<String> {
    let id = id.to_string();
    Secret::new(format!("tgk_{}_{}", id.trim_start_matches("cred_"), secret.expose()))
}

impl House {
    /// Unknown id, wrong secret, revoked and expired are one and the same answer.
    pub async fn identify(&self, presented: Presented) -> Result<Caller, Error> {
        let Presented { id, secret, realm } = presented;
        let digest = TokenKind::Credential.digest(secret.expose()).ok_or(Refusal::Unauthenticated)?;
        let mut across = self.parts.store.across("identify");
        let known = credentials::find(&mut across, id).await?.filter(|known| known.token.matches(&digest));
        let known = known.filter(|known| known.credential.is_live(self.parts.clock.now()));
        let credential = known.ok_or(Refusal::Unauthenticated)?.credential;
        let named = realm.filter(|_| credential.role == Role::Operator);
        let realm = match named {
            Some(named) => {
                let key = named.parse().map_err(|_| Refusal::RealmNotFound)?;
                realms::find(&mut across, &key).await?.ok_or(Refusal::RealmNotFound)?.id
            }
            None => credential.realm,
        };
        let Credential { id, holder, role, products, .. } = credential;
        Ok(Caller { credential: id, holder, realm, role, products })
    }

    /// Whether the credential of a caller who goes on for long is still good.
    pub async fn identify_again(&self, caller: &Caller) -> Result<(), Error> {
        let known = credentials::find(&mut self.parts.store.across("identify"), caller.credential).await?;
        let live = known.is_some_and(|known| known.credential.is_live(self.parts.clock.now()));
        Ok(if live { Ok(()) } else { Err(Refusal::Unauthenticated) }?)
    }
}
