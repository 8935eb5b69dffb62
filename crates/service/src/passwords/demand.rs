//! Wrong second steps after a right password: somebody else may know the password.

use tidegate_core::{Account, ClientContext, Contact, Fact, MessagePurpose, ProductKey, Span};
use tidegate_factors::budget::Limits;
use tidegate_store::{Tx, accounts, attempts, passwords, products, recoveries};

use super::begin_recovery::ResetAsked;
use crate::{
    CommandContext, Fault,
    counters::{self, Lane},
    notices::About,
};

/// So many in a day cut the password off.
const MAX_WRONG: i64 = 10;
/// So many are told to the owner, who mistypes less often.
const TELLING: i64 = 3;
const DAY: Span = Span::days(1);

/// Counts one, and with the last one demands a new password before the next sign-in with one. The owner gets a link to set it; an
/// account without a verified address closes the password to all but the devices that it knows. So a stolen password does not use up
/// the guesses that a factor has in its life. The account must be locked.
pub(crate) async fn count_wrong(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &ProductKey, &ClientContext),
) -> Result<(), Fault> {
    let now = cx.now();
    let counter = counters::of_second_steps(account.id);
    let wrong = attempts::count_in_day(tx, &counter, now.minus(DAY), now).await?;
    if wrong == TELLING {
        let product = products::find(tx, product).await?.ok_or(Fault::Dangling("product"))?;
        let whose = (account, &product, client);
        cx.notify(tx, whose, MessagePurpose::SecondStepFailed, About::default()).await?;
    }
    if wrong < MAX_WRONG {
        return Ok(());
    }
    // Sign-ins under way with this password end.
    accounts::raise_epoch(tx, account.id).await?;
    attempts::remove(tx, &counter).await?;
    if account.verified().is_some() {
        return new_password(cx, tx, (account, product, client)).await.map(drop);
    }
    let strangers = counters::of_password(account.id, Lane::Unknown);
    attempts::close(tx, &strangers, Limits::PASSWORD.in_row, now).await?;
    let event = cx.event(Fact::NewPasswordDemanded {}).at(product).of(account);
    event.from(client).record(tx).await
}

/// Demands a new password before the next sign-in with one, and mails the link to set it; `false` where one was demanded before, or
/// the account has no password, or no verified address.
pub(crate) async fn new_password(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &ProductKey, &ClientContext),
) -> Result<bool, Fault> {
    let Some(contact) = account.verified() else { return Ok(false) };
    if !passwords::demand(tx, account.id, cx.now()).await? {
        return Ok(false);
    }
    mail(cx, tx, (contact, product, client)).await?;
    let event = cx.event(Fact::NewPasswordDemanded {}).at(product).of(account);
    event.from(client).record(tx).await?;
    Ok(true)
}

/// Has a link mailed by which the owner sets the new password.
pub(crate) async fn mail(
    cx: &CommandContext,
    tx: &mut Tx,
    (contact, product, client): (&Contact, &ProductKey, &ClientContext),
) -> Result<(), Fault> {
    let asked = ResetAsked {
        product: product.clone(),
        identifier: contact.email.canonical().as_str().to_owned(),
        language: client.language,
        demanded: true,
    };
    Ok(recoveries::insert(tx, asked.sealed(cx, cx.new_id())?).await?)
}
