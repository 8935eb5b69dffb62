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

pub(crate) use recovery_codes::issue;

use tidegate_core::{Account, AccountId, Fact, Factor, Method, SessionEnd, Within};
use tidegate_store::{
    Tx, attempts, challenges, devices, enrollments, factors, pauses, recovery_codes as codes, sessions,
};

use crate::{CommandContext, Fault, acting::Acting, counters};

/// The factor of an address that was verified. It has no material, because its codes go to the address that the account
/// has then. Which products count it, their policies say.
pub(crate) fn of_verified_address(cx: &CommandContext, account: AccountId) -> Factor {
    Factor::new(cx.new_id(), account, Method::EmailCode, cx.now())
}

/// Deletes the factor with everything that belongs to it, and records it. Its sessions must have ended.
async fn remove(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
    factor: &Factor,
) -> Result<(), Fault> {
    challenges::cancel_of_factor(tx, account.id, factor.id).await?;
    enrollments::cancel_of_factor(tx, account.id, factor.id).await?;
    factors::remove(tx, account.id, factor.id).await?;
    pauses::forget(tx, factor.id).await?;
    codes::void(tx, account.id, factor.id).await?;
    attempts::remove(tx, &counters::of_factor(factor.id)).await?;
    let event = cx.event(Fact::FactorRemoved { factor: factor.id, method: factor.method });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await
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
        if sessions::end(tx, one.id, account.id, why, cx.now()).await? {
            challenges::cancel_all(tx, account.id, Within::Session(one.id)).await?;
            let event = cx.event(Fact::SessionEnded { session: one.id, why });
            event.at(&one.product).of(account).from(&acting.client).record(tx).await?;
        }
    }
    Ok(())
}

/// Ends the trust of the account's devices, because it rests on the factors as they were.
pub(crate) async fn end_trust(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
) -> Result<(), Fault> {
    if devices::end_all_trust(tx, account.id).await? == 0 {
        return Ok(());
    }
    let event = cx.event(Fact::DeviceTrustEnded {}).at(&acting.product.key).of(account);
    event.from(&acting.client).record(tx).await
}
