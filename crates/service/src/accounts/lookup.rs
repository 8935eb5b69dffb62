//! Finds the account of an email address, in any spelling.

use tidegate_core::{Account, Fact, Identifier, Permission, Refusal};
use tidegate_store::accounts;

use super::{Disclosure, RecordRead};
use crate::{Error, Query, QueryContext};

#[derive(Debug, Clone)]
pub struct LookupAccount {
    pub email: Identifier,
}

impl Query for LookupAccount {
    const NAME: &'static str = "lookup_account";
    const PERMISSION: Permission = Permission::AccountsRead;
    type Outcome = Account;

    async fn run(self, cx: &QueryContext) -> Result<Account, Error> {
        Ok(accounts::by_email(&mut cx.view(), &self.email).await?.ok_or(Refusal::AccountNotFound)?)
    }
}

impl Disclosure for LookupAccount {
    fn recorded(&self, answer: &Account) -> RecordRead {
        RecordRead { fact: Fact::AccountRead { by_address: true }, account: Some(answer.clone()) }
    }
}
