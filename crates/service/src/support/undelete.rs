//! Takes the deletion of an account back. Its factors, its password and its devices are as they were; its sessions have ended.

use tidegate_core::{Account, AccountState, Fact, MessagePurpose, Permission, Refusal, Word as _};

use super::{
    KEPT_FOR,
    case::{self, Case, Move},
};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct UndeleteAccount(pub Case);

const FROM: &[AccountState] = &[AccountState::Deleted];

impl Command for UndeleteAccount {
    const NAME: &'static str = "undelete_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            let account = case::lock(tx, found.id, FROM).await?;
            // The worker that purges it may be late.
            if account.deleted_at.is_none_or(|at| cx.now().since(at) >= KEPT_FOR) {
                return Err(Refusal::AccountState { state: account.state.as_str() }.into());
            }
            let moved = Move {
                to: AccountState::Active,
                deleted_at: None,
                fact: Fact::AccountUndeleted { reason: case.reason.clone() },
                notice: MessagePurpose::AccountReactivated,
            };
            Ok(case::advance(cx, tx, (&account, &product), moved).await?)
        })
        .await
    }
}
