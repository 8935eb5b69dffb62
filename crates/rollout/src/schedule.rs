//! Which wave starts by itself now, and why the next one does not.
//!
//! A wave starts by itself when it has a planned start and all of these hold:
//!
//! - The rollout is neither paused nor stopped.
//! - Its planned time has come.
//! - The wave before has been live as long as this one's soak asks.
//! - Every gate passes on the numbers of the wave before.
//! - The rollout's window is open.
//!
//! Where no wave before is live, soak and gates have nothing to look at and do not hold the wave.

use tidegate_core::{Gate, GateMeasure, Ordinal, PlannedTime, Rollout, Share, Timestamp, Wave};

use crate::window;

/// What the scheduler does with a rollout now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Every wave was started.
    Nothing,
    /// The next wave waits for all of these.
    Waiting { wave: Ordinal, waits: Vec<Waiting> },
    /// These start at once, in one revision. They are more than one only when their times have passed, and no soak and no
    /// gate lies between them.
    Start(Vec<Ordinal>),
}

/// What keeps a wave from starting by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    Stopped,
    Paused,
    /// It has no planned start: a person starts it.
    Person,
    PlannedStart(PlannedTime),
    Soak {
        until: Timestamp,
    },
    Gate(GateStanding),
    /// `None`: it does not open within the next weeks.
    Window {
        opens: Option<Timestamp>,
    },
}

/// A gate that does not pass, and what is counted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateStanding {
    pub gate: Gate,
    pub count: u64,
    /// What the count is a share of. `None`: the gate asks for no share.
    pub of: Option<u64>,
}

/// What is counted of the wave that was started last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaveNumbers {
    pub shown: u64,
    pub started: u64,
    pub active: u64,
    pub challenged: u64,
    pub passed: u64,
    pub failed: u64,
    pub recovered: u64,
}

impl WaveNumbers {
    const fn of(self, measure: GateMeasure) -> u64 {
        match measure {
            GateMeasure::Shown => self.shown,
            GateMeasure::Started => self.started,
            GateMeasure::Active => self.active,
            GateMeasure::Challenged => self.challenged,
            GateMeasure::Passed => self.passed,
            GateMeasure::Failed => self.failed,
            GateMeasure::Recovered => self.recovered,
        }
    }
}

/// Whether the numbers matter for the next wave.
pub fn needs_numbers(rollout: &Rollout) -> bool {
    rollout.last_started().is_some() && rollout.next_wave().is_some_and(|wave| !wave.gates.is_empty())
}

pub fn due(rollout: &Rollout, numbers: WaveNumbers, now: Timestamp) -> Due {
    let Some(next) = rollout.next_wave() else { return Due::Nothing };
    let waits = waits(rollout, next, numbers, now);
    if !waits.is_empty() {
        return Due::Waiting { wave: next.ordinal, waits };
    }
    let mut start = vec![next.ordinal];
    if is_plain(next) {
        let later = rollout.waves.iter().filter(|wave| !wave.is_started()).skip(1);
        let overdue = |wave: &&Wave| {
            let planned = wave.planned_start.as_ref();
            is_plain(wave) && planned.is_some_and(|planned| planned.instant <= now)
        };
        start.extend(later.take_while(overdue).map(|wave| wave.ordinal));
    }
    Due::Start(start)
}

/// The earliest instant at which a waiting wave may start. Gates are left out, because they may pass at any time. `None`: it
/// starts only after somebody changes the rollout.
pub fn earliest(waits: &[Waiting]) -> Option<Timestamp> {
    let mut earliest = Timestamp::from_unix_micros(i64::MIN);
    for wait in waits {
        let at = match wait {
            Waiting::Stopped | Waiting::Paused | Waiting::Person => None,
            Waiting::PlannedStart(planned) => Some(planned.instant),
            Waiting::Soak { until } => Some(*until),
            Waiting::Gate(_) => continue,
            Waiting::Window { opens } => *opens,
        };
        earliest = earliest.max(at?);
    }
    Some(earliest)
}

fn is_plain(wave: &Wave) -> bool {
    wave.soak.is_none() && wave.gates.is_empty()
}

fn waits(rollout: &Rollout, next: &Wave, numbers: WaveNumbers, now: Timestamp) -> Vec<Waiting> {
    let mut waits = Vec::new();
    if rollout.stop.is_some() {
        waits.push(Waiting::Stopped);
    }
    if rollout.paused_at.is_some() {
        waits.push(Waiting::Paused);
    }
    let mut earliest = now;
    match &next.planned_start {
        None => {
            waits.push(Waiting::Person);
            return waits;
        }
        Some(planned) if planned.instant > now => {
            earliest = planned.instant;
            waits.push(Waiting::PlannedStart(planned.clone()));
        }
        Some(_) => {}
    }
    if let Some(until) = rollout.soaks_until().filter(|until| *until > now) {
        earliest = earliest.max(until);
        waits.push(Waiting::Soak { until });
    }
    if rollout.last_started().is_some() {
        waits.extend(next.gates.iter().filter_map(|gate| held_by(*gate, numbers)).map(Waiting::Gate));
    }
    let window = rollout.advance_window.as_ref();
    if let Some(window) = window.filter(|window| !window::is_open(window, earliest)) {
        waits.push(Waiting::Window { opens: window::opens_at(window, earliest) });
    }
    waits
}

/// `None`: it passes. Of nothing there is no share, so a gate that asks for one holds until there is something to count.
fn held_by(gate: Gate, numbers: WaveNumbers) -> Option<GateStanding> {
    let (measure, of, passes): (_, _, fn(u128, u128) -> bool) = match gate {
        Gate::AtLeast { measure, count } => {
            let counted = numbers.of(measure);
            return (counted < count).then_some(GateStanding { gate, count: counted, of: None });
        }
        Gate::ShareAtLeast { measure, of, share } => (measure, (of, share), |part, bound| part >= bound),
        Gate::ShareAtMost { measure, of, share } => (measure, (of, share), |part, bound| part <= bound),
    };
    let (of, share): (GateMeasure, Share) = of;
    let (count, whole) = (numbers.of(measure), numbers.of(of));
    let part = u128::from(count) * 1_000_000;
    let bound = u128::from(whole) * u128::from(share.ppm());
    (whole == 0 || !passes(part, bound)).then_some(GateStanding { gate, count, of: Some(whole) })
}

#[cfg(test)]
mod tests;
