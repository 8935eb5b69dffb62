//! Reads one account.

use tidegate_core::{Account, AccountRef, Fact, Permission, Refusal};
use tidegate_store::accounts;

use super::{Disclosure, RecordRead};
use crate::{Error, Query, QueryContext};

#[derive(Debug, Clone)]
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

impl Disclosure for GetAccount {
    fn recorded(&self, answer: &Account) -> RecordRead {
        RecordRead { fact: Fact::AccountRead { by_address: false }, account: Some(answer.clone()) }
    }
}
