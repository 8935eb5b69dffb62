//! Creates a credential of the realm.

use serde::{Deserialize, Serialize};
use tidegate_core::{Credential, Fact, Permission, Products, Refusal, Role, Timestamp, Title};
use tidegate_keyring::TokenKind;
use tidegate_store::{credentials, products};

use crate::{Command, CommandContext, Error, OneTimeSecret, Outcome, access::token_text, times};

#[derive(Debug)]
pub struct CreateCredential {
    pub role: Role,
    pub products: Products,
    pub title: Title,
    pub holder: Title,
    /// After now.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NewCredential {
    pub credential: Credential,
    pub token: OneTimeSecret,
}

impl Outcome for NewCredential {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        vec![&mut self.token]
    }
}

impl Command for CreateCredential {
    const NAME: &'static str = "create_credential";
    const PERMISSION: Permission = Permission::AccessManage;
    type Outcome = NewCredential;

    async fn run(self, cx: &CommandContext) -> Result<NewCredential, Error> {
        if !cx.agent().may_issue(self.role) {
            return Err(Refusal::RoleNotPermitted.into());
        }
        permit_products(cx, &self.products)?;
        let (secret, digest) = TokenKind::Credential.mint(cx.entropy());
        let credential = Credential {
            id: cx.new_id(),
            realm: cx.realm(),
            role: self.role,
            products: self.products,
            title: self.title,
            holder: self.holder,
            issuers: cx.agent().issuers(),
            created_by: Some(cx.actor()),
            created_at: cx.now(),
            expires_at: self.expires_at,
            revoked_at: None,
            previous_until: None,
            last_used_at: None,
        };
        let named = match &credential.products {
            Products::All => None,
            Products::Only(named) => Some(named.clone()),
        };
        cx.idempotent(async |tx| {
            times::ends("expire_time", credential.expires_at, credential.created_at)?;
            for product in named.iter().flatten() {
                if products::find(tx, product).await?.is_none() {
                    return Err(Refusal::ProductNotFound.into());
                }
            }
            credentials::insert(tx, &credential, digest).await?;
            let (id, role) = (credential.id, credential.role);
            let products = named.clone();
            let fact = Fact::CredentialCreated { credential: id, role, products, reason: None };
            cx.event(fact).record(tx).await?;
            let token = OneTimeSecret::Now(token_text(id, &secret));
            Ok(NewCredential { credential: credential.clone(), token })
        })
        .await
    }
}

/// A caller may only grant or revoke products that its own credential names.
pub(super) fn permit_products(cx: &CommandContext, products: &Products) -> Result<(), Refusal> {
    match (products, cx.agent().products()) {
        (_, Products::All) => Ok(()),
        (Products::All, Products::Only(_)) => Err(Refusal::ProductNotPermitted),
        (Products::Only(named), Products::Only(_)) => cx.permit_products(named.iter()),
    }
}
