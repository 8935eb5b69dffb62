//! What ladders demand over time, of any account under any ladders.

use proptest::prelude::*;
use tidegate_core::{Decision, Requirement, Rung, Span, Timestamp};

use super::{
    PRODUCTS,
    questions::{Question, dated_question},
    rules::{marks, near},
};

/// All instants at which anything may change lie before.
const END: Span = Span::days(400);

/// The answer, without what moves with time alone: while a clock stands still, the day that it shows moves, and how long the
/// set-up could be put off from now.
fn timeless(mut decision: Decision) -> Decision {
    decision.evaluated_at = Timestamp::from_unix_micros(0);
    decision.next_change_at = None;
    if let Some(ladder) = &mut decision.ladder {
        ladder.enroll_by = ladder.enroll_by.filter(|_| !ladder.held);
        ladder.postponable_until = ladder.postponable_until.map(|_| Timestamp::MAX);
    }
    decision
}

impl Question {
    fn timeless(&self, name: &str, now: Timestamp) -> Decision {
        timeless(Question { now, ..self.clone() }.at(name))
    }
}

/// The deadline of the only rollout's ladder, if an instant is known.
fn deadline(question: &Question, name: &str) -> Option<(Rung, Timestamp)> {
    let ladder = question.at(name).ladder?;
    ladder.enroll_by.map(|by| (ladder.rung, by))
}

proptest! {
    #![proptest_config(super::cases(800))]

    #[test]
    fn inv_41_an_answer_stays_until_the_instant_that_it_names(question in dated_question(), others in prop::collection::vec(near(), 12)) {
        for name in PRODUCTS {
            let decision = question.at(name);
            let before = timeless(decision.clone());
            let until = decision.next_change_at.unwrap_or_else(|| question.now.plus(END));
            prop_assert!(until > question.now);
            let halfway = question.now.plus(Span::from_micros(until.since(question.now).micros() / 2));
            let within = others.iter().copied().filter(|at| question.now < *at && *at < until);
            for at in within.chain([halfway, until.minus(Span::from_micros(1))]) {
                prop_assert_eq!(&before, &question.timeless(name, at), "at {}", at);
            }
            if let Some(at) = decision.next_change_at {
                prop_assert_ne!(&before, &question.timeless(name, at), "nothing changes at {}", at);
            } else {
                prop_assert_eq!(&before, &question.timeless(name, until), "later");
            }
        }
    }

    /// A pause, a stop and an extension give people time, and never take it.
    #[test]
    fn no_hold_and_no_extension_makes_a_deadline_earlier(question in dated_question(), more in 1..500_i64, from in near()) {
        let mut alone = question;
        alone.rollouts.truncate(1);
        for rollout in &mut alone.rollouts {
            rollout.paused_at = None;
        }
        for name in PRODUCTS {
            let before = deadline(&alone, name);
            let mut extended = alone.clone();
            for entry in &mut extended.standing.ledger {
                entry.marks.extension =
                    Span::from_micros(entry.marks.extension.micros() + Span::hours(more).micros());
            }
            let mut held = alone.clone();
            for rollout in &mut held.rollouts {
                tidegate_rollout::ladder::hold(rollout, from, from.plus(Span::hours(more)));
            }
            for after in [deadline(&extended, name), deadline(&held, name)] {
                if let (Some((_, before)), Some((_, after))) = (before, after) {
                    prop_assert!(after >= before, "{} became {}", before, after);
                }
                prop_assert_eq!(before.is_none(), after.is_none());
            }
        }
    }

    #[test]
    fn locked_ignores_exemptions_extensions_and_postponements(question in dated_question()) {
        let mut plain = question.clone();
        for entry in &mut plain.standing.ledger {
            entry.marks.extension = Span::ZERO;
            (entry.marks.exempt_until, entry.marks.postponed_until) = (None, None);
        }
        let mut alone = question;
        alone.rollouts.truncate(1);
        plain.rollouts.truncate(1);
        for name in PRODUCTS {
            let (decision, mut without) = (alone.at(name), plain.at(name));
            if decision.ladder.as_ref().is_some_and(|ladder| ladder.rung == Rung::Locked) {
                // An exemption may still be a date at which nothing differs.
                without.next_change_at = decision.next_change_at;
                prop_assert_eq!(decision, without);
            }
        }
    }

    #[test]
    fn the_strictest_of_several_rollouts_counts(question in dated_question()) {
        for name in PRODUCTS {
            let decision = question.at(name);
            let mut strictest = Requirement::None;
            for rollout in &question.rollouts {
                let mut alone = question.clone();
                alone.rollouts = vec![rollout.clone()];
                alone.standing.two_step_since = None;
                strictest = strictest.max(alone.at(name).requirement);
            }
            if !decision.on {
                prop_assert_eq!(decision.requirement, strictest);
            }
            prop_assert!(decision.requirement >= strictest);
        }
    }

    /// What happened at one rollout and product moves nothing at another.
    #[test]
    fn marks_count_for_their_rollout_and_product_only(question in dated_question(), other in marks()) {
        let mut changed = question.clone();
        changed.rollouts.truncate(1);
        let alone = changed.clone();
        let Some(rollout) = alone.rollouts.first().map(|rollout| rollout.key.clone()) else { return Ok(()) };
        for entry in &mut changed.standing.ledger {
            if entry.rollout != rollout || entry.product.as_str() != "kasa" {
                entry.marks = other;
            }
        }
        prop_assert_eq!(alone.at("kasa"), changed.at("kasa"));
    }
}
