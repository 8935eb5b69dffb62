//! The steps of a history: verbs on rollouts, and actions and changes of accounts.

use std::ops::Range;

use proptest::{
    bool,
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::{
    PRODUCTS,
    crowd::{Crowd, crowd},
};

pub(super) type Product = &'static str;

/// How many of each there are; steps name them by number.
pub(super) const ROLLOUTS: usize = 2;
pub(super) const PEOPLE: usize = 6;
pub(super) const CUSTOMERS: [&str; 2] = ["acme", "bolt"];

/// The last two are the same person.
pub(super) const APPROVERS: &[&str] = &["Ann", "Bob", "bob "];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Rollout(usize, Verb),
    Account(usize, Deed),
}

#[derive(Debug, Clone)]
pub(super) enum Verb {
    AddWave(Draft),
    /// Waves by their ordinals, from 1.
    UpdateWave(usize, Draft),
    RemoveWave(usize),
    Start,
    Advance,
    Pause,
    Resume,
    /// To the wave, at the products; none: at all.
    RollBack(usize, Vec<Product>),
    Archive,
    Unarchive,
    Stop,
    ClearStop(&'static str),
    Allow(Names),
    Deny(Names),
}

#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// An app asks what to show.
    Show(Product),
    /// Sets two-step up. An account that has a factor only switches it on again.
    SwitchOn(Product),
    SwitchOff(Product),
    SignIn(Product),
    Country(Option<&'static str>),
    Label(Option<&'static str>),
    Customer(Option<usize>),
    Verified(bool),
    Interest(Product),
}

#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) crowd: Option<Crowd>,
    pub(super) edge: u32,
    pub(super) products: Vec<Product>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) accounts: Vec<usize>,
    pub(super) customers: Vec<usize>,
}

/// What a history begins with.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    pub(super) salts: [[u8; 16]; ROLLOUTS],
    pub(super) by_customer: [bool; ROLLOUTS],
    pub(super) holdouts: [u32; ROLLOUTS],
    pub(super) accounts: [u128; PEOPLE],
    pub(super) customers: [u128; CUSTOMERS.len()],
}

/// Most histories begin with a wave that is started, so that later steps find something to change.
pub(super) fn history() -> impl Strategy<Value = (Beginning, Vec<Step>)> {
    let steps = (first_waves(0..4), vec(step(), 1..36));
    (beginning(), steps.prop_map(|(first, steps)| first.into_iter().chain(steps).collect()))
}

/// Most steps are about stops.
pub(super) fn held_history() -> impl Strategy<Value = (Beginning, Vec<Step>)> {
    let verb = prop_oneof![
        4 => select(APPROVERS).prop_map(Verb::ClearStop),
        2 => Just(Verb::Stop),
        1 => Just(Verb::Pause),
        1 => names().prop_map(Verb::Allow),
        1 => draft().prop_map(Verb::AddWave),
    ];
    let held = (0..ROLLOUTS, verb).prop_map(|(which, verb)| Step::Rollout(which, verb));
    let steps = (first_waves(0..4), vec(prop_oneof![2 => held, 1 => step()], 1..36));
    (beginning(), steps.prop_map(|(first, steps)| first.into_iter().chain(steps).collect()))
}

pub(super) fn first_waves(count: Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    vec((0..ROLLOUTS, draft()), count).prop_map(|drafts| {
        let begun = drafts.into_iter().flat_map(|(which, draft)| {
            [Verb::AddWave(draft), Verb::Start].map(|verb| Step::Rollout(which, verb))
        });
        begun.collect()
    })
}

pub(super) fn beginning() -> impl Strategy<Value = Beginning> {
    let holdout = || prop_oneof![3 => Just(0), 1 => 0..=500_000_u32];
    let all = (
        any::<[[u8; 16]; 2]>(),
        any::<[bool; 2]>(),
        [holdout(), holdout()],
        any::<[u128; 6]>(),
        any::<[u128; 2]>(),
    );
    all.prop_map(|(salts, by_customer, holdouts, accounts, customers)| Beginning {
        salts,
        by_customer,
        holdouts,
        accounts,
        customers,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..ROLLOUTS, verb()).prop_map(|(which, verb)| Step::Rollout(which, verb)),
        4 => (who(), deed()).prop_map(|(who, deed)| Step::Account(who, deed)),
    ]
}

/// Some accounts take part in more steps than others.
fn who() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..PEOPLE, 2 => 1..3_usize]
}

fn verb() -> impl Strategy<Value = Verb> {
    let ordinal = || 1..5_usize;
    prop_oneof![
        6 => draft().prop_map(Verb::AddWave),
        1 => (ordinal(), draft()).prop_map(|(ordinal, draft)| Verb::UpdateWave(ordinal, draft)),
        1 => ordinal().prop_map(Verb::RemoveWave),
        5 => Just(Verb::Start),
        5 => Just(Verb::Advance),
        1 => Just(Verb::Pause),
        2 => Just(Verb::Resume),
        3 => (0..3_usize, roll_back_products()).prop_map(|(to, at)| Verb::RollBack(to, at)),
        1 => Just(Verb::Archive),
        1 => Just(Verb::Unarchive),
        1 => Just(Verb::Stop),
        3 => select(APPROVERS).prop_map(Verb::ClearStop),
        2 => names().prop_map(Verb::Allow),
        1 => names().prop_map(Verb::Deny),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let product = || select(PRODUCTS);
    prop_oneof![
        6 => product().prop_map(Deed::Show),
        3 => product().prop_map(Deed::SwitchOn),
        1 => product().prop_map(Deed::SwitchOff),
        5 => product().prop_map(Deed::SignIn),
        1 => option::of(select(&["DE", "FR"][..])).prop_map(Deed::Country),
        1 => option::of(select(&["gold", "free"][..])).prop_map(Deed::Label),
        1 => option::of(0..CUSTOMERS.len()).prop_map(Deed::Customer),
        1 => bool::weighted(0.7).prop_map(Deed::Verified),
        1 => product().prop_map(Deed::Interest),
    ]
}

pub(super) fn draft() -> impl Strategy<Value = Draft> {
    let products = subsequence(PRODUCTS, 0..PRODUCTS.len());
    (option::weighted(0.4, crowd()), edge(), products).prop_map(|(crowd, edge, products)| Draft {
        crowd,
        edge,
        products,
    })
}

fn roll_back_products() -> impl Strategy<Value = Vec<Product>> {
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(PRODUCTS, 1..PRODUCTS.len())]
}

/// The two ends come more often than by chance.
pub(super) fn edge() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0), 3 => Just(1_000_000), 4 => 0..=1_000_000_u32]
}

fn names() -> impl Strategy<Value = Names> {
    let some = (vec(0..PEOPLE, 0..3), vec(0..CUSTOMERS.len(), 0..2));
    some.prop_map(|(accounts, customers)| Names { accounts, customers })
}
