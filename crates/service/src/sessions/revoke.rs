//! Ends a session of the subject's account.

use serde::{Deserialize, Serialize};
use tidegate_core::{Fact, Permission, SessionEnd, SessionId, Subject, Within};
use tidegate_store::{challenges, sessions};

use crate::{Command, Error, Pen, once::outcomes};

#[derive(Debug)]
pub struct RevokeSession {
    pub subject: Subject,
    /// `None`: the subject's own.
    pub session: Option<SessionId>,
}

/// Whether a session was ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revoked(pub bool);

outcomes!(Revoked);

impl Command for RevokeSession {
    const NAME: &'static str = "revoke_session";
    const PERMISSION: Permission = Permission::SessionsRevoke;
    type Outcome = Revoked;

    async fn run(self, pen: &Pen) -> Result<Revoked, Error> {
        let acting = pen.acting(&self.subject).await?;
        let session = self.session.unwrap_or(acting.session()?.id);
        pen.once(async |tx| {
            let found = sessions::get(tx, session).await?.filter(|found| {
                found.account == acting.account.id && pen.caller.products.include(&found.product)
            });
            let Some(found) = found else { return Ok(Ok(Revoked(false))) };
            let why = SessionEnd::Revoked;
            let ended = sessions::end(tx, session, found.account, why, pen.now()).await?;
            if ended {
                challenges::cancel_all(tx, found.account, Within::Session(session)).await?;
                let event = pen.event(Fact::SessionEnded { session, why });
                event.at(&found.product).of(&acting.account).from(&acting.client).record(tx).await?;
            }
            Ok(Ok(Revoked(ended)))
        })
        .await
    }
}
