//! Whether a session token belongs to a live session. This is the only place that decides it.

use tidegate_core::{
    Account, AccountRef, AccountState, Decision, Introspected, Level, Product, Session, Token,
};
use tidegate_factors::level;
use tidegate_keyring::TokenKind;
use tidegate_rollout::{decide, reauth};
use tidegate_store::{accounts, products, sessions};

use crate::{Fault, QueryContext, cache};

pub(crate) struct Live {
    pub(crate) introspected: Introspected,
    pub(crate) account: Account,
    pub(crate) product: Product,
}

/// `None` for every token that is not valid: unknown, ended, idle, of a suspended account (INV-27), of a product that the
/// caller's credential does not name (INV-59), or past its `reauth_by` (INV-16). Everything is read from the database,
/// because calls act for the owner on the strength of it.
pub(crate) async fn judge(cx: &QueryContext, token: &Token) -> Result<Option<Live>, Fault> {
    let Some(session) = find(cx, token).await? else { return Ok(None) };
    let mut view = cx.view();
    let account = accounts::get(&mut view, session.account).await?.ok_or(Fault::Dangling("account"))?;
    let product = products::find(&mut view, &session.product).await?.ok_or(Fault::Dangling("product"))?;
    let decision = cx.decide(&mut view, &product, account.id).await?;
    let worth = worth(cx, session, account.state, &decision);
    Ok(worth.map(|introspected| Live { introspected, account, product }))
}

/// The same for Introspect, to which a recovery session is not active: no product may serve it. Account and rollouts come from the cache, the session itself from the database.
pub(crate) async fn introspect(cx: &QueryContext, token: &Token) -> Result<Option<Introspected>, Fault> {
    let Some(session) = find(cx, token).await? else { return Ok(None) };
    let snapshot = cx.snapshot().await?;
    let Some(at) = snapshot.at(session.product.as_str()) else {
        // The product was created on another replica a moment ago.
        return Ok(judge(cx, token).await?.map(|live| live.introspected).filter(is_full));
    };
    let account = AccountRef::Id(session.account);
    let known = cx.known(&snapshot, &account).await?.ok_or(Fault::Dangling("account"))?;
    let rollouts = cache::rollouts(&at.rollouts);
    let decision = decide(&at.product, rollouts, &known.standing, cx.now()).decision();
    Ok(worth(cx, session, known.state, &decision).filter(is_full))
}

fn is_full(live: &Introspected) -> bool {
    live.level != Level::Recovery
}

async fn find(cx: &QueryContext, token: &Token) -> Result<Option<Session>, Fault> {
    let Some(digest) = TokenKind::Session.digest(token.expose()) else { return Ok(None) };
    let found = sessions::find(&mut cx.view(), digest).await?;
    Ok(found.filter(|session| session.is_live(cx.now()) && cx.agent().covers(&session.product)))
}

fn worth(
    cx: &QueryContext,
    session: Session,
    state: AccountState,
    decision: &Decision,
) -> Option<Introspected> {
    let now = cx.now();
    let level = level::of(&session.proofs, session.created_at, now);
    // A recovery session meets no requirement, and is what an owner without a usable factor has left.
    let reauth_by = reauth::by(decision, &session).filter(|_| level != Level::Recovery);
    if state != AccountState::Active || reauth_by.is_some_and(|by| now >= by) {
        return None;
    }
    Some(Introspected { session, level, reauth_by })
}
