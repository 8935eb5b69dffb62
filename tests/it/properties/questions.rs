//! The input of `decide`: rollouts, also impossible ones, and a standing.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use tidegate_core::{
    Approver, Decision, Edge, LinkUrl, Method, MethodPolicy, Named, Ordinal, Product, ProductKey,
    ProductSettings, Revision, RollBack, Rollout, RuleAsked, Salt, Standing, Stop, Timestamp, Title, Unit,
    Wave, WaveState, Word as _,
};
use tidegate_rollout::{decide, explain};

use super::{
    PRODUCTS,
    crowd::crowd,
    rules::{holds, ladder, near},
    standings::{ACCOUNTS, account, customer_key, standing},
    steps,
};

/// Some collations sort the second after the third.
pub(super) const ROLLOUTS: &[&str] = &["a", "a-b", "aa", "b"];

/// Everything that a decision depends on, except the product.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Sorted by key, as a server keeps them.
    pub(super) rollouts: Vec<Rollout>,
    pub(super) standing: Standing,
    pub(super) now: Timestamp,
}

impl Question {
    pub(super) fn at(&self, name: &str) -> Decision {
        decided(&self.rollouts, &self.standing, self.now, name)
    }

    /// The decision, the summary and the rules.
    pub(super) fn explained(&self, name: &str) -> (Decision, String, Vec<RuleAsked>) {
        let product = product(name);
        let told = explain(&product, &self.rollouts, &self.standing, self.now);
        (told.verdict.decision(), told.summary, told.rules)
    }
}

pub(super) fn decided(rollouts: &[Rollout], standing: &Standing, now: Timestamp, name: &str) -> Decision {
    decide(&product(name), rollouts.iter(), standing, now).decision()
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let all = (rollouts(), standing(), prop_oneof![instant(), near()]);
    all.prop_map(|(rollouts, standing, now)| Question { rollouts, standing, now })
}

/// At an instant near the dates of its ladders, and under fewer rollouts.
pub(super) fn dated_question() -> impl Strategy<Value = Question> {
    let some = subsequence(ROLLOUTS, 1..=3);
    let rollouts = some.prop_flat_map(|keys| keys.into_iter().map(rollout).collect::<Vec<_>>());
    let held = option::weighted(0.3, near());
    (rollouts, standing(), near(), held).prop_map(|(mut rollouts, standing, now, held)| {
        for (rollout, place) in rollouts.iter_mut().zip(0..) {
            // Holds that are open began in the past, except where a past instant is asked about.
            rollout.paused_at = held.filter(|_| place == 0);
            rollout.stop = None;
            if let Some(since) = rollout.paused_at {
                rollout.holds.retain(|hold| hold.until < since);
            }
        }
        Question { rollouts, standing, now }
    })
}

pub(super) fn product(key: &str) -> Product {
    let link_url = "https://kasa.example/confirm".parse::<LinkUrl>().unwrap();
    let settings = ProductSettings::new(link_url, MethodPolicy::allowing([Method::Totp]));
    let (at, title) = (Timestamp::from_unix_micros(0), "Kasa".parse::<Title>().unwrap());
    let (key, revision) = (key.parse().unwrap(), Revision::FIRST);
    Product { key, title, settings, revision, created_at: at, updated_at: at }
}

pub(super) fn products() -> impl Strategy<Value = Vec<ProductKey>> {
    let some = subsequence(PRODUCTS, 0..=PRODUCTS.len());
    some.prop_map(|keys| keys.into_iter().map(|key| key.parse().unwrap()).collect())
}

fn edge() -> impl Strategy<Value = Edge> {
    steps::edge().prop_map(|ppm| Edge::try_from(ppm).unwrap())
}

pub(super) fn instant() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}

fn wave() -> impl Strategy<Value = Wave> {
    let state = proptest::sample::select(WaveState::ALL);
    let taken = prop_oneof![3 => Just(Vec::new()), 1 => products()];
    let all = (1..5_u32, option::of(crowd()), edge(), products(), state, option::of(instant()), taken);
    all.prop_map(|(ordinal, crowd, edge, products, state, started_at, taken_back)| {
        let (ordinal, title) = (Ordinal(ordinal), format!("step {ordinal}").parse().unwrap());
        let audience = crowd.map(|crowd| crowd.audience());
        let (planned_start, soak, gates) = (None, None, Vec::new());
        let taken_back = taken_back.into_iter().collect();
        Wave {
            ordinal,
            title,
            audience,
            edge,
            products,
            state,
            started_at,
            taken_back,
            planned_start,
            soak,
            gates,
        }
    })
}

fn named() -> impl Strategy<Value = Named> {
    let some = (subsequence(ACCOUNTS, 0..2), subsequence(&steps::CUSTOMERS[..], 0..2));
    some.prop_map(|(accounts, customers)| Named {
        accounts: accounts.into_iter().map(account).collect(),
        customers: customers.into_iter().map(customer_key).collect(),
        ..Named::default()
    })
}

fn stop() -> impl Strategy<Value = Stop> {
    (instant(), any::<bool>()).prop_map(|(since, asked)| {
        let cleared_by = asked.then(|| Approver::holder("Bob".parse().unwrap()));
        Stop { since, by: Approver::holder("Ann".parse().unwrap()), reason: None, cleared_by }
    })
}

fn roll_back() -> impl Strategy<Value = RollBack> {
    (1..9_i64, 0..4_u32, products()).prop_map(|(revision, to, products)| RollBack {
        revision: Revision(revision),
        to: Ordinal(to),
        products: products.into_iter().collect(),
    })
}

fn rollout(key: &'static str) -> impl Strategy<Value = Rollout> {
    let lines = (any::<[u8; 16]>(), any::<bool>(), prop_oneof![Just(0_u32), 0..=1_000_000_u32]);
    let switches = (
        option::weighted(0.3, instant()),
        option::weighted(0.3, stop()),
        vec(roll_back(), 0..3),
        option::weighted(0.1, instant()),
    );
    let steps = (vec(wave(), 0..5), ladder(), holds());
    let all = (products(), steps, lines, named(), named(), switches, 1..9_i64, instant());
    all.prop_map(
        move |(products, steps, (salt, by_customer, holdout), allow, deny, switches, revision, at)| {
            let (paused_at, stop, roll_backs, archived_at) = switches;
            let (waves, ladder, holds) = steps;
            Rollout {
                key: key.parse().unwrap(),
                title: format!("Two-step {key}").parse().unwrap(),
                products,
                unit: if by_customer { Unit::Customer } else { Unit::Account },
                salt: Salt(salt),
                holdout: Edge::try_from(holdout).unwrap(),
                allow,
                deny,
                waves,
                method: None,
                ladder,
                ladder_since: None,
                holds,
                paused_at,
                stop,
                roll_backs,
                advance_window: None,
                archived_at,
                revision: Revision(revision),
                created_at: at,
                updated_at: at,
            }
        },
    )
}

fn rollouts() -> impl Strategy<Value = Vec<Rollout>> {
    let some = subsequence(ROLLOUTS, 0..=ROLLOUTS.len());
    some.prop_flat_map(|keys| keys.into_iter().map(rollout).collect::<Vec<_>>())
}
