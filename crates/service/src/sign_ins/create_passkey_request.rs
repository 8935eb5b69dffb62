//! Makes a request for a passkey, which begins a sign-in without an identifier. Nothing is known of the person yet.

use serde::{Deserialize, Serialize};
use tidegate_core::{ClientContext, Method, Permission, ProductKey, Refusal, Timestamp};
use tidegate_factors::{
    passkey::{self, TTL},
    policy,
};
use tidegate_keyring::SealContext;
use tidegate_store::passkey_requests::{self, PasskeyRequest};

use crate::{Command, CommandContext, Error, Fault, Share, idempotency::outcomes};

#[derive(Debug)]
pub struct CreatePasskeyRequest {
    pub product: ProductKey,
    pub client: ClientContext,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PasskeyRequested {
    /// What the browser passes to `navigator.credentials.get`, as JSON.
    pub options: String,
    pub expires_at: Timestamp,
}

outcomes!(PasskeyRequested);

impl Command for CreatePasskeyRequest {
    const NAME: &'static str = "create_passkey_request";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = PasskeyRequested;

    async fn run(self, cx: &CommandContext) -> Result<PasskeyRequested, Error> {
        let product = cx.product(&mut cx.view(), &self.product).await?;
        let party = product.settings.relying_party.as_ref();
        let party = party.filter(|_| policy::admits(&product.settings.methods, Method::WebAuthn));
        let party = party.ok_or(Refusal::MethodNotAllowed)?;
        cx.idempotent(async |tx| {
            let asked = passkey::ask(party).map_err(Fault::from)?;
            let expires_at = cx.now().plus(TTL);
            let context = SealContext::PasskeyRequest { realm: cx.realm() };
            let material = cx.keyring().seal(&context, &asked.material, cx.entropy()).map_err(Fault::from)?;
            let (challenge, device) = (asked.challenge, self.client.device.clone());
            let product = product.key.clone();
            let new = PasskeyRequest { challenge, product, device, material, expires_at };
            passkey_requests::insert(tx, new).await?;
            Ok(PasskeyRequested { options: asked.options, expires_at })
        })
        .await
    }
}
