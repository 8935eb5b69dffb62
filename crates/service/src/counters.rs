//! Charging attempts: which counter a guess is counted on, and the charge itself.

use tidegate_core::{AccountId, Answered, Budget, FactorId, Identifier, Method, Timestamp};
use tidegate_factors::{
    budget::{self, Charge, Limits},
    method,
};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Executor, Tx,
    attempts::{self, AttemptRow, Counter, GrantedCharge},
};
use uuid::Uuid;

use crate::{CommandContext, Fault, QueryContext};

/// How many unknown identifiers are counted at once in a realm. A keyed digest selects the slot of
/// each, so that an attacker cannot aim at a slot. A newer identifier takes over its slot.
const UNKNOWN_IDENTIFIER_SLOTS: u32 = 65_536;

/// One counter per second factor, across all endpoints and sessions (INV-11).
pub(crate) fn of_factor(factor: FactorId) -> Counter {
    Counter { id: factor.uuid(), tag: Vec::new() }
}

/// Where a guess of a password comes from. Each lane has a counter of its own, so that strangers who guess do not shut out
/// the owner's devices (INV-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// From anywhere.
    Unknown,
    /// From a device that holds the token of a complete sign-in, or from a session.
    Known,
}

/// One counter per account's password and lane, across all spellings of the identifier.
pub(crate) fn of_password(account: AccountId, lane: Lane) -> Counter {
    let id = match lane {
        Lane::Unknown => account.uuid(),
        Lane::Known => beside(account, KNOWN_LANE),
    };
    Counter { id, tag: Vec::new() }
}

/// Counts wrong second steps after a right password.
pub(crate) fn of_second_steps(account: AccountId) -> Counter {
    Counter { id: beside(account, SECOND_STEPS), tag: Vec::new() }
}

const SECOND_STEPS: u128 = 9;
/// The version of a UUID, which tells counters of one account apart. Accounts and factors have ids of version 7.
const KNOWN_LANE: u128 = 8;

fn beside(account: AccountId, version: u128) -> Uuid {
    let rest = account.uuid().as_u128() & !(0xf << 76);
    Uuid::from_u128(rest | (version << 76))
}

/// The counter of an unknown identifier, which is throttled like an account's (INV-29).
pub(crate) fn of_unknown_identifier(cx: &QueryContext, identifier: &Identifier) -> Result<Counter, Fault> {
    let context = SealContext::UnknownIdentifier { realm: cx.realm() };
    let digest = cx.keyring().digest(&context, identifier.as_str().as_bytes())?;
    let (slot, tag) = digest.mac.split_first_chunk::<4>().ok_or(Fault::Dangling("a digest"))?;
    let slot = u32::from_be_bytes(*slot) % UNKNOWN_IDENTIFIER_SLOTS;
    // No account or factor has such an id: theirs begin with a time.
    Ok(Counter { id: Uuid::from_u128(u128::from(slot)), tag: tag.to_vec() })
}

/// One more guess, if the counter allows it. Returns the charge to store before the guess is
/// evaluated, or the answer if there is no guess.
pub(crate) fn grant(
    kept: Option<AttemptRow>,
    counter: &Counter,
    limits: &Limits,
    now: Timestamp,
) -> Result<GrantedCharge, Answered> {
    let revision = kept.as_ref().map_or(0, |kept| kept.budget.revision);
    let budget = match kept {
        Some(kept) if kept.tag == counter.tag => kept.budget,
        // The counter is new, or counted another identifier. Counting begins at zero, and the
        // revision continues.
        _ => Budget { revision, ..Budget::fresh(now) },
    };
    match budget::charge(limits, budget, now) {
        Charge::Granted(next) => Ok(GrantedCharge { budget: next, waited_from: budget.last_at }),
        Charge::Slowed(until) => Err(Answered::Slowed { until }),
        Charge::Closed => Err(Answered::Closed),
    }
}

/// Whether the factor takes no answers until it is bound again.
pub(crate) fn is_closed(kept: Option<&AttemptRow>, method: Method) -> bool {
    kept.is_some_and(|kept| kept.budget.in_row >= method::rules(method).limits.in_row)
}

/// Closes the factor until it is bound again.
pub(crate) async fn close(
    cx: &CommandContext,
    tx: &mut Tx,
    (factor, method): (FactorId, Method),
) -> Result<(), Fault> {
    let in_row = method::rules(method).limits.in_row;
    Ok(attempts::close(tx, &of_factor(factor), in_row, cx.now()).await?)
}

/// Stores the charge by compare-and-set; `false` when another guess was charged meanwhile.
pub(crate) async fn store(
    executor: Executor<'_>,
    counter: &Counter,
    granted: &GrantedCharge,
) -> Result<bool, Fault> {
    let next = granted.budget;
    Ok(attempts::replace(executor, counter, next.revision - 1, next).await?)
}
