//! Wrong second steps after a right password: somebody else may know the password.

use tidegate_core::{Account, ClientContext, Fact, ProductKey, Span};
use tidegate_factors::budget::Limits;
use tidegate_store::{Tx, accounts, attempts, passwords, recoveries};

use super::begin_recovery::ResetAsked;
use crate::{
    CommandContext, Fault,
    counters::{self, Lane},
};

/// So many in a day cut the password off.
const MAX_WRONG: i64 = 10;
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
    if attempts::count_in_day(tx, &counter, now.minus(DAY), now).await? < MAX_WRONG {
        return Ok(());
    }
    // Sign-ins under way with this password end.
    accounts::raise_epoch(tx, account.id).await?;
    attempts::remove(tx, &counter).await?;
    if let Some(contact) = account.verified() {
        if !passwords::demand(tx, account.id, now).await? {
            return Ok(());
        }
        let asked = ResetAsked {
            product: product.clone(),
            identifier: contact.email.canonical().as_str().to_owned(),
            language: client.language,
            demanded: true,
        };
        recoveries::insert(tx, asked.sealed(cx, cx.new_id())?).await?;
    } else {
        let strangers = counters::of_password(account.id, Lane::Unknown);
        attempts::close(tx, &strangers, Limits::PASSWORD.in_row, now).await?;
    }
    let event = cx.event(Fact::NewPasswordDemanded {}).at(product).of(account);
    event.from(client).record(tx).await
}
