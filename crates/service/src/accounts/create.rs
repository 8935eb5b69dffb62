//! Creates one account.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, ClientContext, Contact, Country, CustomerKey, Email, EmailChangeState, ExternalId,
    Fact, Labels, MessagePurpose, Permission, Product, ProductKey, Refusal, Secret,
};
use tidegate_store::{Tx, accounts, customers, passwords as kept, products};

use crate::{
    Command, CommandContext, Denied, Error,
    idempotency::outcomes,
    messages::SendPermit,
    passwords::{AccountWords, rules},
};

/// Products among which one is sought that the caller may name.
const PAGE_SIZE: i64 = 100;

#[derive(Debug)]
pub struct CreateAccount {
    pub external_id: Option<ExternalId>,
    pub email: Option<Email>,
    pub country: Option<Country>,
    pub customer: Option<CustomerKey>,
    pub labels: Labels,
    pub password: Option<Secret<String>>,
    /// In whose name a mail is sent, if one is; `None`: of the first product that the caller may name.
    pub product: Option<ProductKey>,
}

/// An account that was created. Its address may belong to an account that has not verified it. Then the new one gets it by a
/// link.
#[derive(Debug, Serialize, Deserialize)]
pub struct AccountCreation {
    pub account: Account,
    /// Where the link was sent, masked.
    pub sent_to: Option<String>,
}

outcomes!(AccountCreation);

impl Command for CreateAccount {
    const NAME: &'static str = "create_account";
    const PERMISSION: Permission = Permission::AccountsCreate;
    type Outcome = AccountCreation;

    async fn run(self, cx: &CommandContext) -> Result<AccountCreation, Error> {
        let hash = match &self.password {
            Some(password) => {
                let words =
                    AccountWords { email: self.email.as_ref(), external_id: self.external_id.as_ref() };
                Some(rules::hash(cx, words, password).await?)
            }
            None => None,
        };
        if let Some(product) = &self.product {
            cx.product(&mut cx.view(), product).await?;
        }
        let (id, now) = (cx.new_id(), cx.now());
        let account = Account {
            id,
            external_id: self.external_id,
            contact: self.email.clone().map(|email| Contact { email, since: now, verified_at: None }),
            country: self.country,
            customer: self.customer,
            labels: self.labels,
            state: AccountState::Active,
            two_step_since: None,
            personal_key: cx.keyring().new_personal_key(cx.realm(), id, cx.entropy())?,
            epoch: 0,
            changes_locked_at: None,
            deleted_at: None,
            check_up_asked_at: None,
            created_at: now,
        };
        cx.idempotent(async |tx| {
            if let Some(customer) = &account.customer
                && customers::find(tx, customer).await?.is_none()
            {
                return Err(Refusal::CustomerNotFound.into());
            }
            if let Some(external) = &account.external_id
                && accounts::imported(tx, external).await?.is_some()
            {
                return Err(Refusal::ExternalIdTaken.into());
            }
            let claim = match &self.email {
                Some(email) => claimed(cx, tx, email, self.product.as_ref()).await?,
                None => None,
            };
            let contact = account.contact.clone().filter(|_| claim.is_none());
            let account = Account { contact, ..account.clone() };
            if !accounts::insert(tx, &account, None).await? {
                return Err(Refusal::EmailTaken.into());
            }
            if let Some(hash) = &hash {
                kept::insert(tx, account.id, hash.clone(), now).await?;
            }
            cx.event(Fact::AccountCreated { imported: false }).of(&account).record(tx).await?;
            let sent_to = match claim {
                Some(Claim { email, product, permit }) => {
                    let nobody = ClientContext::default();
                    cx.mail_email_change(
                        tx,
                        (&account, &email),
                        (&product, &nobody),
                        (EmailChangeState::Claimed, permit),
                    )
                    .await?;
                    Some(email.masked())
                }
                None => None,
            };
            Ok(AccountCreation { account, sent_to })
        })
        .await
    }
}

/// An address that belongs to an account which has not verified it.
struct Claim {
    email: Email,
    product: Product,
    permit: SendPermit,
}

/// An address that nobody has verified keeps nobody out: the new account gets it as soon as its owner proves the mailbox.
/// `None`: nobody has the address. An address that was verified is refused.
async fn claimed(
    cx: &CommandContext,
    tx: &mut Tx,
    email: &Email,
    product: Option<&ProductKey>,
) -> Result<Option<Claim>, Denied> {
    let Some(holder) = accounts::by_email(tx, email.canonical()).await? else { return Ok(None) };
    if holder.verified().is_some() {
        return Err(Refusal::EmailTaken.into());
    }
    let covers = |product: &Product| cx.agent().covers(&product.key);
    let product = if let Some(key) = product {
        products::find(tx, key).await?.filter(covers)
    } else {
        products::page(tx, "", PAGE_SIZE).await?.into_iter().find(covers)
    };
    // Without a product there is no page for the link.
    let product = product.ok_or(Refusal::EmailTaken)?;
    let permit = cx.permit_send(tx, email, MessagePurpose::ClaimAddress).await?;
    Ok(Some(Claim { email: email.clone(), product, permit }))
}
