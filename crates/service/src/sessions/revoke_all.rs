//! Signs the owner out everywhere.

use serde::{Deserialize, Serialize};
use tidegate_core::{Permission, SessionEnd, Subject};

use super::ending;
use crate::{Command, CommandContext, Error, accounts::owner, idempotency::outcomes};

#[derive(Debug)]
pub struct RevokeAllSessions {
    pub subject: Subject,
    /// The subject's own session goes on.
    pub keep_own: bool,
}

/// How many sessions were ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct AllRevoked(pub usize);

outcomes!(AllRevoked);

impl Command for RevokeAllSessions {
    const NAME: &'static str = "revoke_all_sessions";
    const PERMISSION: Permission = Permission::SessionsRevoke;
    type Outcome = AllRevoked;

    async fn run(self, cx: &CommandContext) -> Result<AllRevoked, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let own = acting.session()?.id;
        cx.idempotent(async |tx| {
            let account = owner::lock(tx, &acting).await?;
            let spared = self.keep_own.then_some(own);
            let whose = (&account, &acting.client);
            Ok(AllRevoked(ending::end_all(cx, tx, whose, SessionEnd::SignedOut, spared).await?))
        })
        .await
    }
}
