//! The moves of ladders in the code's own types: the rollout, and what the ledger notes of accounts.

use tidegate_core::{Decision, LadderDecision, LadderMarks, Reason, Requirement, Rung, Span, Timestamp};
use tidegate_rollout::lifecycle;

use super::{
    climbing::{Act, Move, PlainRule, quarters},
    model::Model,
    questions::decided,
    steps::{Deed, Product, Step},
    world::World,
};

impl World {
    /// Whether the move was carried out. `model` is asked for the rules of ladders only, before it makes the move itself.
    pub(super) fn make(&mut self, step: &Move, model: &Model) -> bool {
        let done = match step {
            Move::Step(step) => self.carry_out(step),
            Move::SetLadder(which, drafts) => {
                let rules = drafts.iter().map(|draft| draft.set_at(model.now)).collect();
                self.set_ladder(*which, rules)
            }
            Move::Regrace(which, grace) => {
                let rules = model.plans[*which].ladder.iter().cloned();
                self.set_ladder(*which, rules.map(|rule| rule.with(*grace)).collect())
            }
            Move::Wait(_) => true,
            Move::Act(who, product, act) => self.deal(*who, product, *act),
        };
        self.now = self.now.plus(quarters(if let Move::Wait(long) = step { *long } else { 1 }));
        done
    }

    pub(super) fn set_ladder(&mut self, which: usize, rules: Vec<PlainRule>) -> bool {
        let (rollout, now) = (&mut self.rollouts[which], self.now);
        if rollout.archived_at.is_some() {
            return false;
        }
        let kept = std::mem::replace(&mut rollout.ladder, rules.iter().map(PlainRule::written).collect());
        if rollout.ladder.is_empty() {
            rollout.ladder_since = None;
        } else if kept.is_empty() {
            rollout.ladder_since = Some(now);
        }
        (rollout.revision, rollout.updated_at) = (rollout.revision.next(), now);
        lifecycle::forget_clearing(rollout);
        true
    }

    /// The decision by one rollout alone.
    pub(super) fn alone(&self, who: usize, which: usize, product: Product) -> Decision {
        let rollout = std::slice::from_ref(&self.rollouts[which]);
        decided(rollout, &self.people[who], self.now, product)
    }

    fn marks(&mut self, who: usize, ladder: &LadderDecision, product: Product) -> &mut LadderMarks {
        &mut self.entry(who, ladder.rollout.clone(), product).marks
    }

    fn deal(&mut self, who: usize, product: Product, act: Act) -> bool {
        let (decision, now) = (self.decide(who, product), self.now);
        match act {
            Act::SignIn => {
                self.sign_in(who, product);
                true
            }
            Act::Skip => self.skip(who, product),
            Act::Enroll => {
                self.sign_in(who, product);
                self.show(who, product);
                let without = self.people[who].methods.is_empty();
                without
                    && self.carry_out(&Step::Account(who, Deed::SwitchOn(product)))
                    && self.people[who].two_step_since.is_some()
            }
            Act::Postpone => {
                let waits = decision.requirement != Requirement::None && self.people[who].methods.is_empty();
                self.sign_in(who, product);
                let ladder = self.decide(who, product).ladder.filter(|_| waits);
                let Some(ladder) = ladder else { return false };
                let Some(until) = ladder.postponable_until else { return false };
                self.marks(who, &ladder, product).postponed_until = Some(until);
                true
            }
            Act::Exempt(which, _) | Act::Extend(which, _) => {
                let ladder = self.alone(who, which, product).ladder;
                let Some(ladder) = ladder.filter(|ladder| ladder.rung != Rung::Locked) else { return false };
                let marks = self.marks(who, &ladder, product);
                match act {
                    Act::Exempt(_, long) => marks.exempt_until = Some(now.plus(quarters(long))),
                    Act::Extend(_, days) => {
                        let more = Span::days(days.into()).micros();
                        marks.extension = Span::from_micros(marks.extension.micros() + more);
                    }
                    _ => {}
                }
                true
            }
            Act::EndExemption(which) => {
                let key = self.rollouts[which].key.clone();
                let marks = &mut self.entry(who, key, product).marks;
                let was = marks.exempt_until.is_some_and(|until| now < until);
                marks.exempt_until = marks.exempt_until.map(|until| until.min(now));
                was
            }
        }
    }

    fn sign_in(&mut self, who: usize, product: Product) {
        let (decision, now) = (self.decide(who, product), self.now);
        let asked = decision.requirement != Requirement::None;
        if asked && decision.on && decision.reason != Reason::Active {
            self.entry(who, decision.rollout.clone().unwrap(), product).active_since.get_or_insert(now);
        }
        let Some(ladder) = &decision.ladder else {
            if !asked && !decision.on {
                self.show(who, product);
            }
            return;
        };
        if ladder.enforced {
            let marks = self.marks(who, ladder, product);
            marks.required_since.get_or_insert(now);
            if is_before(marks.overdue_at, ladder.since) {
                (marks.overdue_at, marks.postponed_until) = (Some(now), None);
            }
        }
        if asked {
            return;
        }
        if !decision.on {
            self.show(who, product);
        }
        if ladder.rung >= Rung::Nudge && ladder.required_from.is_some() {
            let marks = self.marks(who, ladder, product);
            if is_before(marks.told_at, ladder.since) {
                if marks.skipped_at.is_some() && is_before(marks.skipped_at, ladder.since) {
                    (marks.skips, marks.skipped_at) = (0, None);
                }
                marks.told_at = Some(now);
            }
        }
    }

    fn skip(&mut self, who: usize, product: Product) -> bool {
        let (decision, now) = (self.decide(who, product), self.now);
        let ladder = decision
            .ladder
            .filter(|ladder| !decision.on && !ladder.enforced && ladder.exempt_until.is_none());
        let Some(ladder) = ladder else { return false };
        let counted = match (ladder.rung, ladder.skips_left, ladder.skipped_until) {
            (Rung::Nudge, _, Some(_)) => return true,
            (Rung::Nudge, _, None) => 0,
            (Rung::Required, Some(1..), None) => 1,
            _ => return false,
        };
        let marks = self.marks(who, &ladder, product);
        let before = if is_before(marks.skipped_at, ladder.since) { 0 } else { marks.skips };
        (marks.skips, marks.skipped_at) = (before + counted, Some(now));
        true
    }
}

/// The mark is missing, or was set for a ladder before the one that there is since then.
fn is_before(mark: Option<Timestamp>, since: Option<Timestamp>) -> bool {
    mark.is_none_or(|mark| since.is_some_and(|since| mark < since))
}
