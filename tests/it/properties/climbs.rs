//! Histories with ladders: they are set, changed and removed while accounts are told, skip, postpone and are excused, and
//! rollouts are held.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use tidegate_core::{
    Decision, LadderDecision, Level, Method, Reason, Requirement, Rung, SignInState, Timestamp,
};
use tidegate_factors::sign_in::{self, Network, Situation, Trusted, Way};

use super::{
    BEGINNING,
    climbing::{Act, Move, QUARTER, climbs},
    histories::told,
    ladder_model::{Climb, eases},
    model::Model,
    steps::{Product, ROLLOUTS, Step, Verb},
    world::{World, begin},
};

fn quarter(at: Timestamp) -> i64 {
    at.since(BEGINNING).micros() / QUARTER.micros()
}

fn heard(ladder: &LadderDecision) -> Climb {
    Climb {
        rule: ladder.rule.0,
        rung: ladder.rung,
        demands: ladder.demands,
        enforced: ladder.enforced,
        enroll_by: ladder.enroll_by.map(quarter),
        held: ladder.held,
        exempt_until: ladder.exempt_until.map(quarter),
        skips_left: ladder.skips_left,
        skipped_until: ladder.skipped_until.map(quarter),
        postponable_until: ladder.postponable_until.map(quarter),
    }
}

fn decisions(world: &World) -> Vec<(usize, Product, Decision)> {
    let all = Model::everywhere().map(|(who, product)| (who, product, world.decide(who, product)));
    all.collect()
}

/// The rule of each ladder, by account and product.
fn rules(model: &Model) -> Vec<Vec<Option<u32>>> {
    let at = |(who, product)| (0..ROLLOUTS).map(|which| model.rule_of(who, which, product)).collect();
    Model::everywhere().map(at).collect()
}

/// Since when at least so much is required, weakest first.
fn instants(decision: &Decision) -> [Option<Timestamp>; 3] {
    let since = decision.required_since;
    [since.second_step, since.aal2, since.aal2_phr]
}

fn is_enforced(decision: &Decision) -> bool {
    decision.ladder.as_ref().is_some_and(|ladder| ladder.enforced)
}

proptest! {
    #![proptest_config(super::cases(200))]

    #[test]
    fn ladders_are_those_of_the_plain_model((beginning, moves) in climbs()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            prop_assert_eq!(world.make(step, &model), model.make(step), "{:?}", step);
            for (who, product, decision) in decisions(&world) {
                let when = format!("{step:?}: {who} at {product}");
                prop_assert_eq!(told(&decision), model.answer(who, product), "{}", when);
                let strictest = model.strictest(who, product);
                let at = decision.ladder.as_ref().map(|ladder| (ladder.rollout.to_string(), heard(ladder)));
                prop_assert_eq!(at, strictest.map(|(which, climb)| (model.plans[which].key.clone(), climb)), "{}", when);
                for which in 0..ROLLOUTS {
                    let ladder = world.alone(who, which, product).ladder;
                    prop_assert_eq!(ladder.as_ref().map(heard), model.climb(who, which, product), "{}", when);
                }
            }
        }
    }

    /// Neither time nor a hold: what is demanded stays demanded, since the same instant or an earlier one.
    #[test]
    fn inv_16_no_time_and_no_hold_makes_a_demand_begin_later((beginning, moves) in climbs()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            let (before, rules) = (decisions(&world), rules(&model));
            world.make(step, &model);
            model.make(step);
            if eases(step) {
                continue;
            }
            let both = before.into_iter().zip(decisions(&world)).zip(rules.into_iter().zip(self::rules(&model)));
            for (((who, product, before), (.., after)), (ruled, rules)) in both {
                // A wave that reaches the account gives it a rule that is for those who are reached.
                if ruled != rules {
                    continue;
                }
                let when = format!("{step:?}: {who} at {product}: {before:?}, then {after:?}");
                prop_assert!(!is_enforced(&before) || is_enforced(&after), "{}", when);
                // A stop ends what a wave began for accounts that nobody has shown it to.
                let stops = matches!(step, Move::Step(Step::Rollout(_, Verb::Stop)));
                if stops && matches!(before.reason, Reason::Wave | Reason::Allowed) {
                    continue;
                }
                prop_assert!(after.requirement >= before.requirement, "{}", when);
                for (before, after) in instants(&before).into_iter().zip(instants(&after)) {
                    let stays = before.is_none_or(|before| after.is_some_and(|after| after <= before));
                    prop_assert!(stays, "{}", when);
                }
            }
        }
    }

    /// Nothing that a product manager does to a ladder or a rollout switches two-step off, removes a factor, or ends what the
    /// owner switched on where it acts.
    #[test]
    fn inv_42_no_verb_of_a_ladder_takes_two_step_away((beginning, moves) in climbs()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            let (before, people) = (decisions(&world), world.people.clone());
            world.make(step, &model);
            model.make(step);
            if matches!(step, Move::Act(..) | Move::Step(Step::Account(..))) {
                continue;
            }
            prop_assert_eq!(&people, &world.people, "{:?}", step);
            for ((who, product, before), (.., after)) in before.into_iter().zip(decisions(&world)) {
                let when = format!("{step:?}: {who} at {product}");
                prop_assert_eq!(before.on, after.on, "{}", when);
                if before.reason == Reason::Active {
                    prop_assert_eq!(after.reason, Reason::Active, "{}", when);
                    prop_assert_eq!(after.requirement >= Requirement::SecondStep, after.on || is_enforced(&after), "{}", when);
                    let since = before.required_since.second_step.filter(|_| before.on);
                    let here = world.people[who].ledger.iter().filter(|entry| entry.product == before.product);
                    let own = here.filter_map(|entry| entry.active_since).min().max(world.people[who].two_step_since);
                    if let (Some(since), Some(own)) = (since, own) {
                        let now = after.required_since.second_step;
                        prop_assert!(now.is_some_and(|now| now <= since.max(own)), "{}: {:?}, then {:?}", when, before, after);
                    }
                }
            }
        }
    }

    /// Where a ladder is enforced, an account without a factor enrolls in the sign-in, whatever became of the rollout.
    #[test]
    fn inv_43_who_must_have_two_step_can_enroll((beginning, moves) in climbs()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            world.make(step, &model);
            model.make(step);
            for (who, product, decision) in decisions(&world) {
                if !is_enforced(&decision) {
                    continue;
                }
                let when = format!("{step:?}: {who} at {product}: {decision:?}");
                let way = if world.people[who].methods.is_empty() { Way::None } else { Way::Factor };
                let (requirement, trust) = (decision.requirement, Trusted::No);
                let begun = Situation { requirement, level: Level::Aal1, trust, network: Network::Accepted, way };
                let leads = if way == Way::None { SignInState::PendingEnrollment } else { SignInState::PendingChallenge };
                prop_assert_eq!(sign_in::next(begun), leads, "{}", when);
                // Two-step that is not visible cannot be set up.
                prop_assert!(decision.visible && decision.rollout.is_some(), "{}", when);
                prop_assert!(decision.methods.contains(&Method::Totp), "{}", when);
                prop_assert_eq!(decision.missing.is_empty(), decision.on || world.people[who].email_verified);
            }
        }
    }

    /// A ladder that is removed and set again is another one: every account has as much time as one that never met it. Only
    /// what support gave is kept.
    #[test]
    fn a_ladder_that_comes_back_gives_whole_grace((beginning, moves) in climbs(), which in 0..ROLLOUTS) {
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            world.make(step, &model);
            model.make(step);
        }
        let rules = moves.iter().find_map(|step| match step {
            Move::SetLadder(_, rules) if !rules.is_empty() => Some(rules.clone()),
            _ => None,
        });
        let rules = rules.unwrap();
        for step in [Move::SetLadder(which, Vec::new()), Move::SetLadder(which, rules)] {
            world.make(&step, &model);
            model.make(&step);
        }
        let mut fresh = world.clone();
        for entry in fresh.people.iter_mut().flat_map(|person| &mut person.ledger) {
            if entry.rollout == world.rollouts[which].key {
                let support = (entry.marks.extension, entry.marks.exempt_until);
                entry.marks = tidegate_core::LadderMarks::default();
                (entry.marks.extension, entry.marks.exempt_until) = support;
            }
        }
        // Both meet the same future.
        for step in [Move::Wait(1), Move::Wait(7), Move::Wait(30)].into_iter().chain(told_everywhere()) {
            prop_assert_eq!(decisions(&world), decisions(&fresh), "before {:?}", step);
            world.make(&step, &model);
            fresh.make(&step, &model);
            model.make(&step);
        }
        prop_assert_eq!(decisions(&world), decisions(&fresh));
    }
}

/// Every account signs in everywhere, skips, and waits for a day.
fn told_everywhere() -> impl Iterator<Item = Move> {
    Model::everywhere().flat_map(|(who, product)| {
        [Move::Act(who, product, Act::SignIn), Move::Act(who, product, Act::Skip), Move::Wait(1)]
    })
}

/// The properties would hold trivially if the histories never met their cases.
#[test]
fn the_histories_of_ladders_meet_what_the_properties_are_about() {
    let mut runner = TestRunner::new(super::cases(150));
    let mut met = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..100 {
        let (beginning, moves) = climbs().new_tree(&mut runner).unwrap().current();
        let (mut world, mut model) = begin(&beginning);
        for step in &moves {
            let before = decisions(&world);
            let done = world.make(step, &model);
            model.make(step);
            let after = decisions(&world);
            let any = |holds: &dyn Fn(&Decision, &LadderDecision) -> bool| {
                after.iter().any(|(.., made)| made.ladder.as_ref().is_some_and(|ladder| holds(made, ladder)))
            };
            let enforced = before.iter().any(|(.., made)| is_enforced(made));
            let removes = matches!(step, Move::SetLadder(_, rules) if rules.is_empty());
            let held = matches!(step, Move::Step(Step::Rollout(_, Verb::Pause | Verb::Stop)));
            let cases = [
                ("enforced", any(&|_, ladder| ladder.enforced)),
                ("locked", any(&|_, ladder| ladder.enforced && ladder.rung == Rung::Locked)),
                ("held", any(&|_, ladder| ladder.held)),
                (
                    "in grace",
                    any(&|_, ladder| !ladder.enforced && !ladder.held && ladder.enroll_by.is_some()),
                ),
                ("excused", any(&|_, ladder| ladder.exempt_until.is_some())),
                ("skipped", any(&|_, ladder| ladder.skipped_until.is_some())),
                ("postponable", any(&|_, ladder| ladder.postponable_until.is_some())),
                ("by the ladder", any(&|made, _| made.reason == Reason::Ladder)),
                ("acts and enforced", any(&|made, ladder| made.reason == Reason::Active && ladder.enforced)),
                ("held while enforced", held && done && enforced),
                ("removed while enforced", removes && done && enforced),
                ("enrolled", done && matches!(step, Move::Act(_, _, Act::Enroll))),
                ("postponed", done && matches!(step, Move::Act(_, _, Act::Postpone))),
                ("extended", done && matches!(step, Move::Act(_, _, Act::Extend(..)))),
                ("exemption ended", done && matches!(step, Move::Act(_, _, Act::EndExemption(_)))),
            ];
            for (case, is) in cases {
                *met.entry(case).or_default() += usize::from(is);
            }
        }
    }
    let rare: Vec<_> = met.iter().filter(|(_, times)| **times < 2).collect();
    assert!(rare.is_empty(), "{rare:?} of {met:?}");
}
