//! Deletes an account, which can be taken back for 30 days. So long its address and its external id stay its own.

use tidegate_core::{Account, AccountState, Fact, MessagePurpose, Permission, SessionEnd};

use super::case::{self, Case, Move};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct DeleteAccount(pub Case);

const FROM: &[AccountState] = &[AccountState::Active, AccountState::Suspended, AccountState::LockedDown];

impl Command for DeleteAccount {
    const NAME: &'static str = "delete_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            let account = case::lock(tx, found.id, FROM).await?;
            case::end(cx, tx, &account, SessionEnd::AccountDeleted).await?;
            let moved = Move {
                to: AccountState::Deleted,
                deleted_at: Some(cx.now()),
                fact: Fact::AccountDeleted { reason: case.reason.clone() },
                notice: MessagePurpose::AccountDeleted,
            };
            Ok(case::advance(cx, tx, (&account, &product), moved).await?)
        })
        .await
    }
}
