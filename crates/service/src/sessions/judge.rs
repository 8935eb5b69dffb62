//! Whether a session token stands for a live session: the one place that says so.

use tidegate_core::{Account, AccountState, Introspected, Product, Token};
use tidegate_factors::level;
use tidegate_keyring::TokenKind;
use tidegate_rollout::reauth;
use tidegate_store::{accounts, products, sessions};

use crate::{Desk, Fault};

pub(crate) struct Live {
    pub(crate) introspected: Introspected,
    pub(crate) account: Account,
    pub(crate) product: Product,
}

/// `None` for every token that is not good: unknown, ended, idle, of a suspended account (INV-27), of a
/// product the caller's credential does not name (INV-59), or past its `reauth_by` (INV-16).
pub(crate) async fn judge(desk: &Desk, token: &Token) -> Result<Option<Live>, Fault> {
    let Some(digest) = TokenKind::Session.digest(token.expose()) else { return Ok(None) };
    let (mut view, now) = (desk.view(), desk.now());
    let Some(session) = sessions::find(&mut view, digest).await? else { return Ok(None) };
    if !session.is_live(now) || !desk.caller.products.include(&session.product) {
        return Ok(None);
    }
    let account = accounts::get(&mut view, session.account).await?.ok_or(Fault::Dangling("account"))?;
    if account.state != AccountState::Active {
        return Ok(None);
    }
    let product = products::find(&mut view, &session.product).await?.ok_or(Fault::Dangling("product"))?;
    let decision = desk.decide(&mut view, &product, &account).await?;
    let reauth_by = reauth::by(&decision, &session);
    if reauth_by.is_some_and(|by| now >= by) {
        return Ok(None);
    }
    let level = level::of(&session.proofs, session.created_at, now);
    Ok(Some(Live { introspected: Introspected { session, level, reauth_by }, account, product }))
}
