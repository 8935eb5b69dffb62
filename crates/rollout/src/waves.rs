//! The life of a rollout's waves, and whom they reach.
//!
//! ```text
//!   draft ── start (the first), advance (the next) ──► live ── the next one starts ──► done
//! ```
//!
//! A started wave's edge never falls here, and no verb touches a factor (INV-42).

use tidegate_core::{Bucket, Ordinal, ProductKey, Rollout, Timestamp, Wave, WaveState};

/// Why no wave can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// It was started; it can be advanced.
    Started,
    /// It was not started.
    NotStarted,
    /// Every wave was started.
    NoWaveLeft,
}

/// Starts the first wave; returns which.
pub fn start(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    if rollout.waves.iter().any(is_started) {
        return Err(Stuck::Started);
    }
    start_next(rollout, now)
}

/// Starts the next wave; returns which. Whoever is reached stays reached.
pub fn advance(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    if !rollout.waves.iter().any(is_started) {
        return Err(Stuck::NotStarted);
    }
    start_next(rollout, now)
}

fn start_next(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    let place = rollout.waves.iter().position(|wave| !is_started(wave)).ok_or(Stuck::NoWaveLeft)?;
    for live in rollout.waves.iter_mut().filter(|wave| wave.state == WaveState::Live) {
        live.state = WaveState::Done;
    }
    let next = rollout.waves.get_mut(place).ok_or(Stuck::NoWaveLeft)?;
    (next.state, next.started_at) = (WaveState::Live, Some(now));
    Ok(next.ordinal)
}

/// Whether the rollout names the product, whatever its waves say.
pub fn covers(rollout: &Rollout, product: &ProductKey) -> bool {
    rollout.products.contains(product)
}

/// The first started wave that reaches the bucket at the product.
pub fn reaching<'r>(rollout: &'r Rollout, product: &ProductKey, bucket: Bucket) -> Option<&'r Wave> {
    rollout.waves.iter().find(|wave| {
        let named = if wave.products.is_empty() { &rollout.products } else { &wave.products };
        is_started(wave) && named.contains(product) && wave.edge.holds(bucket)
    })
}

fn is_started(wave: &Wave) -> bool {
    wave.state != WaveState::Draft
}
