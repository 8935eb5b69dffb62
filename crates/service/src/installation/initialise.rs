//! Creates the first realm and the first credential: an operator's, for all products.

use tidegate_core::{
    Actor, Clock, Credential, CredentialId, Entropy, Event, Fact, Id, Issuers, Products, Realm, RealmKey,
    Role, Secret, Title, TokenDigest,
};
use tidegate_keyring::{Keyring, SealContext, TokenKind};
use tidegate_store::{Store, Tx, credentials, events, installation, master_keys, realms};

use crate::{
    Fault,
    access::{token_parts, token_text},
};

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

/// The token of an operator's credential that is not stored yet.
pub struct OperatorToken {
    id: CredentialId,
    digest: TokenDigest,
    text: Secret<String>,
}

impl OperatorToken {
    pub fn mint(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let id = Id::new(clock.now(), entropy);
        let (secret, digest) = TokenKind::Credential.mint(entropy);
        Self { id, digest, text: token_text(id, &secret) }
    }

    /// `None`: the text is no token.
    pub fn read(text: Secret<String>) -> Option<Self> {
        let (id, digest) = token_parts(text.expose())?;
        Some(Self { id, digest, text })
    }

    pub const fn id(&self) -> CredentialId {
        self.id
    }

    pub(crate) const fn digest(&self) -> TokenDigest {
        self.digest
    }

    pub const fn text(&self) -> &Secret<String> {
        &self.text
    }
}

impl First {
    pub fn new(realm: RealmKey, title: Title, clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        Self::with(OperatorToken::mint(clock, entropy), realm, title, clock, entropy)
    }

    /// With a token that exists already.
    pub fn with(
        token: OperatorToken,
        realm: RealmKey,
        title: Title,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Self {
        let now = clock.now();
        let OperatorToken { id, digest, text: token } = token;
        let realm = Realm { id: Id::new(now, entropy), key: realm, title: title.clone(), created_at: now };
        let credential = Credential {
            id,
            realm: realm.id,
            role: Role::Operator,
            products: Products::All,
            title: title.clone(),
            holder: title,
            issuers: Issuers::operator(),
            created_by: Some(init()),
            created_at: now,
            expires_at: None,
            revoked_at: None,
            previous_until: None,
            last_used_at: None,
        };
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
            master_keys::activate(tx, keyring.active(), now).await?;
            master_keys::rewrapped(tx, keyring.active(), now).await?;
            credentials::insert(tx, &first.credential, first.digest).await?;
            record(tx, first, entropy, Fact::RealmCreated { realm: first.realm.key.clone() }).await?;
            let (credential, role) = (first.credential.id, Role::Operator);
            let fact = Fact::CredentialCreated { credential, role, products: None, reason: None };
            record(tx, first, entropy, fact).await?;
            Ok(Initialised::Now)
        })
        .await
}

fn init() -> Actor {
    Actor::Worker("init".to_owned())
}

async fn record(tx: &mut Tx, first: &First, entropy: &dyn Entropy, fact: Fact) -> Result<(), Fault> {
    let now = first.realm.created_at;
    let event = Event {
        id: Id::new(now, entropy),
        at: now,
        actor: init(),
        product: None,
        account: None,
        fact,
        personal: None,
    };
    Ok(events::record(tx, event).await?)
}
