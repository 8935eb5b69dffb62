//! What `decide` may be asked: rollouts and standings, possible or not.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use tidegate_core::{
    AccountId, Decision, Edge, LedgerEntry, LinkUrl, Method, Ordinal, Product, ProductKey, ProductSettings,
    Revision, Rollout, Salt, Span, Standing, Timestamp, Title, Wave, WaveState,
};
use tidegate_rollout::decide;
use uuid::Uuid;

pub(super) const PRODUCTS: &[&str] = &["kasa", "tapo", "deco"];
/// Not every database sorts the second before the third.
const ROLLOUTS: &[&str] = &["a", "a-b", "aa", "b"];

/// All but the product.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// By key, as they are remembered.
    pub(super) rollouts: Vec<Rollout>,
    pub(super) standing: Standing,
    pub(super) now: Timestamp,
}

impl Question {
    pub(super) fn at(&self, name: &str) -> Decision {
        decide(&product(name), &self.rollouts, &self.standing, self.now)
    }
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let all = (rollouts(), standing(), instant());
    all.prop_map(|(rollouts, standing, now)| Question { rollouts, standing, now })
}

fn product(key: &str) -> Product {
    let settings = ProductSettings {
        link_url: "https://kasa.example/confirm".parse::<LinkUrl>().unwrap(),
        allowed_methods: vec![Method::Totp],
        trusted_device: Span::days(30),
        session_idle: Span::hours(1),
        session_absolute: Span::hours(24),
    };
    let (at, title) = (Timestamp::from_unix_micros(0), "Kasa".parse::<Title>().unwrap());
    let (key, revision) = (key.parse().unwrap(), Revision::FIRST);
    Product { key, title, settings, revision, created_at: at, updated_at: at }
}

pub(super) fn products() -> impl Strategy<Value = Vec<ProductKey>> {
    let some = subsequence(PRODUCTS, 0..=PRODUCTS.len());
    some.prop_map(|keys| keys.into_iter().map(|key| key.parse().unwrap()).collect())
}

/// The ends more often than chance would.
pub(super) fn edge() -> impl Strategy<Value = Edge> {
    let ppm = prop_oneof![Just(0), Just(1_000_000), 0..=1_000_000_u32];
    ppm.prop_map(|ppm| Edge::try_from(ppm).unwrap())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}

fn wave() -> impl Strategy<Value = Wave> {
    let state = prop_oneof![Just(WaveState::Draft), Just(WaveState::Live), Just(WaveState::Done)];
    let all = (any::<u32>(), edge(), products(), state, option::of(instant()));
    all.prop_map(|(ordinal, edge, products, state, started_at)| {
        let (ordinal, title) = (Ordinal(ordinal), "wave".parse().unwrap());
        Wave { ordinal, title, edge, products, state, started_at }
    })
}

fn rollout(key: &'static str) -> impl Strategy<Value = Rollout> {
    let all = (products(), any::<[u8; 16]>(), vec(wave(), 0..5), any::<i64>(), instant());
    all.prop_map(move |(products, salt, waves, revision, at)| Rollout {
        key: key.parse().unwrap(),
        title: "Two-step".parse().unwrap(),
        products,
        salt: Salt(salt),
        waves,
        revision: Revision(revision),
        created_at: at,
        updated_at: at,
    })
}

fn rollouts() -> impl Strategy<Value = Vec<Rollout>> {
    let some = subsequence(ROLLOUTS, 0..=ROLLOUTS.len());
    some.prop_flat_map(|keys| keys.into_iter().map(rollout).collect::<Vec<_>>())
}

fn entry((rollout, product): (&'static str, &'static str)) -> impl Strategy<Value = LedgerEntry> {
    let all = (option::of(instant()), option::of(instant()));
    all.prop_map(move |(first_shown_at, active_since)| {
        let (rollout, product) = (rollout.parse().unwrap(), product.parse().unwrap());
        LedgerEntry { rollout, product, first_shown_at, active_since }
    })
}

fn ledger() -> impl Strategy<Value = Vec<LedgerEntry>> {
    let of = |rollout: &'static str| PRODUCTS.iter().map(move |product| (rollout, *product));
    let pairs: Vec<_> = ROLLOUTS.iter().flat_map(|rollout| of(rollout)).collect();
    subsequence(pairs, 0..6).prop_flat_map(|pairs| pairs.into_iter().map(entry).collect::<Vec<_>>())
}

fn standing() -> impl Strategy<Value = Standing> {
    let all = (any::<u128>(), any::<bool>(), option::of(instant()), ledger());
    all.prop_map(|(account, email_verified, two_step_since, ledger)| {
        let account = AccountId::from_uuid(Uuid::from_u128(account));
        Standing { account, email_verified, two_step_since, ledger }
    })
}
