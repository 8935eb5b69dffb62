//! Locks an account down that may be in the hands of a stranger. Everything that was begun or mailed before counts no more,
//! and no device is known. The password counts no more either, where the account has a verified address to set a new one
//! by; its owner gets the link once the account is reactivated.
//!
//! Requests to reset the password that wait for their worker need no change: the worker mails nothing while the account is
//! locked.

use tidegate_core::{Account, AccountState, Fact, MessagePurpose, Permission, SessionEnd};
use tidegate_store::{Tx, devices, email_changes, links, passwords, recovery_codes};

use super::case::{self, Case, Move};
use crate::{Command, CommandContext, Error, Fault};

#[derive(Debug)]
pub struct LockdownAccount(pub Case);

const FROM: &[AccountState] = &[AccountState::Active, AccountState::Suspended];

impl Command for LockdownAccount {
    const NAME: &'static str = "lockdown_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            // Before the account, because of the lock order.
            links::supersede_all(tx, found.id, cx.now()).await?;
            let account = case::lock(tx, found.id, FROM).await?;
            email_changes::supersede(tx, account.id, cx.now()).await?;
            case::end(cx, tx, &account, SessionEnd::LockedDown).await?;
            devices::forget_all(tx, account.id).await?;
            recovery_codes::void_passes(tx, account.id).await?;
            demand_password(cx, tx, &account).await?;
            let moved = Move {
                to: AccountState::LockedDown,
                deleted_at: None,
                fact: Fact::AccountLockedDown { reason: case.reason.clone() },
                notice: MessagePurpose::AccountLockedDown,
            };
            Ok(case::advance(cx, tx, (&account, &product), moved).await?)
        })
        .await
    }
}

async fn demand_password(cx: &CommandContext, tx: &mut Tx, account: &Account) -> Result<(), Fault> {
    // Without a verified address nobody could set a new one.
    if account.verified().is_none() || !passwords::demand(tx, account.id, cx.now()).await? {
        return Ok(());
    }
    cx.event(Fact::NewPasswordDemanded {}).of(account).record(tx).await
}
