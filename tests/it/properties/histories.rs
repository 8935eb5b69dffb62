//! Histories: rollouts that go on while an account is shown the feature, switches it on and signs in.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};
use tidegate_core::{
    AccountId, Edge, LedgerEntry, Ordinal, ProductKey, Reason, Requirement, Revision, Rollout, Salt, Session,
    Span, Standing, Timestamp, Wave, WaveState,
};
use tidegate_rollout::{bucket, decide, reauth, waves};
use uuid::Uuid;

use super::decisions::{PRODUCTS, edge, key, product};

const ROLLOUTS: [&str; 2] = ["first", "second"];

/// One thing that happens, an hour after the one before.
#[derive(Debug, Clone)]
enum Step {
    AddWave(usize, Edge, Vec<&'static str>),
    Start(usize),
    Advance(usize),
    /// The feature is shown to the account, if it is there to be shown.
    Show(&'static str),
    SwitchOn,
    /// The account signs in: from the first time that asks for a second step, two-step is active there.
    SignIn(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = || 0..ROLLOUTS.len();
    let step = prop_oneof![
        2 => (which(), edge(), subsequence(PRODUCTS, 0..=PRODUCTS.len())).prop_map(|(n, edge, named)| Step::AddWave(n, edge, named)),
        1 => which().prop_map(Step::Start),
        3 => which().prop_map(Step::Advance),
        2 => select(PRODUCTS).prop_map(Step::Show),
        1 => Just(Step::SwitchOn),
        2 => select(PRODUCTS).prop_map(Step::SignIn),
    ];
    vec(step, 1..40)
}

struct World {
    now: Timestamp,
    rollouts: Vec<Rollout>,
    standing: Standing,
}

impl World {
    fn new(account: u128, salts: [[u8; 16]; 2]) -> Self {
        let now = Timestamp::from_rfc3339("2021-12-06T00:00:00Z").unwrap();
        let rollouts = ROLLOUTS.iter().zip(salts).map(|(name, salt)| Rollout {
            key: key(name),
            title: "Two-step".parse().unwrap(),
            products: PRODUCTS.iter().map(|name| name.parse().unwrap()).collect(),
            salt: Salt(salt),
            waves: Vec::new(),
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        });
        let account = AccountId::from_uuid(Uuid::from_u128(account));
        let standing = Standing { account, email_verified: true, two_step_since: None, ledger: Vec::new() };
        Self { now, rollouts: rollouts.collect(), standing }
    }

    fn decide(&self, name: &str) -> tidegate_core::Decision {
        decide(&product(name), &self.rollouts, &self.standing, self.now)
    }

    fn take(&mut self, step: &Step) {
        self.now = self.now.plus(Span::hours(1));
        match step {
            Step::AddWave(which, edge, named) => {
                let waves = &mut self.rollouts[*which].waves;
                let ordinal = Ordinal(u32::try_from(waves.len()).unwrap() + 1);
                let products = named.iter().map(|name| name.parse().unwrap()).collect();
                let (edge, title) = (*edge, "wave".parse().unwrap());
                waves.push(Wave {
                    ordinal,
                    title,
                    edge,
                    products,
                    state: WaveState::Draft,
                    started_at: None,
                });
            }
            // Where nothing can be started, nothing changes.
            Step::Start(which) => drop(waves::start(&mut self.rollouts[*which], self.now)),
            Step::Advance(which) => drop(waves::advance(&mut self.rollouts[*which], self.now)),
            Step::Show(name) => {
                let decision = self.decide(name);
                if let Some(rollout) = decision.rollout.filter(|_| decision.visible) {
                    let now = self.now;
                    self.entry(rollout, name).first_shown_at.get_or_insert(now);
                }
            }
            Step::SwitchOn => {
                self.standing.two_step_since.get_or_insert(self.now);
            }
            Step::SignIn(name) => {
                let decision = self.decide(name);
                let asked = decision.requirement != Requirement::None && decision.reason != Reason::Active;
                if let Some(rollout) = decision.rollout.filter(|_| asked) {
                    let now = self.now;
                    self.entry(rollout, name).active_since.get_or_insert(now);
                }
            }
        }
    }

    fn entry(&mut self, rollout: tidegate_core::RolloutKey, name: &str) -> &mut LedgerEntry {
        let product: ProductKey = name.parse().unwrap();
        let ledger = &mut self.standing.ledger;
        let known = ledger.iter().position(|entry| entry.rollout == rollout && entry.product == product);
        let place = known.unwrap_or_else(|| {
            ledger.push(LedgerEntry { rollout, product, first_shown_at: None, active_since: None });
            ledger.len() - 1
        });
        &mut ledger[place]
    }
}

proptest! {
    #![proptest_config(super::cases(300))]

    /// Also where the edges of later waves fall: "staff 100 %, then everybody 1 %" is the commonest plan.
    #[test]
    fn whoever_is_reached_stays_reached(account: u128, salts: [[u8; 16]; 2], steps in steps()) {
        let mut world = World::new(account, salts);
        let mut reached: Vec<(usize, &str, Ordinal)> = Vec::new();
        for step in &steps {
            world.take(step);
            for (which, rollout) in world.rollouts.iter().enumerate() {
                let place = bucket::of_account(rollout.salt, world.standing.account);
                for name in PRODUCTS {
                    let now = waves::reaching(rollout, &name.parse().unwrap(), place).map(|wave| wave.ordinal);
                    let before = reached.iter().find(|(n, product, _)| (*n, *product) == (which, *name)).map(|(.., wave)| *wave);
                    prop_assert!(before.is_none() || before == now, "{:?}", step);
                    prop_assert!(now.is_none() || world.decide(name).visible);
                    if let (None, Some(wave)) = (before, now) {
                        reached.push((which, name, wave));
                    }
                }
            }
        }
    }

    #[test]
    fn inv_42_two_step_that_acts_is_asked_for_whatever_rollouts_do(account: u128, salts: [[u8; 16]; 2], steps in steps()) {
        let mut world = World::new(account, salts);
        for step in &steps {
            world.take(step);
            for name in PRODUCTS {
                let decision = world.decide(name);
                let entries = || world.standing.ledger.iter().filter(|entry| entry.product.as_str() == *name);
                if entries().any(|entry| entry.active_since.is_some()) {
                    prop_assert!(decision.requirement >= Requirement::SecondStep, "{:?}", step);
                    prop_assert_eq!(decision.reason, Reason::Active);
                }
                let ever = world.rollouts.iter().any(|rollout| {
                    let place = bucket::of_account(rollout.salt, world.standing.account);
                    waves::reaching(rollout, &decision.product, place).is_some()
                });
                prop_assert_eq!(decision.requirement >= Requirement::SecondStep, ever && decision.on, "{:?}", step);
            }
        }
    }

    /// Without its rollouts, whatever became of them.
    #[test]
    fn inv_42_two_step_that_acts_outlives_its_rollout(account: u128, salts: [[u8; 16]; 2], steps in steps()) {
        let mut world = World::new(account, salts);
        steps.iter().for_each(|step| world.take(step));
        let before: Vec<_> = PRODUCTS.iter().map(|name| world.decide(name)).collect();
        world.rollouts.clear();
        for before in before.into_iter().filter(|before| before.reason == Reason::Active) {
            let after = world.decide(before.product.as_str());
            prop_assert_eq!((after.requirement, after.reason), (before.requirement, Reason::Active));
        }
    }

    /// A session that must be made anew never gets more time, and one that has failed never comes back.
    #[test]
    fn inv_16_no_step_lets_a_session_live_longer(account: u128, salts: [[u8; 16]; 2], steps in steps()) {
        let mut world = World::new(account, salts);
        let mut ends: Vec<Option<Timestamp>> = vec![None; PRODUCTS.len()];
        let born = world.now;
        for step in &steps {
            world.take(step);
            for (name, end) in PRODUCTS.iter().zip(&mut ends) {
                let by = reauth::by(&world.decide(name), &session(account, name, born));
                prop_assert!(end.is_none_or(|end| by.is_some_and(|by| by <= end)), "{:?}: {:?}, then {:?}", step, end, by);
                *end = by;
            }
        }
    }
}

/// One that was made with a password alone.
fn session(account: u128, name: &str, at: Timestamp) -> Session {
    Session {
        id: tidegate_core::SessionId::from_uuid(Uuid::nil()),
        account: AccountId::from_uuid(Uuid::from_u128(account)),
        product: name.parse().unwrap(),
        device: None,
        proofs: Vec::new(),
        trusted: false,
        met: Requirement::None,
        created_at: at,
        last_used_at: at,
        idle: Span::days(30),
        expires_at: at.plus(Span::days(30)),
        end: None,
    }
}
