//! What every change by the owner begins with.

use tidegate_core::{Account, AccountState, Fact, Refusal, Session};
use tidegate_factors::fresh;
use tidegate_store::{Tx, View, accounts, factors, sessions};

use crate::{CommandContext, Denied, Fault, acting::Acting};

pub(crate) async fn lock(tx: &mut Tx, acting: &Acting) -> Result<Account, Denied> {
    let account = accounts::lock(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
    if account.state != AccountState::Active {
        return Err(Refusal::SubjectNotValid.into());
    }
    Ok(account)
}

/// Locks the account for a change of what protects it. Changes that somebody's "this wasn't me" has locked are unlocked by a
/// proof of the owner.
pub(crate) async fn lock_for_change(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
) -> Result<Account, Denied> {
    let account = lock(tx, acting).await?;
    let session = sessions::hold(tx, acting.session()?.id, cx.now()).await?;
    let session = session.ok_or(Refusal::SubjectNotValid)?;
    if !may_change(tx, &account, &session).await? {
        return Err(Refusal::ChangesLocked.into());
    }
    unlock(cx, tx, acting, &account).await?;
    Ok(account)
}

/// Whether nothing locks changes, or the session has a proof that unlocks them.
pub(crate) async fn may_change(view: &mut View, account: &Account, session: &Session) -> Result<bool, Fault> {
    let Some(since) = account.changes_locked_at else { return Ok(true) };
    let factors = factors::of_account(view, account.id).await?;
    Ok(fresh::unlocks(session, &factors, since))
}

/// The same for a subject. A sign-in unlocks nothing.
pub(crate) async fn acting_may_change(
    view: &mut View,
    account: &Account,
    acting: &Acting,
) -> Result<bool, Fault> {
    match acting.session() {
        Ok(session) => may_change(view, account, session).await,
        Err(_) => Ok(account.changes_locked_at.is_none()),
    }
}

/// The owner has proved that the account is theirs.
pub(crate) async fn unlock(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    account: &Account,
) -> Result<(), Fault> {
    if account.changes_locked_at.is_none() {
        return Ok(());
    }
    accounts::lock_changes(tx, account.id, None).await?;
    let event = cx.event(Fact::ChangesUnlocked {}).at(&acting.product.key).of(account);
    event.from(&acting.client).record(tx).await
}
