//! Makes the next key that signs the realm's assertions.

use serde::{Deserialize, Serialize};
use tidegate_core::{Permission, SigningKeyId, Timestamp};

use crate::{Command, CommandContext, Error, idempotency::outcomes};

#[derive(Debug)]
pub struct RotateSigningKey {
    /// It signs now, and the other keys are dropped.
    pub at_once: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RotatedKey {
    pub id: SigningKeyId,
    pub signs_at: Timestamp,
}

outcomes!(RotatedKey);

impl Command for RotateSigningKey {
    const NAME: &'static str = "rotate_signing_key";
    const PERMISSION: Permission = Permission::AccessManage;
    type Outcome = RotatedKey;

    async fn run(self, cx: &CommandContext) -> Result<RotatedKey, Error> {
        cx.idempotent(async |tx| {
            let key = cx.rotate_signing_key(tx, self.at_once).await?;
            Ok(RotatedKey { id: key.id, signs_at: key.signs_at })
        })
        .await
    }
}
