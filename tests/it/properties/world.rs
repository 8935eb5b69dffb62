//! One account and two rollouts, and what can happen to them.

use proptest::{collection::vec, prelude::*, sample::select};
use tidegate_core::{
    AccountId, Decision, Edge, LedgerEntry, Ordinal, ProductKey, Reason, Requirement, Revision, Rollout,
    RolloutKey, Salt, Span, Standing, Timestamp, Wave, WaveState,
};
use tidegate_rollout::{bucket, waves};
use uuid::Uuid;

use super::questions::{PRODUCTS, Question, edge, products};

const ROLLOUTS: [&str; 2] = ["first", "second"];

/// One thing that happens, an hour after the one before.
#[derive(Debug, Clone)]
pub(super) enum Step {
    AddWave(usize, Edge, Vec<ProductKey>),
    Start(usize),
    Advance(usize),
    /// The feature is shown to the account, if it is there to be shown.
    Show(&'static str),
    SwitchOn,
    /// The account signs in: from the first time that asks for a second step, two-step acts there.
    SignIn(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = || 0..ROLLOUTS.len();
    let add = (which(), edge(), products());
    let step = prop_oneof![
        2 => add.prop_map(|(which, edge, products)| Step::AddWave(which, edge, products)),
        1 => which().prop_map(Step::Start),
        3 => which().prop_map(Step::Advance),
        2 => select(PRODUCTS).prop_map(Step::Show),
        1 => Just(Step::SwitchOn),
        2 => select(PRODUCTS).prop_map(Step::SignIn),
    ];
    vec(step, 1..40)
}

/// A world at its beginning, and what happens in it.
pub(super) fn history() -> impl Strategy<Value = (World, Vec<Step>)> {
    let world =
        (any::<u128>(), any::<[[u8; 16]; 2]>()).prop_map(|(account, salts)| World::new(account, salts));
    (world, steps())
}

#[derive(Debug, Clone)]
pub(super) struct World(pub(super) Question);

impl World {
    fn new(account: u128, salts: [[u8; 16]; 2]) -> Self {
        let now = Timestamp::from_rfc3339("2021-12-06T00:00:00Z").unwrap();
        let rollouts = ROLLOUTS.iter().zip(salts).map(|(key, salt)| Rollout {
            key: key.parse().unwrap(),
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
        Self(Question { rollouts: rollouts.collect(), standing, now })
    }

    pub(super) fn decide(&self, name: &str) -> Decision {
        self.0.at(name)
    }

    /// The wave of each rollout that reaches the account at the product.
    pub(super) fn reaching(&self, name: &str) -> Vec<Option<Ordinal>> {
        let product = name.parse().unwrap();
        let place = |rollout: &Rollout| bucket::of_account(rollout.salt, self.0.standing.account);
        let reaching = |rollout| waves::reaching(rollout, &product, place(rollout)).map(|wave| wave.ordinal);
        self.0.rollouts.iter().map(reaching).collect()
    }

    pub(super) fn take(&mut self, step: &Step) {
        self.0.now = self.0.now.plus(Span::hours(1));
        let now = self.0.now;
        match step {
            Step::AddWave(which, edge, products) => self.add_wave(*which, *edge, products.clone()),
            // Where nothing can be started, nothing changes.
            Step::Start(which) => drop(waves::start(&mut self.0.rollouts[*which], now)),
            Step::Advance(which) => drop(waves::advance(&mut self.0.rollouts[*which], now)),
            Step::Show(name) => {
                let decision = self.decide(name);
                if let Some(rollout) = decision.rollout.filter(|_| decision.visible) {
                    self.entry(rollout, name).first_shown_at.get_or_insert(now);
                }
            }
            Step::SwitchOn => {
                self.0.standing.two_step_since.get_or_insert(now);
            }
            Step::SignIn(name) => {
                let decision = self.decide(name);
                let asked = decision.requirement != Requirement::None && decision.reason != Reason::Active;
                if let Some(rollout) = decision.rollout.filter(|_| asked) {
                    self.entry(rollout, name).active_since.get_or_insert(now);
                }
            }
        }
    }

    fn add_wave(&mut self, which: usize, edge: Edge, products: Vec<ProductKey>) {
        let waves = &mut self.0.rollouts[which].waves;
        let ordinal = Ordinal(u32::try_from(waves.len()).unwrap() + 1);
        let (title, state) = ("wave".parse().unwrap(), WaveState::Draft);
        waves.push(Wave { ordinal, title, edge, products, state, started_at: None });
    }

    fn entry(&mut self, rollout: RolloutKey, name: &str) -> &mut LedgerEntry {
        let product: ProductKey = name.parse().unwrap();
        let ledger = &mut self.0.standing.ledger;
        let known = ledger.iter().position(|entry| entry.rollout == rollout && entry.product == product);
        let place = known.unwrap_or_else(|| {
            ledger.push(LedgerEntry { rollout, product, first_shown_at: None, active_since: None });
            ledger.len() - 1
        });
        &mut ledger[place]
    }
}
