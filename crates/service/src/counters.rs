//! Charging attempts: which counter a guess is counted on, and the charge itself.

use tidegate_core::{AccountId, Budget, FactorId, Identifier, Timestamp};
use tidegate_factors::budget::{self, Charge, Limits};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Tx,
    attempts::{self, AttemptRow, Counter},
};
use uuid::Uuid;

use crate::{Fault, QueryContext};

/// How many identifiers of nobody are counted at once in a realm. They share places by a keyed
/// digest, so that nobody can aim at one; a newcomer takes the place over.
const UNKNOWN_IDENTIFIER_SLOTS: u32 = 65_536;

/// One counter per second factor, whatever endpoint or session the guess comes from (INV-11).
pub(crate) fn of_factor(factor: FactorId) -> Counter {
    Counter { id: factor.uuid(), tag: Vec::new() }
}

/// One counter per account's password, whatever spelling the guess comes with.
pub(crate) fn of_password(account: AccountId) -> Counter {
    Counter { id: account.uuid(), tag: Vec::new() }
}

/// Where guesses at an identifier of nobody are counted, as if it were somebody's.
pub(crate) fn of_unknown_identifier(cx: &QueryContext, identifier: &Identifier) -> Result<Counter, Fault> {
    let context = SealContext::UnknownIdentifier { realm: cx.realm() };
    let digest = cx.keyring().digest(&context, identifier.as_str().as_bytes())?;
    let (slot, tag) = digest.mac.split_first_chunk::<4>().ok_or(Fault::Dangling("a digest"))?;
    let slot = u32::from_be_bytes(*slot) % UNKNOWN_IDENTIFIER_SLOTS;
    // No account or factor has an id of this form: theirs begin with the year.
    Ok(Counter { id: Uuid::from_u128(u128::from(slot)), tag: tag.to_vec() })
}

/// What came of charging one guess.
pub(crate) enum CounterCharge {
    /// It may be looked at.
    Granted,
    /// Not before this instant.
    Slowed(Timestamp),
    Closed,
    /// Somebody else charged meanwhile: begin again.
    Lost,
}

/// Charges one guess to the counter.
pub(crate) async fn charge(
    cx: &QueryContext,
    tx: &mut Tx,
    counter: &Counter,
    limits: &Limits,
) -> Result<CounterCharge, Fault> {
    let now = cx.now();
    let budget = counted(attempts::find(tx, counter).await?, counter, now);
    Ok(match budget::charge(limits, budget, now) {
        Charge::Granted(next) if attempts::replace(tx.executor(), counter, budget.revision, next).await? => {
            CounterCharge::Granted
        }
        Charge::Granted(_) => CounterCharge::Lost,
        Charge::Slowed(until) => CounterCharge::Slowed(until),
        Charge::Closed => CounterCharge::Closed,
    })
}

/// What was counted on it so far.
pub(crate) fn counted(kept: Option<AttemptRow>, counter: &Counter, now: Timestamp) -> Budget {
    let revision = kept.as_ref().map_or(0, |kept| kept.budget.revision);
    match kept {
        Some(kept) if kept.tag == counter.tag => kept.budget,
        // Nobody's yet, or another stranger's: counting begins, the revision goes on.
        _ => Budget { revision, ..Budget::fresh(now) },
    }
}
