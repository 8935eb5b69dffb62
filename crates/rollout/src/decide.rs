//! The decision: pure and total. No other code decides who is reached.
//!
//! Each rollout that covers the product answers by the first rule that holds:
//!
//! 1. Two-step acts for the account here → visible.
//! 2. The feature was shown to the account, and was not rolled back since → visible.
//! 3. The rollout is archived → no answer, as if it were not there.
//! 4. No wave has started at the product → not yet. What a draft or a rollout that was taken back
//!    says of accounts (its lists, its stop, its holdout) is no reason, because it acts on no account.
//! 5. The account is denied → not visible.
//! 6. The rollout is stopped → not visible.
//! 7. The account is held out → not visible.
//! 8. The account is allowed → visible.
//! 9. A started wave reaches the account → visible.
//! 10. Otherwise → not yet.
//!
//! Of several rollouts the strongest answer counts, and among equals the first by key. Where none has reached the account,
//! a ladder that has come to a rung for it makes two-step visible too; what ladders demand is in `ladder`.
//!
//! Two-step is one switch per account. It acts at a product once the account is reached there, and
//! from then on for good (INV-42). A second step is asked only where it acts.

use smallvec::SmallVec;
use tidegate_core::{
    FirstShown, LedgerEntry, MethodSet, Product, Reason, RequiredSince, Requirement, Revision, Rollout,
    RolloutKey, RuleAsked, Standing, Timestamp, Wave,
};

use crate::{
    DecisionTrace, Observation, Verdict, bucket,
    ladder::{self, Bound, LadderAnswer},
    method_move,
    sentences::{Sentences, summary},
    waves,
};

/// The answer of one rollout for the account at the product.
#[derive(Clone, Copy)]
struct Answer<'a> {
    reason: Reason,
    rollout: Option<&'a RolloutKey>,
    revision: Option<Revision>,
    wave: Option<&'a Wave>,
    /// Since when two-step acts here.
    active_since: Option<Timestamp>,
    /// The first instant at which the account was reached here, by any rule.
    reached_since: Option<Timestamp>,
}

const NO_ROLLOUT: Answer<'_> = Answer {
    reason: Reason::NoRollout,
    rollout: None,
    revision: None,
    wave: None,
    active_since: None,
    reached_since: None,
};

pub fn decide<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> Verdict<'a> {
    judge(product, rollouts, standing, now, (&mut (), Kept::Counts))
}

/// The decision by one rollout alone: whom it reaches. Whether two-step acts by another one matters for a rollout that
/// brings two-step, and not for one of a method.
pub fn decide_by<'a>(
    rollout: &'a Rollout,
    product: &'a Product,
    standing: &'a Standing,
    now: Timestamp,
) -> Verdict<'a> {
    judge(product, std::iter::once(rollout), standing, now, (&mut (), Kept::of(rollout)))
}

/// Whether two-step that acts here by whatever rollout counts as reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Counts,
    Ignored,
}

impl Kept {
    fn of(rollout: &Rollout) -> Self {
        if method_move::brings_two_step(rollout) { Self::Counts } else { Self::Ignored }
    }
}

/// A decision and the reasons for it, in sentences for product managers.
#[derive(Debug)]
pub struct Explanation<'a> {
    pub verdict: Verdict<'a>,
    /// The decision and its reason, in one sentence.
    pub summary: String,
    /// Every rule that was asked, rollout by rollout.
    pub rules: Vec<RuleAsked>,
}

impl Explanation<'_> {
    /// Adds to the summary what differs from a decision now: its instant, and the revision in which
    /// a rollout was tried. For another instant, the account is still seen as it is today.
    #[must_use]
    pub fn supposing(mut self, at: Option<Timestamp>, under: Option<(&RolloutKey, Revision)>) -> Self {
        self.summary.insert_str(0, &summary::suppositions(at, under));
        self
    }
}

/// The same decision, and every rule that was asked on the way to it.
pub fn explain<'a>(
    product: &'a Product,
    rollouts: &'a [Rollout],
    standing: &'a Standing,
    now: Timestamp,
) -> Explanation<'a> {
    let mut trace = Sentences::new(&product.key, standing);
    let kept = if rollouts.iter().all(method_move::brings_two_step) { Kept::Counts } else { Kept::Ignored };
    let verdict = judge(product, rollouts.iter(), standing, now, (&mut trace, kept));
    Explanation { verdict, summary: summary::of(&verdict, rollouts), rules: trace.rules }
}

fn judge<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
    (trace, kept): (&mut impl DecisionTrace, Kept),
) -> Verdict<'a> {
    let (mut best, mut reached_since) = (NO_ROLLOUT, None);
    let mut bound = Bounds::new();
    for rollout in rollouts.filter(|rollout| waves::covers(rollout, &product.key)) {
        let answer = ask(rollout, product, standing, trace);
        reached_since = earlier(reached_since, answer.reached_since);
        let reached = answer.reason.is_visible();
        bound.extend(ladder::bind(rollout, &product.key, standing, reached));
        trace.climbed(rollout, reached, now);
        if answer.is_stronger_than(&best) {
            best = answer;
        }
    }
    // Once two-step has acted at a product it acts for good, whatever became of the rollout
    // (INV-42).
    // A rollout of a method is no part of that.
    let here = standing.ledger.iter().filter(|entry| entry.product == product.key && kept == Kept::Counts);
    for answer in here.filter(|entry| entry.active_since.is_some()).map(active) {
        reached_since = earlier(reached_since, answer.reached_since);
        if answer.is_stronger_than(&best) {
            best = answer;
        }
    }
    // Two-step acts by a rollout that does not cover the product now, so that rollout was not
    // asked.
    if let Answer { rollout: Some(rollout), revision: None, active_since: Some(since), .. } = best {
        trace.kept(rollout, since);
    }
    let strictest = strictest(&bound, now);
    let reached_before = reached_since;
    reached_since = earlier(reached_since, begun(&bound, now));
    if let Some(LadderAnswer { bound, .. }) = strictest
        && !best.reason.is_visible()
    {
        let (rollout, revision) = (Some(&bound.rollout.key), Some(bound.rollout.revision));
        best = Answer { reason: Reason::Ladder, rollout, revision, ..NO_ROLLOUT };
    }
    Verdict {
        product,
        standing,
        reason: best.reason,
        rollout: best.rollout,
        revision: best.revision,
        wave: best.wave.map(|wave| wave.ordinal),
        // It never moves to a later instant, because sessions are measured against it (INV-16).
        reached_since,
        ladder: strictest,
        enforced_since: enforced_since(&bound, now),
        next_change_at: next_change(&bound, strictest, (reached_before, standing.two_step_since), now),
        evaluated_at: now,
        closed: MethodSet::EMPTY,
    }
}

/// The rules that are for the account, one of each rollout at most. Four are stored inline.
pub(crate) type Bounds<'a> = SmallVec<[Bound<'a>; 4]>;

pub(crate) fn strictest<'a>(bound: &Bounds<'a>, now: Timestamp) -> Option<LadderAnswer<'a>> {
    let answers = || bound.iter().filter_map(|rule| rule.at(now));
    let mut strictest =
        answers().reduce(|one, other| if other.is_stricter_than(&one) { other } else { one })?;
    let mut others = answers().filter(|other| other.rollout() != strictest.rollout());
    strictest.pointless = others.any(|other| other.is_enforced() && other.postponable_until().is_none());
    Some(strictest)
}

fn enforced_since(bound: &Bounds<'_>, now: Timestamp) -> RequiredSince {
    let answers = bound.iter().filter_map(|rule| rule.at(now));
    answers.fold(RequiredSince::default(), |since, answer| match answer.enforced_since() {
        Some(at) => since.and(answer.demand(), at),
        None => since,
    })
}

/// The first instant at which a ladder asked anything of the account, however weak it is: the strictest one may be another
/// later.
fn begun(bound: &Bounds<'_>, now: Timestamp) -> Option<Timestamp> {
    bound.iter().filter_map(Bound::begins).filter(|from| *from <= now).min()
}

/// The first instant at which the strictest answer differs from the one of now, or a weaker rule begins to be enforced
/// beside it. `reached` and `on`: since when the account is reached without ladders, and two-step is on.
fn next_change(
    bound: &Bounds<'_>,
    strictest_now: Option<LadderAnswer<'_>>,
    (reached, on): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Option<Timestamp> {
    let required_since = |at: Timestamp| {
        let own = on.map(|on| earlier(reached, begun(bound, at)).map_or(on, |since| since.max(on)));
        let enforced = enforced_since(bound, at);
        own.map_or(enforced, |since| enforced.and(Requirement::SecondStep, since))
    };
    let required_now = required_since(now);
    first_change(bound, now, |at| {
        !agree(strictest_now, strictest(bound, at)) || required_since(at) != required_now
    })
}

/// The first instant after `now` for which `differs` holds. It is asked about those at which a rule's answer may change.
pub(crate) fn first_change(
    bound: &Bounds<'_>,
    now: Timestamp,
    differs: impl Fn(Timestamp) -> bool,
) -> Option<Timestamp> {
    let mut after = now;
    loop {
        after = bound.iter().filter_map(|rule| rule.may_differ(after, now)).min()?;
        if differs(after) {
            return Some(after);
        }
    }
}

/// Whether the two say the same, whenever they were asked.
pub(crate) fn agree(one: Option<LadderAnswer<'_>>, other: Option<LadderAnswer<'_>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.agrees_with(&other),
        (None, None) => true,
        _ => false,
    }
}

fn active(entry: &LedgerEntry) -> Answer<'_> {
    Answer {
        reason: Reason::Active,
        rollout: Some(&entry.rollout),
        active_since: entry.active_since,
        reached_since: entry.active_since,
        ..NO_ROLLOUT
    }
}

fn ask<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &'a Standing,
    trace: &mut impl DecisionTrace,
) -> Answer<'a> {
    let here = |entry: &&LedgerEntry| entry.rollout == rollout.key && entry.product == product.key;
    let entry = standing.ledger.iter().find(here);
    let active_since = entry.and_then(|entry| entry.active_since);
    let shown = entry.and_then(|entry| entry.shown);
    let still_shown = shown.filter(|shown| waves::still_shown(rollout, &product.key, *shown));
    let is_active = asked(trace, rollout, Observation::Active { since: active_since });
    let seen = Observation::Shown { first: shown, counts: still_shown.is_some() };
    let was_shown = !is_active && asked(trace, rollout, seen);
    // An account that was reached before needs no wave. Its waves are asked only to name one, so
    // without the trace.
    let kept = is_active || was_shown;
    let (anew, wave) = if kept {
        reach(rollout, product, standing, &mut ())
    } else {
        reach(rollout, product, standing, trace)
    };
    let reason = match (is_active, was_shown) {
        (true, _) => Reason::Active,
        (false, true) => Reason::Shown,
        (false, false) => anew,
    };
    // An archived rollout reaches no account: it answers only for those that it has reached.
    if reason == Reason::NoRollout {
        return NO_ROLLOUT;
    }
    // `reached_by` ignores stop, deny list and holdout: none of them may make sessions last longer
    // (INV-16).
    let by = if kept { reached_by(rollout, product, standing, still_shown) } else { wave };
    let shown_since = still_shown.map(|shown| shown.at);
    Answer {
        reason,
        rollout: Some(&rollout.key),
        revision: Some(rollout.revision),
        wave: wave.filter(|_| anew != Reason::Allowed),
        active_since,
        reached_since: earlier(active_since, earlier(shown_since, by.and_then(|wave| wave.started_at))),
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The wave that reached an account to which the feature was shown, or for which two-step acts.
fn reached_by<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &Standing,
    shown: Option<FirstShown>,
) -> Option<&'a Wave> {
    let first = || waves::started(rollout, &product.key).next();
    match shown {
        Some(FirstShown { wave: Some(wave), .. }) => rollout.wave(wave).filter(|wave| wave.is_started()),
        // Shown without a wave: the account was allowed then. Rows from before revisions were
        // stored do not say.
        Some(FirstShown { revision, .. }) if revision >= Revision::FIRST => first(),
        _ if rollout.allow.includes(standing) => first(),
        _ => waves::reaching(rollout, &product.key, standing),
    }
}

/// The rollout's answer for an account that it has not reached before: the reason, and the wave
/// that reaches the account.
fn reach<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &Standing,
    trace: &mut impl DecisionTrace,
) -> (Reason, Option<&'a Wave>) {
    let key = &product.key;
    let mut holds = |seen: Observation<'_>| asked(trace, rollout, seen);
    if let Some(since) = rollout.archived_at {
        holds(Observation::Archived { since });
        return (Reason::NoRollout, None);
    }
    let bucket = bucket::of(rollout, standing);
    let Some(first) = waves::started(rollout, key).next() else {
        for wave in &rollout.waves {
            holds(Observation::Wave { wave, bucket, reaches: false });
        }
        return (Reason::NotYet, None);
    };
    if holds(Observation::Deny { named: rollout.deny.includes(standing) }) {
        return (Reason::Denied, None);
    }
    if holds(Observation::Stop { stop: rollout.stop.as_ref() }) {
        return (Reason::Stopped, None);
    }
    if holds(Observation::Holdout { bucket, held_out: rollout.holdout.holds_from_the_end(bucket) }) {
        return (Reason::HeldOut, None);
    }
    let named = rollout.allow.includes(standing).then_some(first);
    if holds(Observation::Allow { first: named }) {
        return (Reason::Allowed, named);
    }
    for wave in &rollout.waves {
        let reaches =
            waves::is_started_for(rollout, wave, key) && waves::reaches(wave, key, bucket, standing);
        if holds(Observation::Wave { wave, bucket, reaches }) {
            return (Reason::Wave, Some(wave));
        }
    }
    (Reason::NotYet, None)
}

/// Tells the trace which rule is asked, and returns whether the rule holds.
fn asked(trace: &mut impl DecisionTrace, rollout: &Rollout, seen: Observation<'_>) -> bool {
    trace.asked(rollout, seen);
    seen.holds()
}

impl Answer<'_> {
    /// The order of answers: active, shown, allowed, by wave, then the reasons for no. Among
    /// equals, the rollout in which two-step acted first wins, then the first by key, and an answer
    /// with a revision beats one without. So the order of the rollouts does not matter.
    fn is_stronger_than(&self, other: &Self) -> bool {
        use std::cmp::Reverse;
        let place = |answer: &Self| {
            (rank(answer.reason), Reverse(answer.active_since), Reverse(answer.rollout), answer.revision)
        };
        place(self) > place(other)
    }
}

const fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::NoRollout => 0,
        Reason::NotYet => 1,
        Reason::HeldOut => 2,
        Reason::Stopped => 3,
        Reason::Denied => 4,
        Reason::Ladder => 5,
        Reason::Wave => 6,
        Reason::Allowed => 7,
        Reason::Shown => 8,
        Reason::Active => 9,
    }
}
