//! Which times waves may be planned for. A time that was accepted stays acceptable, although it passes.

use tidegate_core::{Ordinal, PlannedTime, Refusal, Timestamp, Wave};

/// Refuses a newly planned start in the past, and planned starts that are not in the order of the waves.
pub(super) fn check(before: &[Wave], after: &[Wave], now: Timestamp) -> Result<(), Refusal> {
    let accepted = |planned: &PlannedTime| plans(before).any(|(_, then)| then == planned);
    if plans(after).all(|(_, planned)| accepted(planned)) {
        return Ok(());
    }
    let past = plans(after).filter(|(_, planned)| planned.instant < now && !accepted(planned));
    let past: Vec<_> = past.map(|(wave, _)| wave).collect();
    if !past.is_empty() {
        return Err(Refusal::PlannedInPast { waves: past });
    }
    let mut latest = None;
    let mut early = Vec::new();
    for (wave, planned) in plans(after) {
        if latest > Some(planned.instant) {
            early.push(wave);
        }
        latest = latest.max(Some(planned.instant));
    }
    if early.is_empty() { Ok(()) } else { Err(Refusal::DatesInWrongOrder { waves: early }) }
}

/// The planned starts of waves that are not started.
fn plans(waves: &[Wave]) -> impl Iterator<Item = (Ordinal, &PlannedTime)> {
    let waves = waves.iter().filter(|wave| !wave.is_started());
    waves.filter_map(|wave| Some((wave.ordinal, wave.planned_start.as_ref()?)))
}
