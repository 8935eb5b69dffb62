//! Token introspection (RFC 7662): what a session token is worth now. It also keeps the session from going idle.

use serde::{Deserialize, Serialize};
use tidegate_core::{Introspected, Permission, Session, Span, Token};
use tidegate_store::sessions;

use crate::{Command, CommandContext, Error, Fault, idempotency::outcomes};

/// The last use is written at most once in this time: a session may end a minute early, never late.
const FLUSH_INTERVAL: Span = Span::seconds(60);

#[derive(Debug)]
pub struct Introspect {
    pub token: Token,
}

/// `None`: not active. The reason is not told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer(pub Option<Introspected>);

outcomes!(Answer);

impl Command for Introspect {
    const NAME: &'static str = "introspect";
    const PERMISSION: Permission = Permission::SessionsIntrospect;
    type Outcome = Answer;

    async fn run(self, cx: &CommandContext) -> Result<Answer, Error> {
        let Some(live) = super::judge::introspect(cx.query(), &self.token).await? else {
            return Ok(Answer(None));
        };
        keep_awake(cx, &live.session).await?;
        Ok(Answer(Some(live)))
    }
}

/// Keeps a session that is used from going idle.
pub(super) async fn keep_awake(cx: &CommandContext, session: &Session) -> Result<(), Fault> {
    let now = cx.now();
    if now.since(session.last_used_at) >= FLUSH_INTERVAL {
        cx.tx(async |tx| Ok(sessions::touch(tx, session.id, now).await?)).await?;
    }
    Ok(())
}
