//! What is allowed in a rollout, and is often not what was meant. Only what is still to come is looked at: what a started
//! wave does is seen in the figures.

use tidegate_core::{Bucket, Rollout, Wave};

/// Something that a person should look at once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Its path in the rollout, as the API names it: `waves[2].edge_ppm` is of wave 2.
    pub field: String,
    pub message: String,
}

pub fn warnings(rollout: &Rollout) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if rollout.holdout.ppm() == Bucket::COUNT && !rollout.waves.iter().any(Wave::is_started) {
        let message = "the holdout is 100 %: no wave reaches an account".to_owned();
        warnings.push(Warning { field: "holdout_ppm".to_owned(), message });
    }
    for wave in rollout.waves.iter().filter(|wave| !wave.is_started()) {
        let of = |field: &str| format!("waves[{}].{field}", wave.ordinal.0);
        if wave.edge.ppm() == 0 {
            let named = if rollout.allow.is_empty() { "" } else { " but those that allow names" };
            let message = format!("the edge is 0 %: the wave reaches no account{named}");
            warnings.push(Warning { field: of("edge_ppm"), message });
        } else if let Some(before) = rollout.waves.iter().find(|before| adds_nothing(rollout, before, wave)) {
            let message = format!("wave {} reaches the same accounts before it", before.ordinal.0);
            warnings.push(Warning { field: of("edge_ppm"), message });
        }
    }
    warnings
}

/// Whether the earlier wave reaches every account that the later one does.
fn adds_nothing(rollout: &Rollout, earlier: &Wave, later: &Wave) -> bool {
    let (here, there) = (rollout.products_of(earlier), rollout.products_of(later));
    earlier.ordinal < later.ordinal
        && earlier.taken_back.is_empty()
        && later.edge <= earlier.edge
        && (earlier.audience.is_none() || earlier.audience == later.audience)
        && there.iter().all(|product| here.contains(product))
}
