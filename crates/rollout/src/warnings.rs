//! What is allowed in a rollout, and is often not what was meant. Only what is still to come is looked at: what a started
//! wave does is seen in the figures.

use tidegate_core::{Bucket, Rollout, Wave};

use crate::{window, zones};

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
        for (field, message) in plan(rollout, wave) {
            warnings.push(Warning { field: of(field), message });
        }
    }
    warnings
}

/// What is planned and does not happen so.
fn plan(rollout: &Rollout, wave: &Wave) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let before = rollout.waves.iter().filter(|before| before.ordinal < wave.ordinal && !before.is_started());
    let Some(planned) = &wave.planned_start else {
        for (field, is_given) in [("soak", wave.soak.is_some()), ("gates", !wave.gates.is_empty())] {
            if is_given {
                found.push((
                    field,
                    "it has no effect: the wave has no planned start, so a person starts it".to_owned(),
                ));
            }
        }
        return found;
    };
    if let Some(unplanned) = before.clone().find(|before| before.planned_start.is_none()) {
        let message = format!(
            "it does not start by itself before a person has started wave {}, which has no planned start",
            unplanned.ordinal.0
        );
        found.push(("planned_start", message));
    }
    if before.count() == 0
        && rollout.last_started().is_none()
        && (wave.soak.is_some() || !wave.gates.is_empty())
    {
        let field = if wave.soak.is_some() { "soak" } else { "gates" };
        found.push((field, "it has no effect: no wave starts before this one".to_owned()));
    }
    let window = rollout.advance_window.as_ref().filter(|window| !window::is_open(window, planned.instant));
    if let Some(window) = window {
        let message = match window::opens_at(window, planned.instant)
            .and_then(|at| zones::local_at(at, &window.zone))
        {
            Some(opens) => {
                format!("the advance window is closed then: the wave starts at {opens} {}", window.zone)
            }
            None => "the advance window is closed then, and does not open in the weeks after it".to_owned(),
        };
        found.push(("planned_start", message));
    }
    found
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
