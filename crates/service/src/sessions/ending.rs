//! Ending sessions. What ended is refused from the commit on where a call reads the session's row, and at Introspect, which
//! may answer from the cache, within a second (INV-23): the event of the end invalidates what is cached.

use tidegate_core::{Account, ClientContext, Fact, Session, SessionEnd, SessionId, Within};
use tidegate_store::{Tx, accounts, challenges, devices, sessions};

use crate::{CommandContext, Fault};

/// Whose sessions end, and from where that was asked.
pub(crate) type Whose<'w> = (&'w Account, &'w ClientContext);

/// Ends one session, with its open challenges; `false` when it had ended before.
pub(crate) async fn end(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, client): Whose<'_>,
    session: &Session,
    why: SessionEnd,
) -> Result<bool, Fault> {
    if !sessions::end(tx, session.id, account.id, why, cx.now()).await? {
        return Ok(false);
    }
    challenges::cancel_all(tx, account.id, Within::Session(session.id)).await?;
    let event = cx.event(Fact::SessionEnded { session: session.id, why });
    event.at(&session.product).of(account).from(client).record(tx).await?;
    Ok(true)
}

/// Ends every session of the account but the spared one, at all products; returns how many ended. Trust ends with them,
/// and no sign-in that began before becomes a session: the account's epoch rises. The account must be locked.
pub(crate) async fn end_all(
    cx: &CommandContext,
    tx: &mut Tx,
    whose: Whose<'_>,
    why: SessionEnd,
    spared: Option<SessionId>,
) -> Result<usize, Fault> {
    accounts::raise_epoch(tx, whose.0.id).await?;
    let mut ended = 0;
    for session in sessions::of_account(tx, whose.0.id, cx.now()).await? {
        if Some(session.id) != spared && end(cx, tx, whose, &session, why).await? {
            ended += 1;
        }
    }
    end_trust(cx, tx, whose).await?;
    Ok(ended)
}

/// Ends the trust of the account's devices at all products, and makes the refresh tokens of its sessions worthless, also that
/// of a session which goes on.
pub(crate) async fn end_trust(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, client): Whose<'_>,
) -> Result<(), Fault> {
    sessions::end_refreshes(tx, account.id).await?;
    if devices::end_all_trust(tx, account.id).await? == 0 {
        return Ok(());
    }
    cx.event(Fact::DeviceTrustEnded {}).of(account).from(client).record(tx).await
}
