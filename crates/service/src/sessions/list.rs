//! Lists the live sessions of an account, so that its owner finds one that is not theirs. What support sees is recorded.

use serde::{Deserialize, Serialize};
use tidegate_core::{Level, Permission, Session, SessionId, Subject};
use tidegate_factors::level;
use tidegate_keyring::PersonalContext;
use tidegate_store::sessions;

use crate::{Command, CommandContext, Error, acting::By, idempotency::outcomes};

#[derive(Debug)]
pub struct ListSessions {
    pub subject: Subject,
}

/// Newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sessions(pub Vec<ListedSession>);

outcomes!(Sessions);

#[derive(Debug, Serialize, Deserialize)]
pub struct ListedSession {
    pub session: Session,
    pub level: Level,
    /// Where it was made from; may be empty.
    pub client: String,
    /// The subject's own.
    pub is_own: bool,
}

impl Command for ListSessions {
    const NAME: &'static str = "list_sessions";
    const PERMISSION: Permission = Permission::SessionsRead;
    type Outcome = Sessions;

    async fn run(self, cx: &CommandContext) -> Result<Sessions, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.not_signing_in()?;
        let own: Option<SessionId> = match &acting.by {
            By::Session(session) => Some(session.id),
            By::SignIn(_) | By::Support(_) => None,
        };
        let mut view = cx.view();
        let mut listed = Vec::new();
        for session in sessions::of_account(&mut view, acting.account.id, cx.now()).await? {
            // Idle for too long: it ended, although nobody said so, unless its app can refresh it.
            if !session.is_live(cx.now()) && !session.is_refreshable(acting.account.epoch, cx.now()) {
                continue;
            }
            let context = PersonalContext::SessionClient(session.id);
            let client = cx.query().shown_client(&acting.account, context, session.client.as_ref());
            let level = level::of(&session.proofs, session.created_at, cx.now());
            listed.push(ListedSession { is_own: Some(session.id) == own, session, level, client });
        }
        listed.reverse();
        cx.idempotent(async |tx| {
            cx.record_seen(tx, &acting).await?;
            Ok(Sessions(listed))
        })
        .await
    }
}
