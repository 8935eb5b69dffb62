//! What the verbs of support share: the account and its state, and what ends with it.

use tidegate_core::{
    Account, AccountId, AccountRef, AccountState, ClientContext, Fact, MessagePurpose, Product, ProductKey,
    Refusal, SessionEnd, Timestamp, Title, Word as _,
};
use tidegate_store::{Tx, View, accounts, challenges, enrollments};

use super::KEPT_FOR;
use crate::{CommandContext, Denied, Fault, notices::About, sessions::ending};

/// An account, and why support changes it.
#[derive(Debug)]
pub struct Case {
    pub account: AccountRef,
    /// In whose name the owner is told.
    pub product: ProductKey,
    pub reason: Title,
}

impl Case {
    /// The account, if it is in one of the states. To be asked before anything is written, because a refusal commits what
    /// was written before it.
    pub(super) async fn find(&self, view: &mut View, from: &[AccountState]) -> Result<Account, Denied> {
        let account = accounts::find(view, &self.account).await?.ok_or(Refusal::AccountNotFound)?;
        Ok(in_state(account, from)?)
    }
}

/// Cancels the pending enrollments, which come before accounts in the lock order, and locks the account. Where another call
/// has moved the account meanwhile, it is refused, and what was cancelled stays so: the other call cancelled it too.
pub(super) async fn lock(tx: &mut Tx, id: AccountId, from: &[AccountState]) -> Result<Account, Denied> {
    enrollments::cancel_all(tx, id).await?;
    let account = accounts::lock(tx, id).await?.ok_or(Fault::Dangling("account"))?;
    Ok(in_state(account, from)?)
}

pub(super) fn in_state(account: Account, states: &[AccountState]) -> Result<Account, Refusal> {
    if states.contains(&account.state) {
        Ok(account)
    } else {
        Err(Refusal::AccountState { state: account.state.as_str() })
    }
}

/// Ends everything that the owner, or a thief, has under way: all sessions, the trust of all devices, sign-ins and
/// challenges (INV-23, INV-27). The account must be locked.
pub(super) async fn end(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    why: SessionEnd,
) -> Result<(), Fault> {
    ending::end_all(cx, tx, (account, &ClientContext::default()), why, None).await?;
    Ok(challenges::cancel_of_account(tx, account.id).await?)
}

/// Where a case leads.
pub(super) struct Move {
    pub(super) to: AccountState,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) fact: Fact,
    pub(super) notice: MessagePurpose,
}

/// Moves the locked account, records why, and tells its owner.
pub(super) async fn advance(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product): (&Account, &Product),
    Move { to, deleted_at, fact, notice }: Move,
) -> Result<Account, Fault> {
    accounts::advance(tx, account.id, to, deleted_at).await?;
    cx.event(fact).at(&product.key).of(account).record(tx).await?;
    let about = About { until: deleted_at.map(|at| at.plus(KEPT_FOR)), ..About::default() };
    cx.notify(tx, (account, product, &ClientContext::default()), notice, about).await?;
    accounts::get(tx, account.id).await?.ok_or(Fault::Dangling("account"))
}
