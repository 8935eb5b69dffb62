//! Redeems the link of a mail that verifies an address, or that makes one the account's.
//!
//! A click proves that the mailbox is reached, and not whose account it is: a stranger may have created the account with the
//! address. So the click counts in a session of the account, or with a new password, which throws the stranger out.

use tidegate_core::{
    Account, AccountId, AccountState, Answered, ClientContext, EmailChange, EmailChangeState, LinkTarget,
    Permission, Product, ProductKey, Refusal, Secret, Subject,
};
use tidegate_store::{Tx, accounts, email_changes as changes};

use super::{email_changes, owner};
use crate::{
    Command, CommandContext, Denied, Error, Fault,
    acting::Acting,
    links::{self, PresentedLink},
    passwords::{reset::reset, rules},
};

#[derive(Debug)]
pub struct ConfirmEmail {
    pub token: Secret<String>,
    pub proved_by: ConfirmedBy,
}

/// What proves, beside the click, that the person is the account's owner.
#[derive(Debug)]
pub enum ConfirmedBy {
    Nothing,
    Session(Subject),
    NewPassword { product: ProductKey, password: Secret<String>, client: ClientContext },
}

impl Command for ConfirmEmail {
    const NAME: &'static str = "confirm_email";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let proof = self.proof(cx).await?;
        cx.idempotent(async |tx| {
            let Some(presented) = links::find(tx, &self.token).await? else { return Ok(links::UNKNOWN) };
            let change = match presented.link.target {
                LinkTarget::Email => None,
                LinkTarget::EmailChange(id) => {
                    Some(changes::find(tx, id).await?.ok_or(Fault::Dangling("change"))?)
                }
                _ => return Ok(links::UNKNOWN),
            };
            // What is wrong with a link that is not open any more is told without a proof.
            if presented.is_open(cx.now()) {
                proof.counts_for(tx, &presented, change.as_ref()).await?;
            }
            // A change's link goes to an address that is not the account's yet.
            let closed = match &change {
                Some(_) => links::use_up(cx, tx, &presented).await?,
                None => links::redeem(cx, tx, &presented).await?.err(),
            };
            if let Some(answer) = closed {
                return Ok(answer);
            }
            let Some(account) = proof.lock(cx, tx, presented.link.account).await? else {
                return Ok(Answered::Superseded);
            };
            Ok(proof.confirm(cx, tx, &account, (&presented, change.as_ref())).await?)
        })
        .await
    }
}

/// The proof, after everything that needs no transaction.
enum OwnerProof<'p> {
    None,
    Session(Box<Acting>),
    /// With the hash where the link is open.
    NewPassword(Box<Product>, &'p ClientContext, Option<String>),
}

impl ConfirmEmail {
    async fn proof(&self, cx: &CommandContext) -> Result<OwnerProof<'_>, Error> {
        match &self.proved_by {
            ConfirmedBy::Nothing => Ok(OwnerProof::None),
            ConfirmedBy::Session(subject) => {
                let acting = cx.acting(subject).await?;
                acting.may_enroll()?;
                Ok(OwnerProof::Session(Box::new(acting)))
            }
            ConfirmedBy::NewPassword { product, password, client } => {
                let mut view = cx.view();
                let product = cx.product(&mut view, product).await?;
                let found = links::find(&mut view, &self.token).await?;
                let account = match found.filter(|found| found.is_open(cx.now())) {
                    Some(open) => accounts::get(&mut view, open.link.account).await?,
                    None => None,
                };
                let hash = match &account {
                    Some(account) => Some(rules::hash(cx, account, password).await?),
                    None => None,
                };
                Ok(OwnerProof::NewPassword(Box::new(product), client, hash))
            }
        }
    }
}

impl OwnerProof<'_> {
    /// Refuses what does not prove that the account is the person's, and an address that another account has verified. The
    /// link stays open.
    async fn counts_for(
        &self,
        tx: &mut Tx,
        presented: &PresentedLink,
        change: Option<&EmailChange>,
    ) -> Result<(), Denied> {
        let account = accounts::get(tx, presented.link.account).await?.ok_or(Fault::Dangling("account"))?;
        let counts = match self {
            Self::None => false,
            // A sign-in that waits for an enrollment verifies the address that this needs, and changes none.
            Self::Session(acting) => {
                acting.account.id == account.id && (change.is_none() || acting.session().is_ok())
            }
            // Who asked for another address did so in a session, and confirms it in one: a session must not set a password.
            // An account that was created for an address of another one had no session yet.
            Self::NewPassword(..) => change.is_none_or(|change| change.state == EmailChangeState::Claimed),
        };
        if !counts {
            return Err(Refusal::ConfirmationNotProved.into());
        }
        if account.state != AccountState::Active {
            return Err(Refusal::AccountNotUsable.into());
        }
        if let Self::Session(acting) = self
            && !owner::acting_may_change(tx, &account, acting).await?
        {
            return Err(Refusal::ChangesLocked.into());
        }
        match change {
            Some(change) => email_changes::refuse_taken(tx, &account, change.email.canonical()).await,
            None => Ok(()),
        }
    }

    /// `None`: the account can be changed no more.
    async fn lock(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<Account>, Fault> {
        let account = accounts::lock(tx, account).await?.ok_or(Fault::Dangling("account"))?;
        if account.state != AccountState::Active {
            return Ok(None);
        }
        if let Self::Session(acting) = self {
            if !owner::acting_may_change(tx, &account, acting).await? {
                return Ok(None);
            }
            owner::unlock(cx, tx, acting, &account).await?;
        }
        Ok(Some(account))
    }

    async fn confirm(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        account: &Account,
        (presented, change): (&PresentedLink, Option<&EmailChange>),
    ) -> Result<Answered, Fault> {
        let (product, client) = match self {
            Self::None => return Err(Fault::Raced),
            Self::Session(acting) => (&acting.product, &acting.client),
            Self::NewPassword(product, client, _) => (&**product, *client),
        };
        if let Some(change) = change {
            let made = email_changes::make(cx, tx, (account, product, client), change).await?;
            if made != Answered::Approved {
                return Ok(made);
            }
        } else {
            email_changes::verify_email(cx, tx, (account, client), &presented.link.email).await?;
        }
        if let Self::NewPassword(_, _, hash) = self {
            let account = accounts::get(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
            reset(cx, tx, (&account, product, client), hash.clone().ok_or(Fault::Raced)?).await?;
        }
        Ok(Answered::Approved)
    }
}
