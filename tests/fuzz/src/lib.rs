//! Fuzz targets: what every decoder of foreign bytes is tested with.
//!
//! A target is an ordinary test beside the decoder, which calls [`fuzz!`]. An input is a valid example that was changed
//! (`mutation.rs`): random bytes alone hardly pass a decoder's first check. The same targets run in two ways:
//!
//! - `cargo test` runs the examples, the files below `__fuzz__`, and a fixed number of inputs, which are the same in every
//!   run. `TIDEGATE_FUZZ=100` runs a hundred times as many.
//! - `cargo bolero test` runs one target until it is stopped, and looks for inputs that reach new code (coverage).

#![expect(clippy::panic, reason = "a target fails like every other test")]

mod input;
mod mutation;
#[cfg(not(fuzzing))]
mod repeatable;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;

pub use bolero;
use bolero::{TargetLocation, TestTarget, generator::ValueGenerator as _};
pub use input::Input;

/// Bytes that choose the changes of one input.
const MAX_SCRIPT: usize = 96;

/// Runs a target: `fuzz!(runs, examples, |input| …)`. The examples are bytes or texts.
#[macro_export]
macro_rules! fuzz {
    ($runs:expr, $examples:expr, $test:expr) => {{
        let location = $crate::bolero::TargetLocation {
            package_name: env!("CARGO_PKG_NAME"),
            manifest_dir: env!("CARGO_MANIFEST_DIR"),
            module_path: module_path!(),
            file: file!(),
            line: line!(),
            item_path: $crate::bolero::__item_path__!(),
            test_name: None,
        };
        if location.should_run() {
            $crate::run(location, $runs, $examples, $test);
        }
    }};
}

/// Tests every example as it is, and then `runs` changed ones.
///
/// # Panics
///
/// If the target fails. The input is printed, with its number.
pub fn run<E: AsRef<[u8]>>(
    location: TargetLocation,
    runs: usize,
    examples: impl IntoIterator<Item = E>,
    mut test: impl FnMut(&Input),
) {
    let examples: Vec<_> = examples.into_iter().map(|example| example.as_ref().to_vec()).collect();
    for example in &examples {
        test(&Input::new(example.clone()));
    }
    let script = bolero::generator::produce::<Vec<u8>>().with().len(0..=MAX_SCRIPT);
    let inputs = script.map_gen(move |script| Input::new(mutation::mutated(&examples, &script)));
    // A failed target is not used again, so that nothing sees what a panic left half done.
    let mut test = AssertUnwindSafe(test);
    let test = move |input: &Input| {
        let test = &mut test;
        test(input);
    };
    #[cfg(fuzzing)]
    TestTarget::new(bolero::DefaultEngine::new(location)).with_generator(inputs).for_each(test);
    #[cfg(not(fuzzing))]
    TestTarget::new(repeatable::Repeatable { location, runs }).with_generator(inputs).for_each(test);
    let _ = runs;
}
