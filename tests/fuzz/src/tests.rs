//! The tests of the engine itself.

use std::cell::RefCell;

use crate::fuzz;

#[test]
fn every_example_and_the_same_inputs_are_tested_in_every_run() {
    let run = || {
        let seen = RefCell::new(Vec::new());
        fuzz!(200, ["{\"one\": 1}", "two"], |input| seen.borrow_mut().push(input.to_vec()));
        seen.into_inner()
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert_eq!(first[..2], [b"{\"one\": 1}".to_vec(), b"two".to_vec()]);
    let mut different = first;
    different.sort();
    different.dedup();
    assert!(different.len() > 150, "{} different inputs", different.len());
}

#[test]
#[should_panic(expected = "a long input")]
fn a_target_that_fails_fails_its_test() {
    fuzz!(200, ["0123456789"], |input| assert!(input.len() < 30, "a long input"));
}
