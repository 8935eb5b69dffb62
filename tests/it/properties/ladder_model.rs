//! The ladders of the plain model. It counts quarters of a day one by one: a quarter in which the rollout is held
//! does not count, and what a ladder that is removed had noted of accounts is forgotten at once.

use std::cmp::Reverse;

use tidegate_core::{Requirement, Rung};

use super::{
    climbing::{Act, DAY, Move, PlainRule},
    model::Model,
    steps::{Deed, Product, Step},
};

/// What is noted of an account for the ladder of a rollout at a product.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    told: Option<i64>,
    skips: u32,
    skipped: Option<i64>,
    overdue: Option<i64>,
    postponed: Option<i64>,
    extension: i64,
    exempt: i64,
}

impl Note {
    /// What support gave is given to the person.
    fn forget(&mut self) {
        *self = Self { extension: self.extension, exempt: self.exempt, ..Self::default() };
    }
}

/// What the ladder of one rollout says of an account at a product now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Climb {
    pub(super) rule: u32,
    pub(super) rung: Rung,
    pub(super) demands: Requirement,
    pub(super) enforced: bool,
    pub(super) enroll_by: Option<i64>,
    pub(super) held: bool,
    pub(super) exempt_until: Option<i64>,
    pub(super) skips_left: Option<u32>,
    pub(super) skipped_until: Option<i64>,
    pub(super) postponable_until: Option<i64>,
}

/// When a span of quarters that count has passed: at an instant, or later by as long as the rollout stays held.
#[derive(Clone, Copy)]
enum Passed {
    Known(i64),
    Held(i64),
}

impl Model {
    fn note(&self, who: usize, which: usize, product: Product) -> Note {
        self.notes.get(&(who, which, product)).cloned().unwrap_or_default()
    }

    fn noted(&mut self, who: usize, which: usize, product: Product) -> &mut Note {
        self.notes.entry((who, which, product)).or_default()
    }

    fn rule(&self, who: usize, which: usize, product: Product) -> Option<(u32, &PlainRule)> {
        let (plan, facts) = (&self.plans[which], self.facts(who));
        if plan.archived || plan.deny.name(who, &self.people[who]) {
            return None;
        }
        let reached = self.active.get(&(who, product)) == Some(&which)
            || ["shown", "allowed", "wave"].contains(&self.ask(who, which, product).0);
        let is_for = |rule: &PlainRule| {
            let products = if rule.products.is_empty() { &plan.products } else { &rule.products };
            products.contains(&product)
                && (reached || !rule.within_waves)
                && rule.crowd.as_ref().is_none_or(|crowd| crowd.has(&facts, product))
        };
        (1..).zip(&plan.ladder).find(|(_, rule)| is_for(rule))
    }

    /// The place of the rule that is for the account, from 1.
    pub(super) fn rule_of(&self, who: usize, which: usize, product: Product) -> Option<u32> {
        self.rule(who, which, product).map(|(place, _)| place)
    }

    pub(super) fn climb(&self, who: usize, which: usize, product: Product) -> Option<Climb> {
        let (place, rule) = self.rule(who, which, product)?;
        let (_, rung) = *rule.phases.iter().rfind(|(from, _)| *from <= self.now)?;
        let note = self.note(who, which, product);
        let binds = rung >= Rung::Required;
        let exempt = self.now < note.exempt && rung != Rung::Locked;
        let end = rule.demanding().filter(|_| binds).and_then(|from| self.end(which, rule, &note, from));
        let eased = |quarter: i64| {
            let from = rule.demanding().map_or(quarter, |from| from.max(quarter));
            if rung == Rung::Locked {
                from
            } else {
                (from + note.extension).max(note.postponed.unwrap_or(from))
            }
        };
        let (enroll_by, held) = match end {
            None => (None, false),
            Some(Passed::Known(quarter)) => (Some(eased(quarter)), false),
            Some(Passed::Held(quarter)) => (Some(eased(quarter)), true),
        };
        let enforced = !held && !exempt && enroll_by.is_some_and(|by| by <= self.now);
        let spacing = rule.skips.map_or(DAY, |(_, spacing)| spacing);
        let rests = note.skipped.map(|at| at + spacing).filter(|until| self.now < *until);
        let postponable = rule.postponement.filter(|_| rung == Rung::Required && enforced);
        let postponable = postponable.filter(|_| note.postponed.is_none());
        let until = postponable.map(|long| note.overdue.unwrap_or(self.now) + long);
        Some(Climb {
            rule: place,
            rung,
            demands: if binds { rule.demands } else { Requirement::None },
            enforced,
            enroll_by,
            held,
            exempt_until: Some(note.exempt).filter(|_| exempt),
            skips_left: rule
                .skips
                .filter(|_| rung == Rung::Required)
                .map(|(all, _)| all.saturating_sub(note.skips)),
            skipped_until: rests
                .filter(|_| rung >= Rung::Nudge && !enforced)
                .map(|until| enroll_by.map_or(until, |by| until.min(by))),
            postponable_until: until.filter(|until| self.now < *until),
        })
    }

    /// When the grace ends. `None`: nobody knows yet.
    fn end(&self, which: usize, rule: &PlainRule, note: &Note, demanding: i64) -> Option<Passed> {
        if rule.days.is_none() && rule.skips.is_none() {
            return Some(Passed::Known(demanding));
        }
        let days = note.told.zip(rule.days).map(|(told, days)| (told, i64::from(days) * DAY));
        // The cap is a date for everybody, and the days of a person end there at the latest.
        let from = note.told.map_or(demanding, |told| told.min(demanding));
        let cap = rule.cap.map(|cap| (from, cap - from));
        let ends = [days, cap].into_iter().flatten().map(|(from, long)| self.passed(which, from, long));
        let by_days = ends.reduce(|one, other| match (one, other) {
            (Passed::Known(one), Passed::Known(other)) => Passed::Known(one.min(other)),
            (Passed::Held(one), Passed::Held(other)) => Passed::Held(one.min(other)),
            (Passed::Known(one), Passed::Held(_)) | (Passed::Held(_), Passed::Known(one)) => {
                Passed::Known(one)
            }
        });
        let last = rule.skips.filter(|(all, _)| note.skips >= *all).zip(note.skipped);
        let by_skips = last.map(|((_, spacing), at)| at + spacing);
        match (by_days, by_skips) {
            (Some(Passed::Known(one)), Some(other)) => Some(Passed::Known(one.min(other))),
            // The last skip lasts for its time, held or not.
            (_, Some(end)) => Some(Passed::Known(end)),
            (by_days, None) => by_days,
        }
    }

    /// When so many quarters from `from` on have passed in which the rollout was not held.
    fn passed(&self, which: usize, from: i64, long: i64) -> Passed {
        let plan = &self.plans[which];
        let mut left = long;
        for quarter in from..self.now {
            if left <= 0 {
                return Passed::Known(quarter + left);
            }
            left -= i64::from(!plan.held[usize::try_from(quarter).unwrap()]);
        }
        let end = from.max(self.now) + left;
        if left > 0 && plan.is_held() { Passed::Held(end) } else { Passed::Known(end) }
    }

    /// The rollout whose ladder is the strictest for the account, and what it says.
    pub(super) fn strictest(&self, who: usize, product: Product) -> Option<(usize, Climb)> {
        let each = (0..self.plans.len()).filter(|which| self.plans[*which].covers(product));
        let all = each.filter_map(|which| Some((which, self.climb(who, which, product)?)));
        let all: Vec<_> = all.collect();
        let place = |(which, climb): &(usize, Climb)| {
            let by = climb.enroll_by.filter(|_| !climb.held).unwrap_or(i64::MAX);
            let demanded = if climb.enforced { climb.demands } else { Requirement::None };
            (demanded, climb.rung, Reverse(by), Reverse(*which))
        };
        let (which, mut climb) = all.iter().copied().max_by_key(place)?;
        let mut others = all.iter().filter(|(other, _)| *other != which);
        if others.any(|(_, other)| other.enforced && other.postponable_until.is_none()) {
            climb.postponable_until = None;
        }
        Some((which, climb))
    }

    /// Whether the move was carried out. Time passes in any case.
    pub(super) fn make(&mut self, step: &Move) -> bool {
        let done = self.make_here(step);
        self.pass(if let Move::Wait(long) = step { *long } else { 1 });
        done
    }

    /// The same, without time.
    pub(super) fn make_here(&mut self, step: &Move) -> bool {
        match step {
            Move::Step(step) => self.take(step),
            Move::SetLadder(which, drafts) => {
                let rules = drafts.iter().map(|draft| draft.set_at(self.now)).collect();
                self.set_ladder(*which, rules)
            }
            Move::Regrace(which, grace) => {
                let rules = self.plans[*which].ladder.iter().cloned();
                let rules = rules.map(|rule| rule.with(*grace)).collect();
                self.set_ladder(*which, rules)
            }
            Move::Wait(_) => true,
            Move::Act(who, product, act) => self.deal(*who, product, *act),
        }
    }

    pub(super) fn pass(&mut self, quarters: i64) {
        for _ in 0..quarters {
            for plan in &mut self.plans {
                plan.held.push(plan.is_held());
            }
            self.now += 1;
        }
    }

    fn set_ladder(&mut self, which: usize, rules: Vec<PlainRule>) -> bool {
        let plan = &mut self.plans[which];
        if plan.archived {
            return false;
        }
        if let Some(agreed) = &mut plan.stopped {
            agreed.clear();
        }
        plan.ladder = rules;
        if plan.ladder.is_empty() {
            let its = self.notes.iter_mut().filter(|((_, of, _), _)| *of == which);
            its.for_each(|(_, note)| note.forget());
        }
        true
    }

    fn deal(&mut self, who: usize, product: Product, act: Act) -> bool {
        let now = self.now;
        let strictest = self.strictest(who, product);
        match act {
            Act::SignIn => {
                self.sign_in(who, product);
                true
            }
            Act::Skip => self.skip(who, product),
            Act::Enroll => {
                self.sign_in(who, product);
                self.show(who, product);
                let without = !self.people[who].enrolled;
                if without {
                    self.act(who, &Deed::SwitchOn(product));
                }
                without && self.people[who].on
            }
            Act::Postpone => {
                let waits = self.answer(who, product).required && !self.people[who].enrolled;
                self.sign_in(who, product);
                let until = strictest.and_then(|(which, climb)| Some((which, climb.postponable_until?)));
                let Some((which, until)) = until.filter(|_| waits) else { return false };
                self.noted(who, which, product).postponed = Some(until);
                true
            }
            Act::Exempt(which, _) | Act::Extend(which, _) => {
                let climb = self.climb(who, which, product).filter(|climb| climb.rung != Rung::Locked);
                if !self.plans[which].covers(product) || climb.is_none() {
                    return false;
                }
                let note = self.noted(who, which, product);
                match act {
                    Act::Exempt(_, long) => note.exempt = now + long,
                    Act::Extend(_, days) => note.extension += i64::from(days) * DAY,
                    _ => {}
                }
                true
            }
            Act::EndExemption(which) => {
                let note = self.noted(who, which, product);
                let was = now < note.exempt;
                note.exempt = note.exempt.min(now);
                was
            }
        }
    }

    fn sign_in(&mut self, who: usize, product: Product) {
        let now = self.now;
        let (strictest, required) = (self.strictest(who, product), self.answer(who, product).required);
        if let Some((which, _)) = strictest.filter(|(_, climb)| climb.enforced) {
            self.noted(who, which, product).overdue.get_or_insert(now);
        }
        self.act(who, &Deed::SignIn(product));
        if !required {
            self.tell(who, product);
        }
    }

    pub(super) fn tell(&mut self, who: usize, product: Product) {
        let now = self.now;
        let Some((which, climb)) = self.strictest(who, product) else { return };
        let warns = self.rule(who, which, product).is_some_and(|(_, rule)| rule.demanding().is_some());
        if warns && climb.rung >= Rung::Nudge {
            self.noted(who, which, product).told.get_or_insert(now);
        }
    }

    fn skip(&mut self, who: usize, product: Product) -> bool {
        let now = self.now;
        let Some((which, climb)) = self.strictest(who, product) else { return false };
        if self.people[who].on || climb.enforced || climb.exempt_until.is_some() {
            return false;
        }
        match climb {
            Climb { rung: Rung::Nudge, skipped_until: Some(_), .. } => true,
            Climb { rung: Rung::Nudge, .. } => {
                self.noted(who, which, product).skipped = Some(now);
                true
            }
            Climb { rung: Rung::Required, skips_left: Some(1..), skipped_until: None, .. } => {
                let note = self.noted(who, which, product);
                (note.skips, note.skipped) = (note.skips + 1, Some(now));
                true
            }
            _ => false,
        }
    }
}

/// Whether the move may end or ease what a ladder demands, or give it to others.
pub(super) const fn eases(step: &Move) -> bool {
    match step {
        Move::Wait(_) | Move::Act(_, _, Act::SignIn | Act::Skip | Act::Enroll) => false,
        Move::Step(Step::Rollout(_, verb)) => {
            use super::steps::Verb::{Advance, ClearStop, Pause, Resume, Start, Stop};
            !matches!(verb, Start | Advance | Pause | Resume | Stop | ClearStop(_))
        }
        Move::Step(Step::Account(..)) | Move::SetLadder(..) | Move::Regrace(..) | Move::Act(..) => true,
    }
}
