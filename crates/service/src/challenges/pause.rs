//! Pauses of factors. After a denial the factor gets no prompts for a while. Otherwise an attacker who knows the password could
//! send prompts until the owner approves one (push fatigue).

use tidegate_core::{Fact, Factor, FactorId, Refusal, Span};
use tidegate_store::{Tx, pauses};

use crate::{CommandContext, Denied, Fault, counters};

/// After a denial.
const AFTER_DENIAL: Span = Span::minutes(15);
/// The denial, without an approval before it, that closes the factor until it is bound again.
const LAST_DENIAL: i64 = 2;

pub(super) async fn refuse_paused(cx: &CommandContext, tx: &mut Tx, factor: FactorId) -> Result<(), Denied> {
    let Some(pause) = pauses::find(tx, factor).await? else { return Ok(()) };
    if let Some(until) = pause.until.filter(|until| cx.now() < *until) {
        let retry_after = Some(until.since(cx.now()));
        return Err(Refusal::FactorPaused { why: "denied", retry_after }.into());
    }
    if pause.unreachable_at.is_some() {
        return Err(Refusal::FactorPaused { why: "unreachable", retry_after: None }.into());
    }
    Ok(())
}

/// Pauses the factor, or closes it. Returns the fact to record.
pub(super) async fn after_denial(cx: &CommandContext, tx: &mut Tx, factor: &Factor) -> Result<Fact, Fault> {
    let until = cx.now().plus(AFTER_DENIAL);
    let closes = pauses::deny(tx, factor.id, until).await? >= LAST_DENIAL;
    if closes {
        counters::close(cx, tx, (factor.id, factor.method)).await?;
    }
    Ok(Fact::FactorPaused { factor: factor.id, until: (!closes).then_some(until) })
}
