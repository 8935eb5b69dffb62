//! The public keys that verify a realm's assertions, as a JWK set (RFC 7517).

use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate_core::{Permission, RealmId};

use crate::{Command, CommandContext, Error, Fault, Share, idempotency::outcomes};

#[derive(Debug)]
pub struct GetJwks;

#[derive(Debug, Serialize, Deserialize)]
pub struct Jwks {
    /// A JSON object.
    pub set: String,
    pub issuer: RealmId,
}

outcomes!(Jwks);

impl Command for GetJwks {
    const NAME: &'static str = "get_jwks";
    const PERMISSION: Permission = Permission::AnyCaller;
    const SHARE: Share = Share::Hot;
    type Outcome = Jwks;

    async fn run(self, cx: &CommandContext) -> Result<Jwks, Error> {
        let keys = cx.signing_keys().await?;
        let public = keys.published(cx.now()).iter().map(|key| Ok(cx.assertion_signer(key)?.jwk()));
        let public: Vec<_> = public.collect::<Result<_, Fault>>()?;
        let set = json!({"keys": public}).to_string();
        Ok(Jwks { set, issuer: cx.realm() })
    }
}
