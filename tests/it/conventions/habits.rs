//! Habits of the app that a reader would otherwise have to look for.

use super::{
    excused,
    sources::{self, in_code},
};

/// A file that passes this wants another noun.
const LONGEST: usize = 500;

#[test]
fn nothing_panics_on_purpose_outside_tests() {
    let words = [
        ".unwrap()",
        ".unwrap_err()",
        ".expect(",
        ".expect_err(",
        "panic!",
        "todo!",
        "unimplemented!",
        "unreachable!",
        "dbg!",
        "process::exit",
        "process::abort",
    ];
    excused(
        in_code(&sources::of(&sources::rooms()), &words),
        &[("crates/tidegate/src/ambient.rs", "panic!", "without a random source nothing may go on")],
    );
}

#[test]
fn no_file_is_too_long() {
    let files = ["bench", "crates", "tests"].into_iter().flat_map(sources::files);
    let lengths = files.map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "{long:?}");
}
