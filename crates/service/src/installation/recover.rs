//! Makes an operator's credential without a caller, for those who have lost all of them. Whoever runs this holds the
//! master key and the database, so it gives them nothing that they could not take.

use tidegate_core::{
    Actor, Clock, Credential, Entropy, Event, Fact, Id, Issuers, Products, RealmKey, Role, Title,
};
use tidegate_store::{Store, credentials, events, realms};

use super::OperatorToken;
use crate::Fault;

/// Who gets the credential, and why.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The home realm of the new operator.
    pub realm: RealmKey,
    pub title: Title,
    pub holder: Title,
    pub reason: Title,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// The credential is stored. So many other operators' credentials are still accepted.
    Now {
        others: i64,
    },
    NoSuchRealm,
}

/// Stores the credential of the token, and the event that says why.
pub async fn recover(
    store: &Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    (recovery, token): (&Recovery, &OperatorToken),
) -> Result<Recovered, Fault> {
    let mut across = store.across("recover");
    let Some(realm) = realms::find(&mut across, &recovery.realm).await? else {
        return Ok(Recovered::NoSuchRealm);
    };
    let now = clock.now();
    let others = credentials::outlook(&mut across, now).await?.map_or(0, |outlook| outlook.operators);
    let actor = Actor::Worker("recover".to_owned());
    let (role, id) = (Role::Operator, token.id());
    let credential = Credential {
        id,
        realm: realm.id,
        role,
        products: Products::All,
        title: recovery.title.clone(),
        holder: recovery.holder.clone(),
        issuers: Issuers::operator(),
        created_by: Some(actor.clone()),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        previous_until: None,
        last_used_at: None,
    };
    let reason = Some(recovery.reason.clone());
    let event = Event {
        id: Id::new(now, entropy),
        at: now,
        actor,
        product: None,
        account: None,
        fact: Fact::CredentialCreated { credential: id, role, products: None, reason },
        personal: None,
    };
    store
        .tx("recover", realm.id, async |tx| {
            credentials::insert(tx, &credential, token.digest()).await?;
            events::record(tx, event).await?;
            Ok::<_, Fault>(())
        })
        .await?;
    Ok(Recovered::Now { others })
}
