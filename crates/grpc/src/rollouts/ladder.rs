//! Ladders on the wire, both ways.

use tidegate_core::{Grace, LadderRule, Phase, Requirement, Rung, Skips, Span};
use tidegate_proto as proto;
use tidegate_service::rollouts::{LadderDraft, MAX_RULES, PhaseDraft, PhaseStart};

use super::{audience, parse, render};
use crate::{
    form::Form,
    local_time::local_time,
    render::{duration, requirement, rung, timestamp},
};

const MAX_PHASES: usize = 4;
const MAX_DAYS: u32 = 90;
const MAX_SKIPS: u32 = 20;
const MAX_REMINDERS: usize = 10;
const POSTPONEMENT: (Span, Span, &str) = (Span::hours(1), Span::days(30), "1 hour to 30 days");
const SPACING: (Span, Span, &str) = POSTPONEMENT;
const DEFAULT_DAYS: u32 = 30;
const DEFAULT_SPACING: Span = Span::hours(24);

pub(super) fn read(rules: Vec<proto::LadderRule>, form: &mut Form) -> Option<Vec<LadderDraft>> {
    if rules.len() > MAX_RULES {
        form.note::<()>("rules", format!("must be at most {MAX_RULES}"));
    }
    let mut read = Vec::new();
    for (place, one) in rules.into_iter().enumerate().take(MAX_RULES) {
        read.push(form.within_item("rules", place, |form| rule(one, form)));
    }
    read.into_iter().collect()
}

fn rule(wire: proto::LadderRule, form: &mut Form) -> Option<LadderDraft> {
    let title = form.text("title", &wire.title);
    let audience = audience::read(wire.audience, form);
    let products = parse::products(&wire.products, form);
    if wire.phases.is_empty() || wire.phases.len() > MAX_PHASES {
        form.note::<()>("phases", format!("must be 1 to {MAX_PHASES}"));
    }
    let mut phases = Vec::new();
    for (place, one) in wire.phases.into_iter().enumerate().take(MAX_PHASES) {
        phases.push(form.within_item("phases", place, |form| phase(one, form)));
    }
    let phases: Option<Vec<_>> = phases.into_iter().collect();
    let demands = match wire.demands {
        0 => Some(Requirement::SecondStep),
        number => form.word("demands", number, demanded),
    };
    let grace = match wire.grace {
        None => Some(Grace { days: Some(DEFAULT_DAYS), ..Grace::default() }),
        Some(wire) => form.within("grace", |form| grace(wire, form)),
    };
    let postponement = form.span("postponement", wire.postponement, POSTPONEMENT);
    let reminders = reminders(wire.reminder_days, grace, form);
    Some(LadderDraft {
        title: title?,
        audience: audience?,
        products: products?,
        within_waves: wire.within_waves,
        phases: phases?,
        demands: demands?,
        grace: grace?,
        postponement: postponement?,
        reminders: reminders?,
    })
}

fn phase(wire: proto::LadderPhase, form: &mut Form) -> Option<PhaseDraft> {
    let at = form.time("from_time", wire.from_time);
    let planned = form.local_time("local", wire.local);
    let rung = form.word("rung", wire.rung, read_rung);
    let from = match (at?, planned?) {
        // What was read can be given back: both say the same.
        (Some(at), Some(planned)) if at != planned.instant => {
            form.note("from_time", "must be the instant of local, or one of the two must be left out")
        }
        (_, Some(planned)) => Some(PhaseStart::Planned(planned)),
        (Some(at), None) => Some(PhaseStart::At(at)),
        (None, None) => Some(PhaseStart::Now),
    };
    Some(PhaseDraft { from: from?, rung: rung? })
}

fn grace(wire: proto::Grace, form: &mut Form) -> Option<Grace> {
    if wire.days > MAX_DAYS {
        form.note::<()>("days", format!("must be 0 to {MAX_DAYS}"));
    }
    if wire.skips > MAX_SKIPS {
        form.note::<()>("skips", format!("must be 0 to {MAX_SKIPS}"));
    }
    let cap = form.time("cap_time", wire.cap_time)?;
    if cap.is_some() && wire.days == 0 {
        return form.note("cap_time", "must not be given without days");
    }
    let spacing = form.span("skip_spacing", wire.skip_spacing, SPACING)?;
    if spacing.is_some() && wire.skips == 0 {
        return form.note("skip_spacing", "must not be given without skips");
    }
    let skips = Skips { count: wire.skips, spacing: spacing.unwrap_or(DEFAULT_SPACING) };
    Some(Grace { days: (wire.days > 0).then_some(wire.days), cap, skips: (wire.skips > 0).then_some(skips) })
}

fn reminders(days: Vec<u32>, grace: Option<Grace>, form: &mut Form) -> Option<Vec<u32>> {
    let ascending = days.iter().zip(days.iter().skip(1)).all(|(one, next)| one < next);
    if !ascending || days.len() > MAX_REMINDERS {
        return form.note("reminder_days", format!("must be ascending, and at most {MAX_REMINDERS}"));
    }
    let most = grace.and_then(|grace| grace.days).unwrap_or(0);
    if days.last().is_some_and(|last| *last > most) {
        return form.note("reminder_days", "must be days of the grace");
    }
    Some(days)
}

fn demanded(wire: proto::Requirement) -> Option<Requirement> {
    match wire {
        proto::Requirement::SecondStep => Some(Requirement::SecondStep),
        proto::Requirement::Aal2 => Some(Requirement::Aal2),
        proto::Requirement::Aal2Phr => Some(Requirement::Aal2Phr),
        proto::Requirement::None | proto::Requirement::Unspecified => None,
    }
}

fn read_rung(wire: proto::Rung) -> Option<Rung> {
    match wire {
        proto::Rung::Optional => Some(Rung::Optional),
        proto::Rung::Nudge => Some(Rung::Nudge),
        proto::Rung::Required => Some(Rung::Required),
        proto::Rung::Locked => Some(Rung::Locked),
        proto::Rung::Unspecified => None,
    }
}

pub(super) fn rendered(rule: LadderRule) -> proto::LadderRule {
    let phase = |phase: Phase| proto::LadderPhase {
        from_time: Some(timestamp(phase.from)),
        local: phase.planned.map(local_time),
        rung: rung(phase.rung).into(),
    };
    proto::LadderRule {
        title: rule.title.into(),
        audience: rule.audience.map(audience::audience),
        products: render::keys(rule.products),
        within_waves: rule.within_waves,
        phases: rule.phases.into_iter().map(phase).collect(),
        demands: requirement(rule.demands).into(),
        grace: Some(proto::Grace {
            days: rule.grace.days.unwrap_or(0),
            cap_time: rule.grace.cap.map(timestamp),
            skips: rule.grace.skips.map_or(0, |skips| skips.count),
            skip_spacing: rule.grace.skips.map(|skips| duration(skips.spacing)),
        }),
        postponement: rule.postponement.map(duration),
        reminder_days: rule.reminders,
    }
}
