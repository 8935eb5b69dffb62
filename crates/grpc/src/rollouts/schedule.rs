//! What is planned of a rollout, on the wire: the window in which it advances, soak and gates of its waves, and what the next
//! one waits for.

use tidegate_core::{
    AdvanceWindow, Gate, GateMeasure, MAX_GATES, Malformed, Share, Span, TimeOfDay, Weekday,
};
use tidegate_proto::{self as proto, gate::Condition, waiting_for::Kind};
use tidegate_service::rollouts::{GateStanding, Waiting};

use crate::{form::Form, local_time::local_time, render::timestamp};

const MAX_COUNT: i64 = 1_000_000_000;
const SOAKS: (Span, Span, &str) = (Span::ZERO, Span::days(365), "at most 365 days");

/// Absent: at any time.
pub(super) fn window(wire: Option<proto::AdvanceWindow>, form: &mut Form) -> Option<Option<AdvanceWindow>> {
    let Some(wire) = wire else { return Some(None) };
    form.within("advance_window", |form| {
        let mut days = Vec::new();
        for (place, day) in wire.days.iter().enumerate() {
            days.push(form.word(&format!("days[{place}]"), *day, weekday));
        }
        if days.is_empty() {
            form.note::<()>("days", "must name at least one");
        }
        let (opens, closes) = (form.text("opens", &wire.opens), form.text("closes", &wire.closes));
        let zone = form.zone("zone", &wire.zone);
        let closes = match (opens, closes) {
            (Some(opens), Some(closes)) if closes <= opens => {
                form.note::<TimeOfDay>("closes", "must be after opens, on the same day")
            }
            (_, closes) => closes,
        };
        let days = days.into_iter().collect::<Option<_>>();
        Some(Some(AdvanceWindow { days: days?, opens: opens?, closes: closes?, zone: zone? }))
    })
}

/// Zero means none.
pub(super) fn soak(wire: Option<prost_types::Duration>, form: &mut Form) -> Option<Option<Span>> {
    Some(form.span("soak", wire, SOAKS)?.filter(|soak| !soak.is_zero()))
}

pub(super) fn gates(wire: Vec<proto::Gate>, form: &mut Form) -> Option<Vec<Gate>> {
    if wire.len() > MAX_GATES {
        return form.note("gates", format!("must be at most {MAX_GATES}"));
    }
    let mut gates = Vec::new();
    for (place, gate) in wire.into_iter().enumerate() {
        gates.push(form.within_item("gates", place, |form| read_gate(gate.condition, form)));
    }
    gates.into_iter().collect()
}

fn read_gate(condition: Option<Condition>, form: &mut Form) -> Option<Gate> {
    match condition {
        None => form.note("condition", "must be given, exactly one"),
        Some(Condition::AtLeast(gate)) => form.within("at_least", |form| {
            let measure = form.word("measure", gate.measure, measure);
            let count = u64::try_from(gate.count).ok().filter(|_| (1..=MAX_COUNT).contains(&gate.count));
            let count = count.or_else(|| form.note("count", format!("must be 1 to {MAX_COUNT}")));
            Some(Gate::AtLeast { measure: measure?, count: count? })
        }),
        Some(Condition::ShareAtLeast(gate)) => form.within("share_at_least", |form| {
            let (measure, of, share) = read_share(gate, form)?;
            Some(Gate::ShareAtLeast { measure, of, share })
        }),
        Some(Condition::ShareAtMost(gate)) => form.within("share_at_most", |form| {
            let (measure, of, share) = read_share(gate, form)?;
            Some(Gate::ShareAtMost { measure, of, share })
        }),
    }
}

fn read_share(gate: proto::ShareGate, form: &mut Form) -> Option<(GateMeasure, GateMeasure, Share)> {
    let counted = form.word("measure", gate.measure, measure);
    let of = form.word("of", gate.of, measure);
    let share = Share::try_from(gate.share_ppm);
    let share = share.map_or_else(|error: Malformed| form.note("share_ppm", error), Some);
    if counted.is_some() && counted == of {
        form.note::<()>("of", "must be another measure");
    }
    Some((counted?, of?, share?))
}

fn weekday(wire: proto::Weekday) -> Option<Weekday> {
    Some(match wire {
        proto::Weekday::Unspecified => return None,
        proto::Weekday::Monday => Weekday::Monday,
        proto::Weekday::Tuesday => Weekday::Tuesday,
        proto::Weekday::Wednesday => Weekday::Wednesday,
        proto::Weekday::Thursday => Weekday::Thursday,
        proto::Weekday::Friday => Weekday::Friday,
        proto::Weekday::Saturday => Weekday::Saturday,
        proto::Weekday::Sunday => Weekday::Sunday,
    })
}

fn measure(wire: proto::GateMeasure) -> Option<GateMeasure> {
    match wire {
        proto::GateMeasure::Unspecified => None,
        proto::GateMeasure::Shown => Some(GateMeasure::Shown),
        proto::GateMeasure::Started => Some(GateMeasure::Started),
        proto::GateMeasure::Active => Some(GateMeasure::Active),
        proto::GateMeasure::Challenged => Some(GateMeasure::Challenged),
        proto::GateMeasure::Passed => Some(GateMeasure::Passed),
        proto::GateMeasure::Failed => Some(GateMeasure::Failed),
        proto::GateMeasure::Recovered => Some(GateMeasure::Recovered),
    }
}

pub(super) fn render_window(window: AdvanceWindow) -> proto::AdvanceWindow {
    let day = |day: Weekday| match day {
        Weekday::Monday => proto::Weekday::Monday,
        Weekday::Tuesday => proto::Weekday::Tuesday,
        Weekday::Wednesday => proto::Weekday::Wednesday,
        Weekday::Thursday => proto::Weekday::Thursday,
        Weekday::Friday => proto::Weekday::Friday,
        Weekday::Saturday => proto::Weekday::Saturday,
        Weekday::Sunday => proto::Weekday::Sunday,
    };
    proto::AdvanceWindow {
        days: window.days.into_iter().map(|one| day(one).into()).collect(),
        opens: window.opens.to_string(),
        closes: window.closes.to_string(),
        zone: window.zone.into(),
    }
}

pub(super) fn render_gate(gate: Gate) -> proto::Gate {
    let share = |measure, of, share: Share| proto::ShareGate {
        measure: render_measure(measure),
        of: render_measure(of),
        share_ppm: share.ppm(),
    };
    let condition = match gate {
        Gate::AtLeast { measure, count } => {
            Condition::AtLeast(proto::CountGate { measure: render_measure(measure), count: whole(count) })
        }
        Gate::ShareAtLeast { measure, of, share: bound } => {
            Condition::ShareAtLeast(share(measure, of, bound))
        }
        Gate::ShareAtMost { measure, of, share: bound } => Condition::ShareAtMost(share(measure, of, bound)),
    };
    proto::Gate { condition: Some(condition) }
}

fn render_measure(measure: GateMeasure) -> i32 {
    match measure {
        GateMeasure::Shown => proto::GateMeasure::Shown,
        GateMeasure::Started => proto::GateMeasure::Started,
        GateMeasure::Active => proto::GateMeasure::Active,
        GateMeasure::Challenged => proto::GateMeasure::Challenged,
        GateMeasure::Passed => proto::GateMeasure::Passed,
        GateMeasure::Failed => proto::GateMeasure::Failed,
        GateMeasure::Recovered => proto::GateMeasure::Recovered,
    }
    .into()
}

pub(super) fn waiting_for(waiting: Waiting) -> proto::WaitingFor {
    let kind = match waiting {
        Waiting::Person => Kind::Person(true),
        Waiting::Paused => Kind::Resume(true),
        Waiting::Stopped => Kind::ClearStop(true),
        Waiting::PlannedStart(planned) => Kind::PlannedStart(local_time(planned)),
        Waiting::Soak { until } => Kind::SoakEndTime(timestamp(until)),
        Waiting::Gate(GateStanding { gate, count, of }) => Kind::Gate(proto::GateStanding {
            gate: Some(render_gate(gate)),
            count: whole(count),
            of_count: whole(of.unwrap_or(0)),
        }),
        Waiting::Window { opens: Some(opens) } => Kind::WindowOpenTime(timestamp(opens)),
        Waiting::Window { opens: None } => Kind::Window(true),
    };
    proto::WaitingFor { kind: Some(kind) }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
