//! Puts an account back into use that was suspended or locked down. Where a new password is demanded, its owner gets the
//! link to set it now: before, the account could set none.

use tidegate_core::{Account, AccountState, ClientContext, Fact, MessagePurpose, Permission};
use tidegate_store::passwords;

use super::case::{self, Case, Move};
use crate::{Command, CommandContext, Error, passwords::demand};

#[derive(Debug)]
pub struct ReactivateAccount(pub Case);

const FROM: &[AccountState] = &[AccountState::Suspended, AccountState::LockedDown];

impl Command for ReactivateAccount {
    const NAME: &'static str = "reactivate_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            // What was begun in the moment in which the account was taken out of use is cancelled here.
            let account = case::lock(tx, found.id, FROM).await?;
            if let Some(contact) = account.verified()
                && passwords::is_demanded(tx, account.id).await?
            {
                demand::mail(cx, tx, (contact, &product.key, &ClientContext::default())).await?;
            }
            let moved = Move {
                to: AccountState::Active,
                deleted_at: None,
                fact: Fact::AccountReactivated { reason: case.reason.clone() },
                notice: MessagePurpose::AccountReactivated,
            };
            Ok(case::advance(cx, tx, (&account, &product), moved).await?)
        })
        .await
    }
}
