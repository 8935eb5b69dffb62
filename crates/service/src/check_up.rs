//! The check-up of a second step that was set up some weeks ago: asked at a sign-in that is complete anyway, passed by any proof.

use tidegate_core::{Account, AccountId, ClientContext, Fact, ProductKey};
use tidegate_factors::check_up;
use tidegate_store::{Tx, accounts, factors};

use crate::{CommandContext, Fault, acting::Acting};

/// Whether the owner is to use the second step once more. The first time is recorded. The account must be locked.
pub(crate) async fn ask(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    acting: &Acting,
) -> Result<bool, Fault> {
    // Most sign-ins are of accounts without two-step.
    if account.two_step_since.is_none() {
        return Ok(false);
    }
    let factors = factors::of_account(tx, account.id).await?;
    let (after, product) = (acting.product.settings.check_up_after, &acting.product.key);
    if !check_up::is_due(account, &factors, after, cx.now()) {
        pass(cx, tx, (account, product, &acting.client)).await?;
        return Ok(false);
    }
    if account.check_up_asked_at.is_none() {
        accounts::ask_check_up(tx, account.id, Some(cx.now())).await?;
        cx.query().metrics().checked_up("advised");
        let event = cx.event(Fact::CheckUpAdvised {}).at(product).of(account);
        event.from(&acting.client).record(tx).await?;
    }
    Ok(true)
}

/// The second step was used: an owner who was asked has passed.
pub(crate) async fn pass(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &ProductKey, &ClientContext),
) -> Result<(), Fault> {
    if account.check_up_asked_at.is_none() {
        return Ok(());
    }
    accounts::ask_check_up(tx, account.id, None).await?;
    cx.query().metrics().checked_up("passed");
    cx.event(Fact::CheckUpPassed {}).at(product).of(account).from(client).record(tx).await
}

/// The same for a proof in a session, if it is accepted: the caller rolls back otherwise. The account's lock is taken only where
/// something changes.
pub(crate) async fn pass_by(
    cx: &CommandContext,
    tx: &mut Tx,
    account: AccountId,
    (product, client): (&ProductKey, &ClientContext),
) -> Result<(), Fault> {
    let account = accounts::get(tx, account).await?.ok_or(Fault::Dangling("account"))?;
    if account.check_up_asked_at.is_none() {
        return Ok(());
    }
    let account = accounts::lock(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
    pass(cx, tx, (&account, product, client)).await
}
