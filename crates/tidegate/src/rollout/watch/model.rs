//! What is drawn: a snapshot in the words and numbers that people read.

use std::time::Duration;

use tidegate_proto::{self as proto, RolloutState, WaveState};

use crate::{
    output::{instant, plain},
    rollout::{
        ahead,
        file::percent,
        funnel::{self, Steps},
        show,
        show_ladder::micros,
    },
};

/// How the server is reached now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Live,
    Lost { why: String, left: Duration },
}

pub struct Model {
    pub title: String,
    pub state: RolloutState,
    pub state_name: String,
    pub revision: i64,
    /// Who changed it last, when and why.
    pub change: String,
    pub waves: Vec<WaveLine>,
    /// Steps and their counts, in order.
    pub steps: Vec<(String, i64)>,
    pub failures: Vec<(String, i64)>,
    pub products: Vec<String>,
    /// What its ladder requires, and what comes next by itself.
    pub dates: Vec<String>,
    pub numbers_at: String,
    pub connection: Connection,
}

pub struct WaveLine {
    pub ordinal: u32,
    pub title: String,
    pub share: String,
    pub state: WaveState,
    pub state_name: String,
    pub shown: i64,
    pub enrolled: i64,
}

/// `2 of 3 waves started`
pub fn started_waves(rollout: &proto::Rollout) -> String {
    let started = rollout.waves.iter().filter(|wave| show::is_started(wave)).count();
    format!("{started} of {} waves started", rollout.waves.len())
}

impl Model {
    pub fn of(key: &str, snapshot: &proto::WatchRolloutResponse, connection: Connection) -> Self {
        let revision = snapshot.revision.clone().unwrap_or_default();
        let rollout = revision.rollout.clone().unwrap_or_default();
        let stats = snapshot.stats.clone().unwrap_or_default();
        let at = instant(revision.revise_time.as_ref());
        let by_wave = funnel::by_wave(&stats.funnel);
        let enrolled = |wave: u32| {
            let steps = by_wave.get(&wave);
            steps.and_then(|steps: &Steps| steps.get(&proto::FunnelStep::Enrolled.into())).copied()
        };
        let waves = rollout.waves.iter().map(|wave| {
            let counted = stats.waves.iter().find(|counted| counted.ordinal == wave.ordinal);
            WaveLine {
                ordinal: wave.ordinal,
                title: plain(&wave.title),
                share: percent(wave.edge_ppm),
                state: wave.state(),
                state_name: show::wave_state(wave),
                shown: counted.map_or(0, |counted| counted.shown_count),
                enrolled: enrolled(wave.ordinal).unwrap_or(0),
            }
        });
        let products = stats.products.iter().map(|product| {
            format!(
                "{}: shown {}, begun {}, active {}, on {}",
                plain(&product.product),
                product.shown_count,
                product.started_count,
                product.active_count,
                product.on_count
            )
        });
        let steps = funnel::present(&funnel::totals(&stats.funnel)).into_iter();
        Self {
            title: format!("{key}: {}", plain(&rollout.title)),
            state: rollout.state(),
            state_name: show::state(&rollout),
            revision: rollout.revision,
            change: format!("by {} at {at}{}", show::author(&revision), show::reason(&revision.reason)),
            waves: waves.collect(),
            steps: steps.map(|(step, count)| (funnel::step_name(step), count)).collect(),
            failures: funnel::failures(&stats.funnel),
            products: products.collect(),
            dates: micros(snapshot.send_time.as_ref())
                .map_or_else(Vec::new, |now| ahead::in_short(&rollout, now)),
            numbers_at: instant(snapshot.send_time.as_ref()),
            connection,
        }
    }
}
