//! Properties that must hold for every generated input, named after the invariants.
//!
//! The cases are the same in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for others.

mod climbing;
mod climbs;
mod climbs_served;
mod crowd;
mod dates;
mod decisions;
mod histories;
mod ladder_model;
mod ladder_world;
mod model;
mod names;
mod places;
mod previews;
mod prospects;
mod questions;
mod rules;
mod served;
mod standings;
mod steps;
mod vendor;
mod world;

use proptest::test_runner::{Config, RngSeed};
use tidegate_core::{Method, Timestamp};

const PRODUCTS: &[&str] = &["kasa", "tapo", "deco"];
/// When histories begin: 6 December 2021.
const BEGINNING: Timestamp = Timestamp::from_unix_micros(1_638_748_800_000_000);

/// `count` cases, always the same, unless the environment says otherwise.
fn cases(count: u32) -> Config {
    let asked = Config::default();
    let (rng_seed, cases) = match asked.rng_seed {
        RngSeed::Random if asked.cases == 256 => (RngSeed::Fixed(20_211_206), count),
        seed => (seed, asked.cases),
    };
    Config { cases, rng_seed, failure_persistence: None, ..asked }
}

fn method(name: &str) -> Method {
    use tidegate_core::Word as _;
    Method::ALL.iter().copied().find(|method| method.as_str() == name).unwrap()
}
