//! Changes of an account's address: made by the link to the new one, and taken back from the former one.

use tidegate_core::{
    Account, Answered, ClientContext, Contact, EmailChange, Fact, Identifier, MessagePurpose, Product,
    Refusal, Span,
};
use tidegate_store::{Tx, accounts, email_changes, factors as kept};

use crate::{CommandContext, Denied, Fault, factors, notices::About, sessions::ending};

/// For so long the former address can undo a change.
pub(crate) const UNDO_TTL: Span = Span::days(7);

/// Marks the address as verified, unless it was before or is not the account's any more.
pub(crate) async fn verify_email(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, client): (&Account, &ClientContext),
    email: &Identifier,
) -> Result<(), Fault> {
    if !accounts::verify_email(tx, account.id, email, cx.now()).await? {
        return Ok(());
    }
    has_verified(cx, tx, account).await?;
    cx.event(Fact::EmailVerified {}).of(account).from(client).record(tx).await
}

/// A verified address can be a factor.
async fn has_verified(cx: &CommandContext, tx: &mut Tx, account: &Account) -> Result<(), Fault> {
    let all = kept::of_account(tx, account.id).await?;
    let factor = factors::of_verified_address(cx, account.id);
    if all.iter().all(|one| one.method != factor.method) {
        kept::insert(tx, &factor).await?;
    }
    Ok(())
}

/// Refuses an address that another account has verified. To be asked before the link is used up.
pub(super) async fn refuse_taken(tx: &mut Tx, account: &Account, email: &Identifier) -> Result<(), Denied> {
    let holder = accounts::by_email(tx, email).await?.filter(|holder| holder.id != account.id);
    match holder {
        Some(holder) if holder.verified().is_some() => Err(Refusal::EmailTaken.into()),
        _ => Ok(()),
    }
}

/// Gives the account the address that its link has just proved. The account must be locked.
pub(super) async fn make(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &Product, &ClientContext),
    change: &EmailChange,
) -> Result<Answered, Fault> {
    let now = cx.now();
    let former = account.contact.as_ref();
    if !email_changes::make(tx, change.id, former, now).await? {
        return Ok(Answered::Superseded);
    }
    take_from_other(cx, tx, account, change.email.canonical()).await?;
    let contact = Contact { email: change.email.clone(), since: now, verified_at: Some(now) };
    accounts::set_email(tx, account.id, &contact).await?;
    has_verified(cx, tx, account).await?;
    accounts::raise_epoch(tx, account.id).await?;
    ending::end_trust(cx, tx, (account, client)).await?;
    let account = Account { contact: Some(contact), ..account.clone() };
    let event = cx.event(Fact::EmailChanged {}).at(&product.key).of(&account);
    event.from(client).record(tx).await?;
    let about = About {
        address: Some(change.email.masked()),
        until: former.and_then(|former| former.verified_at).map(|_| now.plus(UNDO_TTL)),
        ..About::default()
    };
    cx.notify(tx, (&account, product, client), MessagePurpose::AddressChanged, about).await?;
    Ok(Answered::Approved)
}

/// An address that was not verified keeps nobody out: who verifies it gets it, and the other account has none any more.
async fn take_from_other(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    email: &Identifier,
) -> Result<(), Fault> {
    let holder = accounts::by_email(tx, email).await?.filter(|holder| holder.id != account.id);
    let Some(holder) = holder else { return Ok(()) };
    if accounts::lose_email(tx, holder.id, email).await? {
        let holder = Account { contact: None, ..holder };
        cx.event(Fact::EmailLost {}).of(&holder).record(tx).await?;
    }
    Ok(())
}

/// Gives the account the address back that somebody, who reads it, lost to a change a short time ago; `None` when it is none
/// of these. The account must be locked.
pub(crate) async fn undo(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &Product, &ClientContext),
    mailbox: &Identifier,
) -> Result<Option<Account>, Fault> {
    let now = cx.now();
    let made = email_changes::made_since(tx, account.id, now.minus(UNDO_TTL)).await?;
    let is_former = |change: &EmailChange| {
        change
            .former
            .as_ref()
            .is_some_and(|former| former.verified_at.is_some() && former.email.canonical() == mailbox)
    };
    let Some(first) = made.iter().position(is_former) else { return Ok(None) };
    let undone = made.get(first..).unwrap_or_default();
    let Some(former) = undone.first().and_then(|change| change.former.clone()) else { return Ok(None) };
    let taken = accounts::by_email(tx, mailbox).await?.filter(|holder| holder.id != account.id);
    if taken.is_some_and(|holder| holder.verified().is_some()) {
        return Ok(None);
    }
    take_from_other(cx, tx, account, mailbox).await?;
    for change in undone {
        email_changes::undo(tx, change.id, now).await?;
    }
    accounts::set_email(tx, account.id, &former).await?;
    let account = Account { contact: Some(former), ..account.clone() };
    let event = cx.event(Fact::EmailChangeUndone {}).at(&product.key).of(&account);
    event.from(client).record(tx).await?;
    Ok(Some(account))
}
