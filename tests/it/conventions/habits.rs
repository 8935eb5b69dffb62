//! Habits of the code on which a reader can rely.

use std::collections::BTreeMap;

use super::{
    excused,
    sources::{self, in_code},
};

/// A longer file should become two, each with a noun of its own.
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
        in_code(&sources::of(&sources::crates()), &words),
        &[("crates/tidegate/src/ambient.rs", "panic!", "without a random source nothing may go on")],
    );
}

#[test]
fn no_file_is_too_long() {
    let files = ["crates", "tests"].into_iter().flat_map(sources::files);
    let lengths = files.map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// A reader who meets a type's name knows which type it is. Types of tests count too.
#[test]
fn no_two_types_of_one_crate_share_a_name() {
    let mut places: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (path, text) in ["crates", "tests"].into_iter().flat_map(sources::files) {
        for name in text.lines().filter_map(declared_type) {
            places.entry((package(&path), name.to_owned())).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 500, "types are found: {}", places.len());
    let twice: Vec<_> = places.into_iter().filter(|(_, paths)| paths.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

/// The package that a source belongs to: unit tests belong to their crate, integration tests to one of their
/// own.
fn package(path: &str) -> String {
    let mut parts: Vec<_> = path.split('/').collect();
    let end = parts.iter().position(|part| ["src", "it"].contains(part)).unwrap_or(parts.len() - 1);
    parts.truncate(end);
    parts.join("/")
}

/// The name that a line declares. Associated types are indented and have none of their own.
fn declared_type(line: &str) -> Option<&str> {
    let indented = line.starts_with(' ');
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    let declares = ["struct", "enum", "trait", "union"].contains(&keyword) || keyword == "type" && !indented;
    let name = words.next().filter(|_| declares)?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
}
