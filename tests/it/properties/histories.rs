//! Histories: rollouts go on while an account is shown the feature, switches it on and signs in.

use proptest::prelude::*;
use tidegate_core::{AccountId, Reason, Requirement, Session, SessionId, Span, Timestamp};
use tidegate_rollout::reauth;
use uuid::Uuid;

use super::{questions::PRODUCTS, world::history};

proptest! {
    #![proptest_config(super::cases(300))]

    /// Also where edges fall: "staff 100 %, then everybody 1 %" is the commonest plan.
    #[test]
    fn whoever_is_reached_stays_reached((mut world, steps) in history()) {
        let mut before: Vec<_> = PRODUCTS.iter().map(|name| world.reaching(name)).collect();
        for step in &steps {
            world.take(step);
            for (name, before) in PRODUCTS.iter().zip(&mut before) {
                let now = world.reaching(name);
                for (before, now) in before.iter().zip(&now) {
                    prop_assert!(before.is_none() || before == now, "{:?}: {:?}, then {:?}", step, before, now);
                }
                prop_assert_eq!(world.decide(name).visible, now.iter().any(Option::is_some));
                *before = now;
            }
        }
    }

    #[test]
    fn inv_42_two_step_that_acts_is_asked_for_whatever_rollouts_do((mut world, steps) in history()) {
        for step in &steps {
            world.take(step);
            for name in PRODUCTS {
                let decision = world.decide(name);
                let mut here = world.0.standing.ledger.iter().filter(|entry| entry.product == decision.product);
                if here.any(|entry| entry.active_since.is_some()) {
                    prop_assert!(decision.requirement >= Requirement::SecondStep, "{:?}", step);
                    prop_assert_eq!(decision.reason, Reason::Active);
                }
                let reached = world.reaching(name).iter().any(Option::is_some);
                let asked = decision.requirement >= Requirement::SecondStep;
                prop_assert_eq!(asked, reached && decision.on, "{:?}", step);
            }
        }
    }

    #[test]
    fn inv_42_two_step_that_acts_outlives_its_rollout((mut world, steps) in history()) {
        for step in &steps {
            world.take(step);
        }
        let before: Vec<_> = PRODUCTS.iter().map(|name| world.decide(name)).collect();
        world.0.rollouts.clear();
        for before in before.into_iter().filter(|before| before.reason == Reason::Active) {
            let after = world.decide(before.product.as_str());
            prop_assert_eq!((after.requirement, after.reason), (before.requirement, Reason::Active));
        }
    }

    /// A session that must be made anew never gets more time, and one that has failed never comes back.
    #[test]
    fn inv_16_no_step_lets_a_session_live_longer((mut world, steps) in history()) {
        let mut ends: Vec<Option<Timestamp>> = vec![None; PRODUCTS.len()];
        let (account, born) = (world.0.standing.account, world.0.now);
        for step in &steps {
            world.take(step);
            for (name, end) in PRODUCTS.iter().zip(&mut ends) {
                let by = reauth::by(&world.decide(name), &session(account, name, born));
                let kept = end.is_none_or(|end| by.is_some_and(|by| by <= end));
                prop_assert!(kept, "{:?}: {:?}, then {:?}", step, end, by);
                *end = by;
            }
        }
    }
}

/// One that was made with a password alone.
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
    }
}
