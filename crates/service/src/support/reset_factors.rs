//! Removes all second factors and recovery codes of an account whose owner has lost them. This is the audited reset of
//! INV-21: afterwards the account may have no usable factor, and two-step stays on.
//!
//! The owner gets an access pass in the same transaction, and sets up anew with password and pass: two channels. An account
//! without a verified address gets no pass, so it keeps its factors. There, support verifies who the owner is, has the
//! address corrected, and resets afterwards.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, ClientContext, Fact, MessagePurpose, Method, Permission, Product, Refusal,
    SessionEnd, Timestamp, Title,
};
use tidegate_store::{Tx, factors};

use super::{
    case::{self, Case},
    pass::{self, PassMailed},
};
use crate::{Command, CommandContext, Error, Fault, idempotency::outcomes, notices::About};

#[derive(Debug)]
pub struct ResetFactors(pub Case);

#[derive(Debug, Serialize, Deserialize)]
pub struct FactorsReset {
    /// How many factors were removed. A set of recovery codes is one.
    pub removed: usize,
    /// Where the pass went, masked.
    pub sent_to: String,
    /// Until when the pass works.
    pub expires_at: Timestamp,
}

outcomes!(FactorsReset);

/// A hijacked account is reset while it is locked down.
const FROM: &[AccountState] = &[AccountState::Active, AccountState::Suspended, AccountState::LockedDown];

impl Command for ResetFactors {
    const NAME: &'static str = "reset_factors";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = FactorsReset;

    async fn run(self, cx: &CommandContext) -> Result<FactorsReset, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            // Everything that may refuse comes first, because a refusal commits what was written before it.
            let found = case.find(tx, FROM).await?;
            let contact = found.verified().ok_or(Refusal::EmailNotVerified)?;
            let permit = cx.permit_send(tx, &contact.email, MessagePurpose::AccessPass).await?;
            let account = case::lock(tx, found.id, FROM).await?;
            // It may have another address by now.
            let contact = account.verified().ok_or(Refusal::EmailNotVerified)?;
            case::end(cx, tx, &account, SessionEnd::FactorsReset).await?;
            let removed = remove_all(cx, tx, (&account, &product), &case.reason).await?;
            let whose = (&account, &product, &ClientContext::default());
            let whom = (&account, contact, &product);
            let PassMailed { to, expires_at } = pass::mail(cx, tx, whom, &case.reason, permit).await?;
            cx.notify(tx, whose, MessagePurpose::FactorsReset, About::default()).await?;
            Ok(FactorsReset { removed, sent_to: to, expires_at })
        })
        .await
    }
}

/// The verified address stays a factor where products take it for one: the owner has not lost it.
async fn remove_all(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product): (&Account, &Product),
    reason: &Title,
) -> Result<usize, Fault> {
    let mut removed = 0;
    for factor in factors::of_account(tx, account.id).await? {
        if factor.method == Method::EmailCode {
            continue;
        }
        let from = (account, &product.key, &ClientContext::default());
        crate::factors::remove(cx, tx, from, &factor).await?;
        removed += 1;
    }
    let count = u64::try_from(removed).unwrap_or(u64::MAX);
    let event = cx.event(Fact::FactorsReset { reason: reason.clone(), count });
    event.at(&product.key).of(account).record(tx).await?;
    Ok(removed)
}
