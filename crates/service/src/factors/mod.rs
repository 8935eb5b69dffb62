//! Changes of an account's factors. Each needs a fresh proof, or a session that a recovery code made (INV-20).

mod generate_recovery_codes;
mod origin;
mod recovery_codes;
mod remove;
mod rename;

pub use generate_recovery_codes::{GenerateRecoveryCodes, RecoveryCodesGenerated};
pub use origin::ShownOrigin;
pub use remove::RemoveFactor;
pub use rename::{RenameFactor, Renamed};

pub(crate) use recovery_codes::{has_own, issue, usable as usable_codes};

use tidegate_core::{Account, AccountId, ClientContext, Fact, Factor, Method, ProductKey, SessionEnd};
use tidegate_store::{
    Tx, attempts, challenges, enrollments, factors, pauses, recovery_codes as codes, sessions,
};

use crate::{CommandContext, Fault, acting::Acting, counters, sessions::ending};

/// The factor of an address that was verified. It has no material, because its codes go to the address that the account
/// has then. Which products count it, their policies say.
pub(crate) fn of_verified_address(cx: &CommandContext, account: AccountId) -> Factor {
    Factor::new(cx.new_id(), account, Method::EmailCode, cx.now())
}

/// Deletes the factor with everything that belongs to it, and records it. Its sessions must have ended.
pub(crate) async fn remove(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &ProductKey, &ClientContext),
    factor: &Factor,
) -> Result<(), Fault> {
    challenges::cancel_of_factor(tx, account.id, factor.id).await?;
    enrollments::cancel_of_factor(tx, account.id, factor.id).await?;
    factors::remove(tx, account.id, factor.id).await?;
    pauses::forget(tx, factor.id).await?;
    codes::void(tx, account.id, factor.id).await?;
    attempts::remove(tx, &counters::of_factor(factor.id)).await?;
    let event = cx.event(Fact::FactorRemoved { factor: factor.id, method: factor.method });
    event.at(product).of(account).from(client).record(tx).await
}

/// Ends the sessions that rest on a factor that is removed, because a thief of the phone may hold them. The acting session
/// stays.
pub(crate) async fn end_sessions(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
    factor: &Factor,
) -> Result<(), Fault> {
    let (why, own) = (SessionEnd::FactorRemoved, acting.session().map(|session| session.id).ok());
    for one in sessions::of_account(tx, account.id, cx.now()).await? {
        if Some(one.id) == own || !one.rests_on(factor.id, factor.method) {
            continue;
        }
        ending::end(cx, tx, (account, &acting.client), &one, why).await?;
    }
    Ok(())
}
