//! Properties: what must hold for whatever comes, named after the invariants.
//!
//! The cases are the same in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for others.

mod decisions;
mod histories;
mod names;
mod places;
mod questions;
mod world;

use proptest::test_runner::{Config, RngSeed};

/// `count` cases, always the same, unless the environment says otherwise.
fn cases(count: u32) -> Config {
    let asked = Config::default();
    let (rng_seed, cases) = match asked.rng_seed {
        RngSeed::Random if asked.cases == 256 => (RngSeed::Fixed(20_211_206), count),
        seed => (seed, asked.cases),
    };
    Config { cases, rng_seed, failure_persistence: None, ..asked }
}
