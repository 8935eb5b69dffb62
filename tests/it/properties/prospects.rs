//! What is said of an account before it is created, and what is said of it right after.

use proptest::{collection::vec, option, prelude::*};
use tidegate_core::{Audience, During, Edge, LadderDecision, Span, Test, Timestamp, WaveState};
use tidegate_rollout::Prospect;

use super::{
    PRODUCTS,
    questions::{Question, dated_question},
    rules::near,
};

/// All instants at which anything may change lie before.
const END: Span = Span::days(400);

impl Question {
    /// What ladders say of an account that is created now, and the instant from which on they say another thing.
    fn foretold(&self, name: &str) -> (Option<LadderDecision>, Option<Timestamp>) {
        let Self { rollouts, standing, now } = self;
        let prospect = Prospect { customer: standing.customer.clone(), country: standing.country.clone() };
        let answer = prospect.ask(&name.parse().unwrap(), rollouts.iter(), *now);
        (answer.ladder.map(|ladder| ladder.decision()), answer.next_change_at)
    }

    /// The same, without what moves with time alone.
    fn foretold_at(&self, name: &str, now: Timestamp) -> Option<LadderDecision> {
        let mut ladder = Self { now, ..self.clone() }.foretold(name).0?;
        ladder.enroll_by = ladder.enroll_by.filter(|_| !ladder.held);
        ladder.postponable_until = ladder.postponable_until.map(|_| Timestamp::MAX);
        Some(ladder)
    }

    /// The account was created a moment ago, and nothing has happened since.
    fn newborn(mut self) -> Self {
        let standing = &mut self.standing;
        standing.created_at = self.now;
        standing.email_verified = false;
        standing.two_step_since = None;
        standing.labels.clear();
        standing.methods.clear();
        standing.ledger.clear();
        standing.interest.clear();
        for rollout in &mut self.rollouts {
            rollout.allow.accounts.clear();
            rollout.deny.accounts.clear();
        }
        self
    }
}

/// The times of creation that a rule is for; `None`: it asks what it asked.
fn during() -> impl Strategy<Value = Option<During>> {
    option::of((near(), near())).prop_map(|times| {
        times.map(|(one, other)| During { from: Some(one), before: Some(other).filter(|other| one < *other) })
    })
}

proptest! {
    #![proptest_config(super::cases(800))]

    /// Except by rules that ask which accounts a wave has reached.
    #[test]
    fn a_new_account_gets_what_was_said_before(question in dated_question()) {
        let mut newborn = question.newborn();
        for rule in newborn.rollouts.iter_mut().flat_map(|rollout| &mut rollout.ladder) {
            rule.within_waves = false;
        }
        for name in PRODUCTS {
            prop_assert_eq!(newborn.at(name).ladder, newborn.foretold(name).0);
        }
    }

    /// No wave has reached it, whatever the waves are.
    #[test]
    fn waves_say_nothing_of_an_account_before_it_is_created(question in dated_question()) {
        let newborn = question.newborn();
        let with = |state, edge| {
            let mut changed = newborn.clone();
            for wave in changed.rollouts.iter_mut().flat_map(|rollout| &mut rollout.waves) {
                (wave.state, wave.edge, wave.audience) = (state, edge, None);
            }
            changed
        };
        let (drafts, full) = (with(WaveState::Draft, Edge::default()), with(WaveState::Live, Edge::try_from(1_000_000).unwrap()));
        for name in PRODUCTS {
            let foretold = newborn.foretold(name);
            prop_assert_eq!(&foretold, &drafts.foretold(name));
            prop_assert_eq!(&foretold, &full.foretold(name));
            prop_assert_eq!(foretold.0, drafts.at(name).ladder);
        }
    }

    /// Some rules are for accounts by the instant of their creation, which moves on with the time.
    #[test]
    fn inv_41_what_is_said_before_stays_until_the_instant_that_it_names(
        question in dated_question(), created in vec(during(), 5), others in vec(near(), 12),
    ) {
        let mut question = question;
        for rollout in &mut question.rollouts {
            for (rule, during) in rollout.ladder.iter_mut().zip(&created) {
                if let Some(during) = during {
                    rule.audience = Some(Audience::Test(Test::AccountCreated(*during)));
                }
            }
        }
        for name in PRODUCTS {
            let (now, before) = (question.now, question.foretold_at(name, question.now));
            let next = question.foretold(name).1;
            let until = next.unwrap_or_else(|| now.plus(END));
            prop_assert!(until > now);
            let within = others.iter().copied().filter(|at| now < *at && *at < until);
            let halfway = now.plus(Span::from_micros(until.since(now).micros() / 2));
            for at in within.chain([halfway, until.minus(Span::from_micros(1))]) {
                prop_assert_eq!(&before, &question.foretold_at(name, at), "at {}", at);
            }
            let then = question.foretold_at(name, until);
            prop_assert_eq!(before == then, next.is_none(), "at {}", until);
        }
    }
}
