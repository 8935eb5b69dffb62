//! Changes what the realm's own systems say of an account.

use tidegate_core::{
    Account, AccountRef, AccountState, Country, CustomerKey, Fact, Labels, Permission, Refusal, Word as _,
};
use tidegate_store::{accounts, customers};

use crate::{Command, CommandContext, Error, Fault};

#[derive(Debug)]
pub struct UpdateAccount {
    pub account: AccountRef,
    pub change: AccountChange,
}

/// New values; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    pub country: Option<Option<Country>>,
    pub customer: Option<Option<CustomerKey>>,
    pub labels: Option<Labels>,
}

impl Command for UpdateAccount {
    const NAME: &'static str = "update_account";
    const PERMISSION: Permission = Permission::AccountsManage;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        cx.idempotent(async |tx| {
            let change = self.change.clone();
            if let Some(Some(customer)) = &change.customer
                && customers::find(tx, customer).await?.is_none()
            {
                return Err(Refusal::CustomerNotFound.into());
            }
            let found = accounts::find(tx, &self.account).await?.ok_or(Refusal::AccountNotFound)?;
            let before = accounts::lock(tx, found.id).await?.ok_or(Fault::Dangling("account"))?;
            // Nothing is said of somebody who was erased.
            if before.state == AccountState::Purged {
                return Err(Refusal::AccountState { state: before.state.as_str() }.into());
            }
            let account = Account {
                country: change.country.unwrap_or_else(|| before.country.clone()),
                customer: change.customer.unwrap_or_else(|| before.customer.clone()),
                labels: change.labels.unwrap_or_else(|| before.labels.clone()),
                ..before.clone()
            };
            let fields = differing(&before, &account);
            if !fields.is_empty() {
                accounts::describe(tx, &account).await?;
                cx.event(Fact::AccountUpdated { fields }).of(&account).record(tx).await?;
            }
            Ok(account)
        })
        .await
    }
}

fn differing(before: &Account, after: &Account) -> Vec<String> {
    let differ = [
        ("country", before.country != after.country),
        ("customer", before.customer != after.customer),
        ("labels", before.labels != after.labels),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}
