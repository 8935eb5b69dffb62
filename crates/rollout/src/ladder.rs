//! The ladder: what a rollout demands of an account now, and from when on.
//!
//! The first rule that is for the account at the product decides. Its phase of now names the rung.
//! From the first phase `required` or `locked` on, the rule is enforced at the account's deadline:
//!
//! ```text
//!   grace    = told + days, at most the cap     or: the last skip + its spacing
//!            + the time in which the rollout was held meanwhile
//!   deadline = the later of that phase and grace
//!            + extensions, and not before the postponement ends
//! ```
//!
//! It is computed and never stored, so that a change of the ladder, a pause or an extension counts at
//! once. Ladder dates do not move by a pause or a stop; people's clocks stand still.
//!
//! Of several rollouts the strictest demand counts.

use tidegate_core::{
    Hold, LadderDecision, LadderMarks, LadderRule, LedgerEntry, Ordinal, Phase, ProductKey, Requirement,
    Rollout, RolloutKey, Rung, Span, Standing, Timestamp,
};

use crate::audience;

/// A rule that is for an account at a product, at any time.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    pub(crate) rollout: &'a Rollout,
    pub(crate) rule: &'a LadderRule,
    place: usize,
    marks: LadderMarks,
}

/// What one rollout's ladder says of the account at the product now.
#[derive(Debug, Clone, Copy)]
pub struct LadderAnswer<'a> {
    pub(crate) bound: Bound<'a>,
    pub(crate) rung: Rung,
    pub(crate) deadline: Deadline,
    pub(crate) now: Timestamp,
    /// Putting the set-up off would not help: another rollout's ladder is enforced too, and cannot be put off, or the account
    /// has a factor that meets the demand.
    pub(crate) pointless: bool,
}

/// From when on the account must have two-step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Nothing is demanded in this phase.
    None,
    /// It is not known yet: the account was not told, or has skips left.
    Open,
    At(Timestamp),
    /// The clock stands still; it would be this instant if the rollout went on now.
    Held(Timestamp),
}

/// The marks of the account for the rollout at the product.
pub fn marks(rollout: &Rollout, product: &ProductKey, standing: &Standing) -> LadderMarks {
    let here = |entry: &&LedgerEntry| entry.rollout == rollout.key && entry.product == *product;
    let entry = standing.ledger.iter().find(here);
    entry.map_or_else(LadderMarks::default, |entry| entry.marks.since(rollout.ladder_since))
}

/// The first rule that is for the account at the product. `reached`: a wave of the rollout has reached the account there.
pub fn rule<'a>(
    rollout: &'a Rollout,
    product: &ProductKey,
    standing: &Standing,
    reached: bool,
) -> Option<(usize, &'a LadderRule)> {
    let is_for = |rule: &LadderRule| {
        products(rollout, rule).contains(product)
            && (reached || !rule.within_waves)
            && audience::holds(rule.audience.as_ref(), standing, product)
    };
    rollout.ladder.iter().enumerate().find(|(_, rule)| is_for(rule))
}

/// The products at which the rule counts.
pub fn products<'r>(rollout: &'r Rollout, rule: &'r LadderRule) -> &'r [ProductKey] {
    if rule.products.is_empty() { &rollout.products } else { &rule.products }
}

/// The place of the rule that is for the account, from 0. `None`: the ladder has none for it here.
pub fn place(rollout: &Rollout, product: &ProductKey, standing: &Standing, reached: bool) -> Option<usize> {
    bind(rollout, product, standing, reached).map(|bound| bound.place)
}

/// `None`: the ladder has no rule for the account here.
pub(crate) fn bind<'a>(
    rollout: &'a Rollout,
    product: &ProductKey,
    standing: &Standing,
    reached: bool,
) -> Option<Bound<'a>> {
    // An account on the deny list is left alone by the whole rollout.
    if rollout.ladder.is_empty() || rollout.archived_at.is_some() || rollout.deny.includes(standing) {
        return None;
    }
    let (place, rule) = rule(rollout, product, standing, reached)?;
    Some(Bound { rollout, rule, place, marks: marks(rollout, product, standing) })
}

impl<'a> Bound<'a> {
    /// `None`: the rule asks nothing yet.
    pub(crate) fn at(self, now: Timestamp) -> Option<LadderAnswer<'a>> {
        let Phase { rung, .. } = *phase(self.rule, now)?;
        let deadline = deadline(self.rollout, self.rule, &self.marks, rung, now);
        Some(LadderAnswer { bound: self, rung, deadline, now, pointless: false })
    }

    /// Since when the rule asks anything, at whatever rung.
    pub(crate) fn begins(&self) -> Option<Timestamp> {
        self.rule.phases.first().map(|phase| phase.from)
    }

    /// The first instant after `after` at which the answer may differ from the one of `now`.
    pub(crate) fn may_differ(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let Self { rule, marks, .. } = self;
        // An extension moves the deadline of one rung, and not of the other.
        let deadlines = [Rung::Required, Rung::Locked].into_iter().filter_map(|rung| {
            match deadline(self.rollout, rule, marks, rung, now) {
                Deadline::At(at) => Some(at),
                Deadline::None | Deadline::Open | Deadline::Held(_) => None,
            }
        });
        let postponable = marks.overdue_at.zip(rule.postponement).map(|(from, span)| from.plus(span));
        let phases = rule.phases.iter().map(|phase| phase.from);
        let dated = deadlines.chain(marks.exempt_until).chain(postponable);
        // A past instant may be asked about, before the rollout was held.
        let dated = dated.chain(self.skipped_until()).chain(self.rollout.held_since());
        phases.chain(dated).filter(|at| *at > after).min()
    }

    /// Until when the last skip lasts.
    fn skipped_until(&self) -> Option<Timestamp> {
        self.marks.skipped_at.map(|at| at.plus(self.rule.grace.skip_spacing()))
    }

    /// The rule's place in the list.
    pub(crate) const fn place(&self) -> usize {
        self.place
    }

    pub(crate) const fn marks(&self) -> &LadderMarks {
        &self.marks
    }

    /// The rule's place, from 1.
    pub(crate) fn ordinal(&self) -> Ordinal {
        Ordinal(u32::try_from(self.place + 1).unwrap_or(u32::MAX))
    }
}

/// The phase of an instant. `None` before the first.
pub fn phase(rule: &LadderRule, at: Timestamp) -> Option<&Phase> {
    rule.phases.iter().rev().find(|phase| phase.from <= at)
}

/// The first phase that demands something.
pub fn demanding(rule: &LadderRule) -> Option<&Phase> {
    rule.phases.iter().find(|phase| phase.rung >= Rung::Required)
}

fn deadline(
    rollout: &Rollout,
    rule: &LadderRule,
    marks: &LadderMarks,
    rung: Rung,
    now: Timestamp,
) -> Deadline {
    let Some(demanding) = demanding(rule).filter(|_| rung >= Rung::Required) else { return Deadline::None };
    // What support or the owner got for a rung that is not locked counts no more once it is.
    let (extension, postponed) = match rung {
        Rung::Locked => (Span::ZERO, None),
        Rung::Optional | Rung::Nudge | Rung::Required => (marks.extension, marks.postponed_until),
    };
    let later = |at: Timestamp| {
        let at = at.max(demanding.from).plus(extension);
        postponed.map_or(at, |until| at.max(until))
    };
    let grace = match (rule.grace.days, rule.grace.skips) {
        (None, None) => Deadline::At(demanding.from),
        (days, skips) => {
            let by_days = days.map_or(Deadline::Open, |days| by_days(rollout, rule, marks, days, now));
            let by_skips = skips
                .filter(|skips| marks.skips >= skips.count)
                .and_then(|skips| Some(marks.skipped_at?.plus(skips.spacing)));
            earlier(by_days, by_skips.map_or(Deadline::Open, Deadline::At))
        }
    };
    match grace {
        Deadline::None | Deadline::Open => Deadline::Open,
        Deadline::At(at) => Deadline::At(later(at)),
        Deadline::Held(at) => Deadline::Held(later(at)),
    }
}

fn by_days(rollout: &Rollout, rule: &LadderRule, marks: &LadderMarks, days: u32, now: Timestamp) -> Deadline {
    let by_days = marks.told_at.map(|told| held(rollout, told, told.plus(Span::days(days.into())), now));
    // The cap moves by every hold since the rung, so that to be told later takes no time away.
    let by_cap = rule.grace.cap.map(|cap| {
        let begin = demanding(rule).map_or(cap, |phase| phase.from);
        held(rollout, marks.told_at.map_or(begin, |told| told.min(begin)), cap, now)
    });
    earlier(by_days.unwrap_or(Deadline::Open), by_cap.unwrap_or(Deadline::Open))
}

/// The end of a time that stands still while the rollout is paused or stopped.
fn held(rollout: &Rollout, begin: Timestamp, end: Timestamp, now: Timestamp) -> Deadline {
    let (mut end, mut counted) = (end, begin);
    let open = rollout.held_since().filter(|since| *since <= now);
    for hold in &rollout.holds {
        // A pause that ended under a stop that goes on is a part of it.
        let until = open.map_or(hold.until, |since| hold.until.min(since));
        let from = hold.from.max(counted);
        if from < end && from < until {
            end = end.plus(until.since(from));
        }
        counted = counted.max(until);
    }
    match open {
        Some(since) if since.max(counted) < end => {
            Deadline::Held(end.plus(now.since(since.max(counted).min(now))))
        }
        _ => Deadline::At(end),
    }
}

/// When the reminder of a day of the grace is due, for an account that was told then. Like the grace itself, it waits while the
/// rollout is held. `None`: it is held now.
pub fn reminder_at(rollout: &Rollout, told_at: Timestamp, day: u32, now: Timestamp) -> Option<Timestamp> {
    match held(rollout, told_at, told_at.plus(Span::days(day.into())), now) {
        Deadline::At(at) => Some(at),
        Deadline::None | Deadline::Open | Deadline::Held(_) => None,
    }
}

/// The deadline of the account under the rule, as it would be if the rung were `required` already. `None`: no instant is known.
pub fn foreseen(
    rollout: &Rollout,
    rule: &LadderRule,
    product: &ProductKey,
    standing: &Standing,
    now: Timestamp,
) -> Option<Timestamp> {
    let rung = demanding(rule)?.rung;
    match deadline(rollout, rule, &marks(rollout, product, standing), rung, now) {
        Deadline::At(at) => Some(at),
        Deadline::None | Deadline::Open | Deadline::Held(_) => None,
    }
}

fn earlier(one: Deadline, other: Deadline) -> Deadline {
    match (one, other) {
        (Deadline::At(one), Deadline::At(other)) => Deadline::At(one.min(other)),
        (Deadline::Held(one), Deadline::Held(other)) => Deadline::Held(one.min(other)),
        (Deadline::At(at), _) | (_, Deadline::At(at)) => Deadline::At(at),
        (Deadline::Held(at), _) | (_, Deadline::Held(at)) => Deadline::Held(at),
        (one, _) => one,
    }
}

impl LadderAnswer<'_> {
    /// Two-step must be on now. Its owner cannot switch it off from the rung `required` on, exempt or not.
    pub fn binds(&self) -> bool {
        self.rung >= Rung::Required
    }

    pub fn is_exempt(&self) -> bool {
        self.rung != Rung::Locked && self.bound.marks.exempt_until.is_some_and(|until| self.now < until)
    }

    /// What must be proved here, at the latest from the deadline on.
    pub fn demands(&self) -> Requirement {
        if self.binds() { self.bound.rule.demands } else { Requirement::None }
    }

    /// Sign-ins are asked for it now.
    pub fn is_enforced(&self) -> bool {
        self.enforced_since().is_some()
    }

    /// The rollout whose ladder this is.
    pub const fn rollout(&self) -> &RolloutKey {
        &self.bound.rollout.key
    }

    /// From when on it is enforced if nothing more happens than that the account is told now. Skips are not waited for,
    /// nor the end of a pause or a stop.
    pub fn due_if_told(&self) -> Timestamp {
        let told = LadderMarks { told_at: self.bound.marks.told_at.or(Some(self.now)), ..self.bound.marks };
        let at = match deadline(self.bound.rollout, self.bound.rule, &told, self.rung, self.now) {
            Deadline::At(at) | Deadline::Held(at) => at,
            Deadline::None | Deadline::Open => self.now,
        };
        at.max(self.now)
    }

    /// Since when it is demanded, if it is demanded now.
    pub(crate) fn enforced_since(&self) -> Option<Timestamp> {
        let Deadline::At(at) = self.deadline else { return None };
        if self.now < at || self.is_exempt() {
            return None;
        }
        let exempt = self.bound.marks.exempt_until.filter(|_| self.rung != Rung::Locked);
        Some(exempt.map_or(at, |until| at.max(until)))
    }

    pub(crate) fn demand(&self) -> Requirement {
        if self.enforced_since().is_some() { self.bound.rule.demands } else { Requirement::None }
    }

    /// The order of strictness. Among equals, the first by key.
    pub fn is_stricter_than(&self, other: &Self) -> bool {
        use std::cmp::Reverse;
        let place = |answer: &Self| {
            // While a clock stands still its end moves with time, and must not turn the order meanwhile.
            let by = answer.enroll_by().filter(|_| !answer.is_held()).unwrap_or(Timestamp::MAX);
            (answer.demand(), answer.rung, Reverse(by))
        };
        let (ours, theirs) = (place(self), place(other));
        ours > theirs || ours == theirs && self.bound.rollout.key < other.bound.rollout.key
    }

    /// Whether both demand the same, from the same instant on.
    pub fn demands_the_same_as(&self, other: &Self) -> bool {
        self.demands() == other.demands() && self.deadline == other.deadline
    }

    fn enroll_by(&self) -> Option<Timestamp> {
        match self.deadline {
            Deadline::At(at) | Deadline::Held(at) => Some(at),
            Deadline::None | Deadline::Open => None,
        }
    }

    pub(crate) fn postponable_until(&self) -> Option<Timestamp> {
        let span = self.bound.rule.postponement.filter(|_| self.rung == Rung::Required)?;
        let once = self.bound.marks.postponed_until.is_none() && !self.pointless;
        if !once || self.enforced_since().is_none() {
            return None;
        }
        let until = self.bound.marks.overdue_at.unwrap_or(self.now).plus(span);
        Some(until).filter(|until| self.now < *until)
    }

    /// Whether the two say the same, whenever they were asked.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let seen = |answer: &Self| {
            (
                (answer.rung, answer.demand(), answer.enforced_since().is_some()),
                // While a clock stands still, its end moves with time.
                answer.enroll_by().filter(|_| !answer.is_held()),
                (answer.is_held(), answer.is_exempt(), answer.postponable_until().is_some()),
                answer.skipped_until().is_some(),
                answer.bound.place,
            )
        };
        self.bound.rollout.key == other.bound.rollout.key && seen(self) == seen(other)
    }

    /// Skips count for nothing once two-step is demanded, and for an optional rung.
    pub(crate) fn skipped_until(&self) -> Option<Timestamp> {
        let asks = self.rung >= Rung::Nudge && self.enforced_since().is_none();
        let until = self.bound.skipped_until().filter(|until| asks && self.now < *until)?;
        // From the deadline on the account is asked, however long a skip would last.
        Some(self.enroll_by().map_or(until, |by| until.min(by)))
    }

    fn is_held(&self) -> bool {
        matches!(self.deadline, Deadline::Held(_))
    }

    pub fn decision(&self) -> LadderDecision {
        let skips = self.bound.rule.grace.skips.filter(|_| self.rung == Rung::Required);
        LadderDecision {
            rollout: self.bound.rollout.key.clone(),
            revision: self.bound.rollout.revision,
            since: self.bound.rollout.ladder_since,
            rule: self.bound.ordinal(),
            rung: self.rung,
            demands: self.demands(),
            required_from: demanding(self.bound.rule).map(|phase| phase.from),
            enforced: self.enforced_since().is_some(),
            enroll_by: self.enroll_by(),
            held: self.is_held(),
            exempt_until: self.bound.marks.exempt_until.filter(|_| self.is_exempt()),
            skips_left: skips.map(|skips| skips.count.saturating_sub(self.bound.marks.skips)),
            skipped_until: self.skipped_until(),
            postponable_until: self.postponable_until(),
        }
    }
}

/// Adds a time in which the rollout was held to those before. They are kept in order and apart from each other.
pub fn hold(rollout: &mut Rollout, from: Timestamp, until: Timestamp) {
    let (mut from, mut until) = (from, until);
    if until <= from {
        return;
    }
    rollout.holds.retain(|before| {
        let apart = before.until < from || until < before.from;
        if !apart {
            (from, until) = (from.min(before.from), until.max(before.until));
        }
        apart
    });
    rollout.holds.push(Hold { from, until });
    rollout.holds.sort_by_key(|hold| hold.from);
}
