//! The engine of `cargo test`: the inputs are the same in every run, so that a failure is seen again, and their number is
//! fixed, so that a slow machine tests as much as a fast one.
//!
//! bolero's own engine for tests draws other inputs in every run.

use std::{env, fmt, fs, path::PathBuf};

use bolero::generator::bolero_generator::driver::Options;
use bolero::{Engine, TargetLocation, Test, bolero_engine::Failure, bolero_engine::input::Bytes};

/// Multiplies the number of inputs.
const VARIABLE: &str = "TIDEGATE_FUZZ";
/// Bytes that choose one input: more than a script has.
const CHOSEN: usize = 192;

pub(crate) struct Repeatable {
    pub(crate) location: TargetLocation,
    pub(crate) runs: usize,
}

impl<T: Test<Value: fmt::Debug>> Engine<T> for Repeatable {
    type Output = ();

    fn run(self, mut test: T, options: Options) {
        #[expect(clippy::disallowed_methods, reason = "a test has no other settings")]
        let times = env::var(VARIABLE).map_or(1, |times| {
            times.parse().unwrap_or_else(|_| panic!("{VARIABLE} must be a whole number, not {times:?}"))
        });
        for path in files(&self.location) {
            let bytes = fs::read(&path).unwrap_or_default();
            check(&mut test, bytes, &options, &path.display());
        }
        for number in 0..self.runs.saturating_mul(times) {
            check(&mut test, chosen(self.location.item_path, number), &options, &format!("number {number}"));
        }
    }
}

fn check<T: Test<Value: fmt::Debug>>(
    test: &mut T,
    bytes: Vec<u8>,
    options: &Options,
    which: &impl fmt::Display,
) {
    bolero::bolero_engine::panic::set_hook();
    let forwards = bolero::bolero_engine::panic::forward_panic(false);
    let tested = test.test(&mut Bytes::new(&bytes, options));
    if let Err(error) = tested {
        let failure = test.shrink(bytes.clone(), None, options).unwrap_or_else(|| {
            let input = test.generate_value(&mut Bytes::new(&bytes, options));
            Failure { seed: None, error, input }
        });
        bolero::bolero_engine::panic::forward_panic(true);
        panic!("input {which} (made smaller): {failure}");
    }
    bolero::bolero_engine::panic::forward_panic(forwards);
}

/// What `cargo bolero` has found: inputs that failed once, and inputs that reach code that others do not.
fn files(location: &TargetLocation) -> Vec<PathBuf> {
    let folders = location
        .work_dir()
        .into_iter()
        .flat_map(|folder| ["crashes", "corpus"].map(|name| folder.join(name)));
    let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Bytes that depend on the target and the number alone.
fn chosen(target: &str, number: usize) -> Vec<u8> {
    let mut state = target.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    state ^= (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..CHOSEN / 8).flat_map(|_| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ n >> 31).to_be_bytes()
    });
    words.collect()
}
