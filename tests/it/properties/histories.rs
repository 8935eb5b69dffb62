//! Histories: rollouts change while people are shown the feature, switch it on, sign in, and change their
//! attributes.

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use tidegate_core::{
    AccountId, Buckets, Decision, Reason, Requirement, Rollout, Session, SessionId, Span, Standing,
    Timestamp, Word as _,
};
use tidegate_rollout::{bucket, reauth};
use uuid::Uuid;

use super::{
    BEGINNING,
    model::{Answer, Model, REACHED, person},
    steps::{Deed, Product, ROLLOUTS, Step, Verb, held_history, history},
    world::{World, begin},
};

pub(super) fn told(decision: &Decision) -> Answer {
    let wave = decision.wave.filter(|_| decision.reason == Reason::Wave);
    Answer {
        reason: decision.reason.as_str(),
        visible: decision.visible,
        required: decision.requirement >= Requirement::SecondStep,
        rollout: decision.rollout.as_ref().map(ToString::to_string),
        wave: wave.map(|wave| usize::try_from(wave.0).unwrap()),
    }
}

fn decisions(world: &World) -> impl Iterator<Item = (usize, Product, Decision)> {
    Model::everywhere().map(|(who, product)| (who, product, world.decide(who, product)))
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn inv_41_the_rules_are_those_of_the_plain_model((beginning, steps) in history()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &steps {
            prop_assert_eq!(world.take(step), model.take(step), "{:?}", step);
            for (who, product, decision) in decisions(&world) {
                prop_assert_eq!(told(&decision), model.answer(who, product), "{:?}: {} at {}", step, who, product);
            }
        }
    }

    /// Another replica reads the same rows in another order, parses the rollouts from JSON, and computes the
    /// buckets itself.
    #[test]
    fn inv_41_replicas_with_the_same_revision_and_standing_agree((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        for step in &steps {
            world.take(step);
        }
        for (who, product, decision) in decisions(&world) {
            let mut other = world.question(who);
            let json = serde_json::to_string(&other.rollouts).unwrap();
            other.rollouts = serde_json::from_str::<Vec<Rollout>>(&json).unwrap();
            other.standing = forgetful(&other.standing);
            other.rollouts.reverse();
            other.standing.ledger.reverse();
            prop_assert_eq!(other.at(product), decision);
        }
    }

    #[test]
    fn inv_42_who_switched_it_on_is_asked_wherever_it_has_acted((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        for step in &steps {
            world.take(step);
            for (who, product, decision) in decisions(&world) {
                let mut here = world.people[who].ledger.iter().filter(|entry| entry.product.as_str() == product);
                if here.any(|entry| entry.active_since.is_some()) {
                    let asked = decision.requirement >= Requirement::SecondStep;
                    prop_assert_eq!((decision.reason, asked), (Reason::Active, decision.on), "{:?}", step);
                }
            }
        }
    }

    #[test]
    fn inv_42_two_step_that_acts_outlives_its_rollout((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        for step in &steps {
            world.take(step);
        }
        let before: Vec<_> = decisions(&world).filter(|(.., made)| made.reason == Reason::Active).collect();
        world.rollouts.clear();
        for (who, product, before) in before {
            let after = world.decide(who, product);
            prop_assert_eq!((after.requirement, after.reason), (before.requirement, Reason::Active));
        }
    }

    /// Edges, audiences, lists, attributes and every other verb leave an account reached that was shown the
    /// feature.
    #[test]
    fn only_a_roll_back_takes_back_what_was_shown((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        let mut shown = BTreeSet::new();
        for step in &steps {
            if let Step::Account(who, Deed::Show(product)) = step {
                let decision = world.decide(*who, product);
                let by_wave = matches!(decision.reason, Reason::Wave | Reason::Allowed);
                shown.extend(by_wave.then(|| (decision.rollout.unwrap(), decision.wave, *who, *product)));
            }
            let done = world.take(step);
            if let (Step::Rollout(which, Verb::RollBack(to, at)), true) = (step, done) {
                let stays = |wave| usize::try_from(wave).unwrap() <= *to;
                shown.retain(|(rollout, wave, _, product)| {
                    let elsewhere = !at.is_empty() && !at.contains(product);
                    *rollout != world.rollouts[*which].key || elsewhere || wave.is_some_and(|wave| stays(wave.0))
                });
            }
            for (_, _, who, product) in &shown {
                prop_assert!(world.decide(*who, product).visible, "{:?}: {} at {}", step, who, product);
            }
        }
    }

    /// What a rollout says of its state is another reason, and no other answer.
    #[test]
    fn inv_42_archiving_takes_nothing_from_an_account((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        for step in &steps {
            let answers = |world: &World| decisions(world).map(|(.., made)| {
                (made.visible, made.may_toggle, made.requirement, made.required_since)
            }).collect::<Vec<_>>();
            let before = answers(&world);
            world.take(step);
            if let Step::Rollout(_, Verb::Archive | Verb::Unarchive) = step {
                prop_assert_eq!(answers(&world), before, "{:?}", step);
            }
        }
    }

    #[test]
    fn inv_42_a_roll_back_at_a_product_changes_nothing_at_others((beginning, steps) in history()) {
        let (mut world, _) = begin(&beginning);
        for step in &steps {
            let revised = |made: Decision| Decision { revision: None, evaluated_at: BEGINNING, ..made };
            let others = |world: &World, at: &[Product]| {
                let others = decisions(world).filter(|(_, product, _)| !at.contains(product));
                others.map(|(.., made)| revised(made)).collect::<Vec<_>>()
            };
            let before = world.clone();
            world.take(step);
            if let Step::Rollout(_, Verb::RollBack(_, at)) = step && !at.is_empty() {
                prop_assert_eq!(others(&world, at), others(&before, at), "{:?}", step);
            }
        }
    }

    #[test]
    fn a_stop_holds_until_two_persons_clear_it((beginning, steps) in held_history()) {
        let (mut world, _) = begin(&beginning);
        let mut stops: [Option<BTreeSet<String>>; ROLLOUTS] = [None, None];
        let started = |world: &World, which: usize| {
            world.rollouts[which].waves.iter().filter(|wave| wave.is_started()).count()
        };
        for step in &steps {
            let (before, ran) = (world.clone(), world.take(step));
            if let (Step::Rollout(which, verb), true) = (step, ran) {
                match (&mut stops[*which], verb) {
                    (Some(agreed), Verb::ClearStop(by)) => drop(agreed.insert(person(by))),
                    (stop, Verb::Stop) => *stop = Some(BTreeSet::new()),
                    (Some(_), Verb::Pause) if before.rollouts[*which].paused_at.is_some() => {}
                    (Some(_), Verb::Archive) if before.rollouts[*which].archived_at.is_some() => {}
                    (Some(agreed), _) => agreed.clear(),
                    (None, _) => {}
                }
                stops[*which].take_if(|agreed| agreed.len() == 2);
            }
            for (which, stop) in stops.iter().enumerate() {
                let rollout = &world.rollouts[which];
                prop_assert_eq!(rollout.stop.is_some(), stop.is_some(), "{:?}", step);
                if stop.is_some() {
                    prop_assert!(started(&world, which) <= started(&before, which), "{:?}", step);
                    let new = |made: &Decision| matches!(made.reason, Reason::Wave | Reason::Allowed);
                    let mut its = decisions(&world).filter(|(.., made)| made.rollout.as_ref() == Some(&rollout.key));
                    prop_assert!(!its.any(|(.., made)| new(&made)), "{:?}", step);
                }
            }
        }
    }

    /// A bucket depends only on the salt and the unit. With the unit customer, an account takes its new
    /// customer's bucket.
    #[test]
    fn buckets_never_move((beginning, steps) in history()) {
        let (mut world, mut model) = begin(&beginning);
        for step in &steps {
            world.take(step);
            model.take(step);
            for (rollout, plan) in world.rollouts.iter().zip(&model.plans) {
                for (who, standing) in world.people.iter().enumerate() {
                    let (place, standing) = (plan.place(who, &model.people[who]), forgetful(standing));
                    prop_assert_eq!(bucket::of(rollout, &standing).number(), place, "{:?}", step);
                }
            }
        }
    }

    /// While the requirement stands, no step moves the time later by which a session must be authenticated
    /// again.
    ///
    /// A session that is used after every step keeps what it was told, without exception. One that was never used
    /// was told nothing. For it the requirement begins anew where the step ends what reached the account, and
    /// something that began later requires two-step from then on.
    #[test]
    fn inv_16_no_step_lets_a_session_live_longer((beginning, steps) in history()) {
        let (mut world, mut model) = begin(&beginning);
        let (mut used, unused) = (sessions(&world), sessions(&world));
        for step in &steps {
            let (was, reaching) = (ends(&world, &unused), reaches(&model));
            world.take(step);
            model.take(step);
            let told = ends(&world, &used);
            for (session, end) in used.iter_mut().zip(told) {
                let when = format!("{step:?}: {} at {}", session.account, session.product);
                let stays = session.reauth_by.zip(end).is_none_or(|(told, end)| end <= told);
                prop_assert!(stays, "{}: {:?}, then {:?}", when, session.reauth_by, end);
                session.reauth_by = end;
            }
            let both = was.into_iter().zip(ends(&world, &unused)).zip(reaching.iter().zip(reaches(&model)));
            for ((was, end), (before, after)) in both {
                let stays = was.zip(end).is_none_or(|(was, end)| end <= was);
                prop_assert!(stays || begins_anew(before, &after), "{:?}: {:?}, then {:?}", step, was, end);
            }
        }
    }
}

/// A session of every account at every product, made with a password alone.
fn sessions(world: &World) -> Vec<Session> {
    let at = |(who, product): (usize, Product)| session(world.people[who].account, product, world.now);
    Model::everywhere().map(at).collect()
}

/// When sessions must be authenticated again.
fn ends(world: &World, sessions: &[Session]) -> Vec<Option<Timestamp>> {
    let ends = Model::everywhere().zip(sessions).map(|((who, product), session)| {
        let decision = world.decide(who, product);
        reauth::by((decision.requirement, decision.required_since), session, Span::days(7))
    });
    ends.collect()
}

/// How a rollout reaches an account at a product, by the plain model: the reason, and the wave.
type Reaching = (&'static str, Option<usize>);

fn reaches(model: &Model) -> Vec<Vec<Reaching>> {
    let at = |(who, product)| (0..ROLLOUTS).map(|which| model.ask(who, which, product)).collect();
    Model::everywhere().map(at).collect()
}

/// Whether something that reached the account does not reach it any more. What was shown counts as the wave that showed it.
fn begins_anew(before: &[Reaching], after: &[Reaching]) -> bool {
    let ends = |(before, after): (&Reaching, &Reaching)| {
        REACHED.contains(&before.0) && before != after && after.0 != "shown"
    };
    before.iter().zip(after).any(ends)
}

/// The properties would hold trivially if the histories never met their cases.
#[test]
fn the_histories_meet_what_the_properties_are_about() {
    const HISTORIES: usize = 100;
    let mut runner = TestRunner::new(super::cases(300));
    let (mut active, mut shown, mut ended, mut kept) = (0, 0, 0, 0);
    for _ in 0..HISTORIES {
        let (beginning, steps) = history().new_tree(&mut runner).unwrap().current();
        let (mut world, _) = begin(&beginning);
        let sessions = sessions(&world);
        for step in &steps {
            if let Step::Account(who, Deed::Show(product)) = step {
                shown += usize::from(world.decide(*who, product).reason == Reason::Wave);
            }
            let was = ends(&world, &sessions);
            world.take(step);
            for (was, end) in was.into_iter().zip(ends(&world, &sessions)) {
                ended += usize::from(was.is_some() && end.is_some());
                // Sessions that were used keep an end that others lose.
                kept += usize::from(was.zip(end).is_some_and(|(was, end)| end > was));
            }
        }
        active += decisions(&world).filter(|(.., made)| made.reason == Reason::Active).count();
    }
    assert!(active >= 20 && shown >= 20 && ended >= 20 && kept >= 1, "{active} {shown} {ended} {kept}");
}

/// The same standing without the buckets that were computed before.
fn forgetful(standing: &Standing) -> Standing {
    Standing { buckets: Buckets::new(), ..standing.clone() }
}

/// A session that was made with a password alone.
fn session(account: AccountId, name: &str, at: Timestamp) -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::nil()),
        account,
        product: name.parse().unwrap(),
        device: None,
        proofs: Vec::new(),
        later_proofs: Vec::new(),
        trusted: false,
        met: Requirement::None,
        created_at: at,
        last_used_at: at,
        idle: Span::days(30),
        expires_at: at.plus(Span::days(30)),
        end: None,
        client: None,
        refresh: None,
        reauth_by: None,
    }
}
