//! Creates the first realm and the first credential: an operator's, for all products.

use tidegate_core::{
    Actor, Clock, Credential, Entropy, Event, Fact, Id, Products, Realm, RealmKey, Role, Secret, Title,
    TokenDigest,
};
use tidegate_keyring::{Keyring, SealContext, TokenKind};
use tidegate_store::{Store, Tx, credentials, events, installation, realms};

use crate::{Fault, access::token_text};

/// The first realm and credential. They are made before they are stored, so that the token is written to its file before
/// the database accepts it.
pub struct First {
    credential: Credential,
    digest: TokenDigest,
    realm: Realm,
    pub token: Secret<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initialised {
    Now,
    /// The database had been initialised before; nothing was changed.
    Before,
}

impl First {
    pub fn new(realm: RealmKey, title: Title, clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let now = clock.now();
        let (secret, digest) = TokenKind::Credential.mint(entropy);
        let realm = Realm { id: Id::new(now, entropy), key: realm, title: title.clone(), created_at: now };
        let credential = Credential {
            id: Id::new(now, entropy),
            realm: realm.id,
            role: Role::Operator,
            products: Products::All,
            title: title.clone(),
            holder: title,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        let token = token_text(credential.id, &secret);
        Self { credential, digest, realm, token }
    }
}

pub async fn initialise(
    store: &Store,
    keyring: &Keyring,
    entropy: &dyn Entropy,
    first: &First,
) -> Result<Initialised, Fault> {
    let now = first.realm.created_at;
    let check = keyring.seal(&SealContext::KeyCheck, &Secret::new(b"tidegate".to_vec()), entropy)?;
    store
        .tx("initialise", first.realm.id, async |tx| {
            if !installation::insert(tx, check, now).await? {
                return Ok(Initialised::Before);
            }
            realms::insert(tx, &first.realm).await?;
            credentials::insert(tx, &first.credential, first.digest).await?;
            record(tx, first, entropy, Fact::RealmCreated { realm: first.realm.key.clone() }).await?;
            let (credential, role) = (first.credential.id, Role::Operator);
            record(tx, first, entropy, Fact::CredentialCreated { credential, role, products: None }).await?;
            Ok(Initialised::Now)
        })
        .await
}

async fn record(tx: &mut Tx, first: &First, entropy: &dyn Entropy, fact: Fact) -> Result<(), Fault> {
    let now = first.realm.created_at;
    let event = Event {
        id: Id::new(now, entropy),
        at: now,
        actor: Actor::Worker("init".to_owned()),
        product: None,
        account: None,
        fact,
        personal: None,
    };
    Ok(events::record(tx, event).await?)
}
