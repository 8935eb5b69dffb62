//! Ends a session of the subject's account.

use serde::{Deserialize, Serialize};
use tidegate_core::{Permission, Refusal, SessionEnd, SessionId, Subject};
use tidegate_store::sessions;

use super::ending;
use crate::{Command, CommandContext, Error, Share, idempotency::outcomes};

#[derive(Debug)]
pub struct RevokeSession {
    pub subject: Subject,
    /// `None`: the subject's own session.
    pub session: Option<SessionId>,
}

/// Whether a session was ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revoked(pub bool);

outcomes!(Revoked);

impl Command for RevokeSession {
    const NAME: &'static str = "revoke_session";
    const PERMISSION: Permission = Permission::SessionsRevoke;
    const SHARE: Share = Share::Hot;
    type Outcome = Revoked;

    async fn run(self, cx: &CommandContext) -> Result<Revoked, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let own = acting.session()?.id;
        let session = self.session.unwrap_or(own);
        if acting.recovers && session != own {
            return Err(Refusal::SessionRecovers.into());
        }
        cx.idempotent(async |tx| {
            let found = sessions::get(tx, session)
                .await?
                .filter(|found| found.account == acting.account.id && cx.agent().covers(&found.product));
            let Some(found) = found else { return Ok(Revoked(false)) };
            let whose = (&acting.account, &acting.client);
            Ok(Revoked(ending::end(cx, tx, whose, &found, SessionEnd::Revoked).await?))
        })
        .await
    }
}
