//! Creates one account.

use tidegate_core::{
    Account, AccountState, Contact, Country, CustomerKey, Email, ExternalId, Fact, Labels, Permission,
    Refusal, Secret,
};
use tidegate_store::{accounts, customers, passwords as kept};

use crate::{
    Command, CommandContext, Error,
    passwords::{AccountWords, rules},
};

#[derive(Debug)]
pub struct CreateAccount {
    pub external_id: Option<ExternalId>,
    pub email: Option<Email>,
    pub country: Option<Country>,
    pub customer: Option<CustomerKey>,
    pub labels: Labels,
    pub password: Option<Secret<String>>,
}

impl Command for CreateAccount {
    const NAME: &'static str = "create_account";
    const PERMISSION: Permission = Permission::AccountsCreate;
    type Outcome = Account;

    async fn run(self, cx: &CommandContext) -> Result<Account, Error> {
        let hash = match &self.password {
            Some(password) => {
                let words =
                    AccountWords { email: self.email.as_ref(), external_id: self.external_id.as_ref() };
                Some(rules::hash(cx, words, password).await?)
            }
            None => None,
        };
        let (id, now) = (cx.new_id(), cx.now());
        let account = Account {
            id,
            external_id: self.external_id,
            contact: self.email.map(|email| Contact { email, since: now, verified_at: None }),
            country: self.country,
            customer: self.customer,
            labels: self.labels,
            state: AccountState::Active,
            two_step_since: None,
            personal_key: cx.keyring().new_personal_key(cx.realm(), id, cx.entropy())?,
            epoch: 0,
            created_at: now,
        };
        cx.idempotent(async |tx| {
            if let Some(customer) = &account.customer
                && customers::find(tx, customer).await?.is_none()
            {
                return Err(Refusal::CustomerNotFound.into());
            }
            if !accounts::insert(tx, &account, None).await? {
                let external = account.external_id.as_ref();
                let taken = match external {
                    Some(external) => accounts::imported(tx, external).await?.is_some(),
                    None => false,
                };
                return Err((if taken { Refusal::ExternalIdTaken } else { Refusal::EmailTaken }).into());
            }
            if let Some(hash) = &hash {
                kept::insert(tx, account.id, hash.clone(), now).await?;
            }
            cx.event(Fact::AccountCreated { imported: false }).of(&account).record(tx).await?;
            Ok(account.clone())
        })
        .await
    }
}
