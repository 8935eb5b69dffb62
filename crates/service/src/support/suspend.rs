//! Takes an account out of use. Its sessions end, and it gets none until it is reactivated. Links that were mailed before
//! still count afterwards; where they must not, lock the account down.

use tidegate_core::{Account, AccountState, Fact, MessagePurpose, Permission, SessionEnd};

use super::case::{self, Case, Move};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct SuspendAccount(pub Case);

const FROM: &[AccountState] = &[AccountState::Active];

impl Command for SuspendAccount {
    const NAME: &'static str = "suspend_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            let account = case::lock(tx, found.id, FROM).await?;
            case::end(cx, tx, &account, SessionEnd::Suspended).await?;
            let moved = Move {
                to: AccountState::Suspended,
                deleted_at: None,
                fact: Fact::AccountSuspended { reason: case.reason.clone() },
                notice: MessagePurpose::AccountSuspended,
            };
            Ok(case::advance(cx, tx, (&account, &product), moved).await?)
        })
        .await
    }
}
