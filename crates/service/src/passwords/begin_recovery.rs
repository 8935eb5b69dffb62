//! Asks for a mail by which a password is reset.
//!
//! Known and unknown identifiers get the same answer in the same time (INV-29), because both are only put down. A worker looks
//! them up: see `send_resets`.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    ClientContext, Fact, Identifier, Language, MessagePurpose, Permission, ProductKey, RecoveryId, Secret,
    Span,
};
use tidegate_factors::sends::WINDOWS;
use tidegate_keyring::SealContext;
use tidegate_store::recoveries::{self, Recovery};

use crate::{Command, CommandContext, Error, Fault, idempotency::outcomes};

/// A request that no worker has looked at for so long is dropped.
const TTL: Span = Span::minutes(30);

#[derive(Debug)]
pub struct BeginRecovery {
    pub product: ProductKey,
    pub identifier: Identifier,
    pub client: ClientContext,
}

/// Says nothing of whether there is such an account.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecoveryBegun {}

outcomes!(RecoveryBegun);

/// What the worker needs to know.
#[derive(Serialize, Deserialize)]
pub(super) struct ResetAsked {
    pub(super) product: ProductKey,
    pub(super) identifier: String,
    pub(super) language: Option<Language>,
    /// It was not the owner who asked: a new password is demanded.
    pub(super) demanded: bool,
}

impl Command for BeginRecovery {
    const NAME: &'static str = "begin_recovery";
    const PERMISSION: Permission = Permission::SignIn;
    type Outcome = RecoveryBegun;

    async fn run(self, cx: &CommandContext) -> Result<RecoveryBegun, Error> {
        let product = cx.product(&mut cx.view(), &self.product).await?;
        let id = cx.new_id();
        let asked = ResetAsked {
            product: self.product,
            identifier: self.identifier.as_str().to_owned(),
            language: self.client.language,
            demanded: false,
        };
        let recovery = asked.sealed(cx, id)?;
        cx.idempotent(async |tx| {
            let to = self.identifier.as_str().as_bytes();
            // The worker sends it, or not. The budget is that of the identifier, whether or not it is known (INV-14).
            let _ = cx.permit_send_to(tx, to, MessagePurpose::ResetPassword, WINDOWS).await?;
            recoveries::insert(tx, recovery).await?;
            // A stranger may ask for any number of identifiers. What comes of it for an account has an event of its own.
            let begun = cx.event(Fact::RecoveryBegun { recovery: id, count: 1 });
            begun.at(&product.key).record_refusal(tx).await?;
            Ok(RecoveryBegun {})
        })
        .await
    }
}

impl ResetAsked {
    /// As it waits for the worker.
    pub(super) fn sealed(&self, cx: &CommandContext, id: RecoveryId) -> Result<Recovery, Fault> {
        let context = SealContext::Recovery { realm: cx.realm(), recovery: id };
        let plain = Secret::new(serde_json::to_vec(self)?);
        let material = cx.keyring().seal(&context, &plain, cx.entropy())?;
        Ok(Recovery { id, material, expires_at: cx.now().plus(TTL) })
    }
}
