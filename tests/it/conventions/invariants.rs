//! The list of invariants. `docs/INVARIANTS.md` names the tests that hold each one; the names are read from the
//! sources, so the list cannot promise a test that is gone. `UPDATE_EXPECT=1` renews the tests' lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use expect_test::expect_file;

use super::sources::{self, files_ending};

/// Invariants without a test, and why. The list may only shrink: an entry whose invariant has a test fails, and so
/// does an invariant that is neither here nor tested.
const UNTESTED: [(u32, &str); 5] = [
    (19, "not built yet: step-up, AuthorizeAction and grants"),
    (50, "not built yet: audit sinks and webhooks"),
    (55, "not built yet: team vaults"),
    (56, "not built yet: network checks"),
    (60, "not built yet: guardrails"),
];

const LIST: &str = "docs/INVARIANTS.md";
/// The tests of the invariant above stand between these two lines.
const BEGIN: &str = "<!-- tests -->";
const END: &str = "<!-- end of tests -->";

#[test]
fn the_list_names_the_tests_of_every_invariant() {
    let tests = tests();
    assert!(tests.values().map(BTreeSet::len).sum::<usize>() > 100, "tests are found");
    let idle: Vec<_> = UNTESTED.iter().filter(|(number, _)| tests.contains_key(number)).collect();
    assert!(idle.is_empty(), "these have tests, and need no excuse any more: {idle:?}");
    let list = fs::read_to_string(sources::top().join(LIST)).unwrap();
    expect_file![sources::top().join(LIST)].assert_eq(&renewed(&list, |number| {
        let untested = || UNTESTED.iter().find(|(other, _)| *other == number);
        match tests.get(&number) {
            Some(tests) => tests.iter().map(|(name, path)| format!("- `{name}` ({path})")).collect(),
            None => vec![untested().unwrap_or_else(|| panic!("nothing tests INV-{number}")).1.to_owned()],
        }
    }));
}

#[test]
fn every_invariant_that_is_named_stands_in_the_list() {
    let list = fs::read_to_string(sources::top().join(LIST)).unwrap();
    let listed: Vec<_> = list.lines().filter_map(headed).collect();
    assert_eq!(listed, (1..=60).collect::<Vec<_>>(), "each invariant once, in order");
    let mut texts: Vec<_> = ["crates", "tests", "proto", "migrations", "docs"]
        .into_iter()
        .flat_map(|folder| files_ending(folder, &["rs", "proto", "sql", "md", "txt"]))
        .collect();
    texts.push(("README.md".to_owned(), fs::read_to_string(sources::top().join("README.md")).unwrap()));
    let named = texts.iter().flat_map(|(path, text)| mentions(text).map(move |number| (path, number)));
    let unknown: Vec<_> = named.filter(|(_, number)| !listed.contains(number)).collect();
    assert!(unknown.is_empty(), "not in {LIST}: {unknown:?}");
}

/// By invariant: the names of its tests, and where they are declared.
fn tests() -> BTreeMap<u32, BTreeSet<(String, String)>> {
    let mut tests: BTreeMap<u32, BTreeSet<_>> = BTreeMap::new();
    for (path, text) in ["crates", "tests"].into_iter().flat_map(sources::files) {
        for name in text.lines().filter_map(declared) {
            let number = name.strip_prefix("inv_").and_then(|rest| rest.get(..3)?.strip_suffix('_'));
            let number = number.and_then(|digits| digits.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{path}: {name} must begin with inv_NN_"));
            tests.entry(number).or_default().insert((name.to_owned(), path.clone()));
        }
    }
    tests
}

/// The test that a line declares, in a macro or outside of one.
fn declared(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    Some(name).filter(|name| name.starts_with("inv_"))
}

/// The list with other tests between its markers.
fn renewed(list: &str, tests: impl Fn(u32) -> Vec<String>) -> String {
    let (mut lines, mut number, mut inside) = (Vec::new(), 0, false);
    for line in list.lines() {
        number = headed(line).unwrap_or(number);
        inside &= line != END;
        if !inside {
            lines.push(line.to_owned());
        }
        if line == BEGIN {
            inside = true;
            lines.extend(tests(number));
        }
    }
    lines.join("\n") + "\n"
}

/// The invariant whose paragraph a line begins: `**INV-7** …`.
fn headed(line: &str) -> Option<u32> {
    line.strip_prefix("**INV-")?.split_once("**")?.0.parse().ok()
}

/// The numbers after each `INV-`. `INV-nn` names none.
fn mentions(text: &str) -> impl Iterator<Item = u32> {
    let numbers = text.split("INV-").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    numbers.filter_map(|digits| digits?.parse().ok())
}

#[test]
fn the_tests_of_an_invariant_stand_between_its_markers() {
    let list = format!("**INV-7** A rule.\n\n{BEGIN}\n- gone\n{END}\n\nOn.\n");
    let renewed = renewed(&list, |number| vec![format!("- test of {number}")]);
    assert_eq!(renewed, format!("**INV-7** A rule.\n\n{BEGIN}\n- test of 7\n{END}\n\nOn.\n"));
    assert_eq!(declared("    async fn inv_07_all_or_nothing(server) {"), Some("inv_07_all_or_nothing"));
    assert_eq!(declared("    inv_07_all_or_nothing,"), None);
    assert_eq!(mentions("(INV-7, INV-12) and INV-nn").collect::<Vec<_>>(), [7, 12]);
}
