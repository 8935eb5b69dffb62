//! Creates one account.

use tidegate_core::{
    Account, AccountState, Contact, Country, CustomerKey, Email, ExternalId, Fact, Labels, Permission,
    Refusal, Secret, Span,
};
use tidegate_keyring::passwords;
use tidegate_store::{accounts, customers, passwords as kept};
use tracing::Instrument as _;

use crate::{Command, CommandContext, Error, Fault};

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
            Some(password) => Some(hash(cx, password).await?),
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

async fn hash(cx: &CommandContext, password: &Secret<String>) -> Result<String, Error> {
    let violations = passwords::flaws(password);
    if !violations.is_empty() {
        return Err(Refusal::PasswordNotAcceptable { violations }.into());
    }
    let hash = cx.passwords().hash(password, cx.entropy());
    let hashed = hash.instrument(tracing::debug_span!("password_hash")).await;
    let hashed = hashed.map_err(|_| Refusal::TooManyPasswords { retry_after: Span::seconds(1) })?;
    Ok(hashed.map_err(Fault::from)?)
}
