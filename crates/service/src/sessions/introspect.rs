//! Token introspection (RFC 7662): what a session token is worth now. It also keeps the session from going idle.
//!
//! A session that was used a short time ago is answered from the cache (`cache/sessions.rs`). What is done here is the rest: what
//! is not cached, every answer that is "not active", and one call each minute, which writes the last use.

use serde::{Deserialize, Serialize};
use tidegate_core::{Introspected, Permission, Session, Span, Timestamp, Token};
use tidegate_keyring::TokenKind;
use tidegate_store::sessions;

use crate::{Command, CommandContext, Error, Fault, Share, cache::CachedSession, idempotency::outcomes};

/// The last use is written at most once in this time: a session may end a minute early, never late.
pub(crate) const FLUSH_INTERVAL: Span = Span::seconds(60);

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
    const SHARE: Share = Share::Hot;
    type Outcome = Answer;

    async fn run(self, cx: &CommandContext) -> Result<Answer, Error> {
        let Some(digest) = TokenKind::Session.digest(self.token.expose()) else { return Ok(Answer(None)) };
        cx.query().counts().session_read();
        let version = cx.query().cache().version_of_all();
        let Some(mut live) = super::judge::introspect(cx.query(), (&self.token, digest)).await? else {
            return Ok(Answer(None));
        };
        live.session.last_used_at = keep_awake(cx, &live.session, live.reauth_by).await?;
        cx.query().cache().insert_session(version, (cx.realm(), digest), CachedSession::new(&live.session));
        Ok(Answer(Some(live)))
    }
}

/// Keeps a session that is used from going idle, and writes down by when it must be authenticated again. Returns its last use
/// as it is kept.
pub(super) async fn keep_awake(
    cx: &CommandContext,
    session: &Session,
    reauth_by: Option<Timestamp>,
) -> Result<Timestamp, Fault> {
    let now = cx.now();
    if now.since(session.last_used_at) < FLUSH_INTERVAL {
        return Ok(session.last_used_at);
    }
    cx.tx(async |tx| Ok(sessions::touch(tx, session.id, now, reauth_by).await?)).await?;
    Ok(now)
}
