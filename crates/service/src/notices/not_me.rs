//! "This wasn't me": what whoever reads the owner's mail, or acts in a session of the owner, can always say.
//!
//! It takes back what is new, and makes nothing new: the worst that a stranger reaches by it is that the owner has to sign in
//! again with a new password. Everybody is signed out, a factor that was the account's first one a short time ago is removed, an
//! address is restored to the mailbox that lost it, and nothing that protects the account changes until its owner has proved it.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, Answered, ClientContext, Fact, Identifier, LinkTarget, Permission, Product,
    ProductKey, Refusal, Secret, SessionEnd, Subject,
};
use tidegate_factors::policy;
use tidegate_store::{
    Tx, accounts, email_changes as changes, enrollments, factors as kept, ledger, links as stored,
    recovery_codes,
};

use crate::{
    Command, CommandContext, Error, Fault,
    accounts::email_changes,
    factors,
    links::{self, UNKNOWN},
    passwords::demand,
    sessions::ending,
};

#[derive(Debug)]
pub struct ReportNotMe {
    pub said: NotMeSaid,
}

/// By whom it is said.
#[derive(Debug)]
pub enum NotMeSaid {
    /// By who reads the mail of a notice.
    Link {
        token: Secret<String>,
        product: ProductKey,
        client: ClientContext,
    },
    Session(Subject),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NotMeReported {
    pub outcome: Answered,
    /// How many sessions ended.
    pub ended: usize,
    /// How many factors were removed.
    pub removed: usize,
    /// A change of the address was taken back.
    pub address_restored: bool,
    /// A new password is demanded, and its link was mailed.
    pub password_demanded: bool,
}

impl NotMeReported {
    const fn nothing(outcome: Answered) -> Self {
        Self { outcome, ended: 0, removed: 0, address_restored: false, password_demanded: false }
    }
}

impl Command for ReportNotMe {
    const NAME: &'static str = "report_not_me";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = NotMeReported;

    async fn run(self, cx: &CommandContext) -> Result<NotMeReported, Error> {
        match self.said {
            NotMeSaid::Session(subject) => {
                let acting = cx.acting_or_recovering(&subject).await?;
                acting.session()?;
                let at = (&acting.product, &acting.client);
                cx.idempotent(async |tx| {
                    stored::void(tx, acting.account.id, LinkTarget::NotMe, cx.now()).await?;
                    let secured = secure(cx, tx, &acting.account, at, None).await?;
                    Ok(secured.ok_or(Refusal::SubjectNotValid)?)
                })
                .await
            }
            NotMeSaid::Link { token, product, client } => {
                let product = cx.product(&mut cx.view(), &product).await?;
                cx.idempotent(async |tx| {
                    let found = links::find(tx, &token).await?;
                    let Some(presented) = found.filter(|found| found.link.target == LinkTarget::NotMe) else {
                        return Ok(NotMeReported::nothing(UNKNOWN));
                    };
                    if let Some(answer) = links::use_up(cx, tx, &presented).await? {
                        return Ok(NotMeReported::nothing(answer));
                    }
                    let link = &presented.link;
                    stored::void(tx, link.account, LinkTarget::NotMe, cx.now()).await?;
                    let account = accounts::get(tx, link.account).await?.ok_or(Fault::Dangling("account"))?;
                    let secured = secure(cx, tx, &account, (&product, &client), Some(&link.email)).await?;
                    Ok(secured.unwrap_or(NotMeReported::nothing(Answered::Superseded)))
                })
                .await
            }
        }
    }
}

/// `None`: the account is not in use, so there is nothing to secure. What was mailed before must be void already.
async fn secure(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (product, client): (&Product, &ClientContext),
    mailbox: Option<&Identifier>,
) -> Result<Option<NotMeReported>, Fault> {
    enrollments::cancel_all(tx, account.id).await?;
    let account = accounts::lock(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
    if account.state != AccountState::Active {
        return Ok(None);
    }
    let event = cx.event(Fact::NotMeReported {}).at(&product.key).of(&account);
    event.from(client).record(tx).await?;
    let restored = match mailbox {
        Some(mailbox) => email_changes::undo(cx, tx, (&account, product, client), mailbox).await?,
        None => None,
    };
    let (address_restored, account) = (restored.is_some(), restored.unwrap_or(account));
    changes::supersede(tx, account.id, cx.now()).await?;
    let ended = ending::end_all(cx, tx, (&account, client), SessionEnd::NotMe, None).await?;
    let removed = remove_provisional(cx, tx, (&account, product, client)).await?;
    recovery_codes::void_passes(tx, account.id).await?;
    // Whoever signed in with the password alone may have put the set-up of two-step off.
    ledger::take_back(tx, account.id, cx.now()).await?;
    let password_demanded = demand::new_password(cx, tx, (&account, &product.key, client)).await?;
    accounts::lock_changes(tx, account.id, Some(cx.now())).await?;
    let outcome = Answered::Approved;
    Ok(Some(NotMeReported { outcome, ended, removed, address_restored, password_demanded }))
}

/// Removes the factors that rest on a first one which is still provisional (INV-57), and switches two-step off where it was
/// switched on with that one.
async fn remove_provisional(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &Product, &ClientContext),
) -> Result<usize, Fault> {
    let all = kept::of_account(tx, account.id).await?;
    let provisional = policy::provisional(&all, cx.now());
    let Some(first) = provisional.iter().map(|factor| factor.created_at).min() else { return Ok(0) };
    for factor in &provisional {
        factors::remove(cx, tx, (account, &product.key, client), factor).await?;
    }
    if account.two_step_since.is_some_and(|since| since >= first) {
        accounts::switch_off(tx, account.id).await?;
        let event = cx.event(Fact::TwoStepSwitchedOff {}).at(&product.key).of(account);
        event.from(client).record(tx).await?;
    }
    Ok(provisional.len())
}
