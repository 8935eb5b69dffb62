//! Puts a whole ladder in the place of a rollout's. What it demands of whom is computed from it; nothing is written for
//! accounts.

use tidegate_core::{
    Audience, Fact, Grace, LadderFlaw, LadderFlawKind, LadderRule, Permission, Phase, PlannedTime,
    ProductKey, Refusal, Requirement, Rollout, Rung, Span, Timestamp, Title,
};
use tidegate_rollout::ladder;
use tidegate_store::View;

use super::{
    change::{Target, change},
    demands,
    names::Names,
};
use crate::{Command, CommandContext, Denied, Error};

/// Rules of a ladder.
pub const MAX_RULES: usize = 20;

#[derive(Debug)]
pub struct SetLadder {
    pub target: Target,
    pub rules: Vec<LadderDraft>,
}

/// A rule to be set.
#[derive(Debug, Clone)]
pub struct LadderDraft {
    pub title: Title,
    pub audience: Option<Audience>,
    pub products: Vec<ProductKey>,
    pub within_waves: bool,
    pub phases: Vec<PhaseDraft>,
    pub demands: Requirement,
    pub grace: Grace,
    pub postponement: Option<Span>,
    pub reminders: Vec<u32>,
}

#[derive(Debug, Clone)]
pub struct PhaseDraft {
    pub from: PhaseStart,
    pub rung: Rung,
}

#[derive(Debug, Clone)]
pub enum PhaseStart {
    Now,
    At(Timestamp),
    Planned(PlannedTime),
}

impl Command for SetLadder {
    const NAME: &'static str = "set_ladder";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let now = cx.now();
        change(cx, &self.target, async |tx, rollout| {
            put(tx, rollout, ("", &self.rules), now).await?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::LadderSet { rollout: key, revision }))
        })
        .await
    }
}

/// Replaces the ladder in memory. A preview does no more. `within` precedes the names of fields.
pub(super) async fn put(
    view: &mut View,
    rollout: &mut Rollout,
    (within, drafts): (&str, &[LadderDraft]),
    now: Timestamp,
) -> Result<(), Denied> {
    if rollout.method.is_some() {
        return Err(Refusal::RolloutOfMethod.into());
    }
    let mut names = Names::default();
    for (place, draft) in drafts.iter().enumerate() {
        let field = format!("{within}rules[{place}]");
        names.products(view, &format!("{field}.products"), &draft.products).await?;
        names.audience(view, &format!("{field}.audience"), draft.audience.as_ref()).await?;
    }
    names.finish()?;
    let new = drafts.iter().map(|draft| draft.rule(now)).collect();
    let kept = replace(rollout, new, now);
    let mut flaws = Flaws { within, found: Vec::new() };
    let unmet = demands::unmet_anywhere(view, rollout).await?;
    for (place, (draft, rule)) in drafts.iter().zip(&rollout.ladder).enumerate() {
        flaws.dates(place, (draft, rule), &kept, now);
        flaws.order(place, rule);
        if rollout.ladder.iter().take(place).any(|before| is_for_all(before, rollout, rule)) {
            flaws.add(place, "", LadderFlawKind::NeverAsked);
        }
        if unmet.contains(&place) {
            flaws.add(place, ".demands", LadderFlawKind::LocksOut);
        }
    }
    if flaws.found.is_empty() {
        Ok(())
    } else {
        Err(Refusal::LadderNotAcceptable { flaws: flaws.found }.into())
    }
}

/// Puts a ladder back that was accepted before. Only what begins to be enforced in the past is not: nobody was told of it.
pub(super) fn restore(
    rollout: &mut Rollout,
    earlier: Vec<LadderRule>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let kept = replace(rollout, earlier, now);
    let mut flaws = Flaws { within: "", found: Vec::new() };
    for (place, rule) in rollout.ladder.iter().enumerate() {
        for (which, phase) in rule.phases.iter().enumerate() {
            if phase.from < now && phase.rung >= Rung::Required && !has_phase(&kept, phase) {
                flaws.add(place, &format!(".phases[{which}]"), LadderFlawKind::InPast);
            }
        }
    }
    if flaws.found.is_empty() { Ok(()) } else { Err(Refusal::LadderNotAcceptable { flaws: flaws.found }) }
}

/// Returns the ladder that there was. A ladder after none is another one: it tells accounts anew, and gives them its whole grace.
fn replace(rollout: &mut Rollout, ladder: Vec<LadderRule>, now: Timestamp) -> Vec<LadderRule> {
    let kept = std::mem::replace(&mut rollout.ladder, ladder);
    if rollout.ladder.is_empty() {
        rollout.ladder_since = None;
    } else if kept.is_empty() {
        rollout.ladder_since = Some(now);
    }
    kept
}

fn has_phase(ladder: &[LadderRule], phase: &Phase) -> bool {
    let mut phases = ladder.iter().flat_map(|rule| &rule.phases);
    phases.any(|one| one.from == phase.from && one.rung == phase.rung)
}

/// Whether no account comes to `rule`, because `before` is for all of them wherever `rule` counts.
fn is_for_all(before: &LadderRule, rollout: &Rollout, rule: &LadderRule) -> bool {
    let products = ladder::products(rollout, before);
    before.audience.is_none()
        && !before.within_waves
        && ladder::products(rollout, rule).iter().all(|product| products.contains(product))
}

impl LadderDraft {
    fn rule(&self, now: Timestamp) -> LadderRule {
        let phase = |draft: &PhaseDraft| {
            let (from, planned) = match &draft.from {
                PhaseStart::Now => (now, None),
                PhaseStart::At(at) => (*at, None),
                PhaseStart::Planned(planned) => (planned.instant, Some(planned.clone())),
            };
            Phase { from, planned, rung: draft.rung }
        };
        LadderRule {
            title: self.title.clone(),
            audience: self.audience.clone(),
            products: self.products.clone(),
            within_waves: self.within_waves,
            phases: self.phases.iter().map(phase).collect(),
            demands: self.demands,
            grace: self.grace,
            postponement: self.postponement,
            reminders: self.reminders.clone(),
        }
    }
}

/// What is wrong with a ladder, all of it.
struct Flaws<'w> {
    within: &'w str,
    found: Vec<LadderFlaw>,
}

impl Flaws<'_> {
    fn add(&mut self, place: usize, field: &str, what: LadderFlawKind) {
        let field = format!("{}rules[{place}]{field}", self.within);
        self.found.push(LadderFlaw { field, what });
    }

    /// What begins in the past stays only as it was: otherwise a rule would be enforced of whom nobody told.
    fn dates(
        &mut self,
        place: usize,
        (draft, rule): (&LadderDraft, &LadderRule),
        kept: &[LadderRule],
        now: Timestamp,
    ) {
        for (which, (drafted, phase)) in draft.phases.iter().zip(&rule.phases).enumerate() {
            let field = format!(".phases[{which}]");
            let at_once = matches!(drafted.from, PhaseStart::Now);
            if at_once && which > 0 {
                self.add(place, &field, LadderFlawKind::OutOfOrder);
            } else if !at_once && phase.from < now && !has_phase(kept, phase) {
                self.add(place, &field, LadderFlawKind::InPast);
            }
        }
    }

    fn order(&mut self, place: usize, rule: &LadderRule) {
        for (which, (before, phase)) in rule.phases.iter().zip(rule.phases.iter().skip(1)).enumerate() {
            if phase.from <= before.from || phase.rung <= before.rung {
                self.add(place, &format!(".phases[{}]", which + 1), LadderFlawKind::OutOfOrder);
            }
        }
        let demanding = ladder::demanding(rule);
        if let (Some(phase), Some(cap)) = (demanding, rule.grace.cap)
            && cap < phase.from
        {
            self.add(place, ".grace.cap_time", LadderFlawKind::CapTooEarly);
        }
        if rule.postponement.is_some() && !rule.phases.iter().any(|phase| phase.rung == Rung::Required) {
            self.add(place, ".postponement", LadderFlawKind::PostponesLocked);
        }
    }
}
