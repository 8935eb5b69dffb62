//! Reads one account.

use tidegate_core::{Account, AccountRef, Permission, Refusal};
use tidegate_store::accounts;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetAccount {
    pub account: AccountRef,
}

impl Query for GetAccount {
    const NAME: &'static str = "get_account";
    const PERMISSION: Permission = Permission::AccountsRead;
    type Outcome = Account;

    async fn run(self, cx: &QueryContext) -> Result<Account, Error> {
        Ok(accounts::find(&mut cx.view(), &self.account).await?.ok_or(Refusal::AccountNotFound)?)
    }
}
