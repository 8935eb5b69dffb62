//! The documents: every path they name is there, and the glossary's names are in the code.

use std::{fs, path::Path};

use super::{
    excused,
    sources::{self, Finding},
};

/// The documents that explain the code.
fn documents() -> Vec<(String, String)> {
    let read = |path: &str| (path.to_owned(), fs::read_to_string(sources::top().join(path)).unwrap());
    let mut documents = sources::files_ending("docs", &["md"]);
    documents
        .extend(["README.md", "crates/README.md", "charts/README.md", "charts/tidegate/README.md"].map(read));
    documents
}

#[test]
fn every_path_that_a_document_names_exists() {
    let found = documents().into_iter().flat_map(|(document, text)| {
        let folder = Path::new(&document).parent().unwrap().to_owned();
        let missing = named_paths(&text).into_iter().filter(move |(_, path)| {
            !sources::top().join(path).exists() && !sources::top().join(&folder).join(path).exists()
        });
        missing.map(move |(line, word)| Finding { path: document.clone(), line, word }).collect::<Vec<_>>()
    });
    excused(found.collect(), &[("README.md", "mail/", "a running server makes it")]);
    let count: usize = documents().iter().map(|(_, text)| named_paths(text).len()).sum();
    assert!(count > 100, "paths are found: {count}");
}

/// The last column of each row has paths in backticks, and names that must be in the code of these paths.
#[test]
fn the_names_of_the_glossary_are_in_the_code() {
    let text = fs::read_to_string(sources::top().join("docs/GLOSSARY.md")).unwrap();
    let rows: Vec<_> = text.lines().enumerate().filter(|(_, line)| line.starts_with("| **")).collect();
    assert!(rows.len() >= 30, "rows are found: {}", rows.len());
    let mut missing = Vec::new();
    for (number, row) in rows {
        let places = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let (paths, names): (Vec<_>, Vec<_>) = spans(places).into_iter().partition(|span| is_path(span));
        let code: String = paths.iter().map(|path| code_below(path)).collect();
        let absent = names.into_iter().filter(|name| sources::places("", &code, name).is_empty());
        missing.extend(absent.map(|name| format!("line {}: {name} is not in {paths:?}", number + 1)));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The last column of each row of the table has tests in backticks, by their modules, after the letter of where they are.
#[test]
fn the_tests_of_what_it_withstands_are_in_the_sources() {
    let text = fs::read_to_string(sources::top().join("docs/RESILIENCE.md")).unwrap();
    let heads = ["| what is done", "| ---"];
    let rows =
        text.lines().filter(|row| row.starts_with("| ") && !heads.iter().any(|head| row.starts_with(head)));
    let (mut missing, mut count) = (Vec::new(), 0);
    for row in rows {
        let tests = named_tests(row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap());
        count += tests.len();
        missing.extend(tests.is_empty().then(|| format!("no test: {row}")));
        let gone = tests.into_iter().filter(|(folder, test)| !is_test(folder, test));
        missing.extend(gone.map(|(folder, test)| format!("{test} is not in {folder}")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(count > 40, "tests are found: {count}");
}

/// The tests that a cell names, each with the folder of its modules.
fn named_tests(cell: &str) -> Vec<(&'static str, &str)> {
    let (mut folder, mut tests) = ("", Vec::new());
    let mut parts = cell.split('`');
    while let (Some(between), test) = (parts.next(), parts.next()) {
        folder = match between.trim().trim_start_matches(", ") {
            "P" => "crates/tidegate/tests/it",
            "A" => "tests/it",
            _ => folder,
        };
        tests.extend(test.map(|test| (folder, test)));
    }
    tests
}

/// Whether the module's file declares the function.
fn is_test(folder: &str, test: &str) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else { return false };
    let module = format!("{folder}/{}", module.replace("::", "/"));
    let source = [format!("{module}.rs"), format!("{module}/mod.rs")]
        .into_iter()
        .find_map(|path| fs::read_to_string(sources::top().join(path)).ok());
    source.is_some_and(|source| source.contains(&format!("fn {name}(")))
}

#[test]
fn a_named_test_is_told_from_one_that_is_gone() {
    let cell = " P `pulse::a`, `log::b_c`, A `wire::bounds::d` ";
    let (program, app) = ("crates/tidegate/tests/it", "tests/it");
    assert_eq!(named_tests(cell), [(program, "pulse::a"), (program, "log::b_c"), (app, "wire::bounds::d")]);
    let own = "conventions::documents::a_named_test_is_told_from_one_that_is_gone";
    assert!(is_test(app, own) && !is_test(app, "conventions::documents::gone") && !is_test(program, own));
}

/// The text of a file, or of all sources below a folder.
fn code_below(path: &str) -> String {
    let place = sources::top().join(path);
    if place.is_dir() {
        sources::files_ending(path, &["rs", "proto"]).into_iter().map(|(_, text)| text).collect()
    } else {
        fs::read_to_string(&place).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Paths in backticks and in links, outside of blocks of code, each with its line.
fn named_paths(text: &str) -> Vec<(usize, String)> {
    let (mut paths, mut fenced) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.starts_with("```");
        if fenced || line.starts_with("    ") {
            continue;
        }
        let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
        let named = spans(line).into_iter().filter(|span| is_path(span)).chain(links);
        paths.extend(named.map(|path| (number + 1, path.to_owned())));
    }
    paths
}

/// What stands in backticks.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Whether the text is a path of the repository, and not a URL's path, a pattern or `Service/Method`.
fn is_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let sources = [".rs", ".md", ".proto", ".toml", ".sql", ".lock"];
    let ends = sources.iter().any(|ending| span.len() > ending.len() && span.ends_with(ending));
    let begins = span.starts_with(|c: char| c.is_ascii_lowercase() || c == '.');
    plain && (ends || begins && span.contains('/'))
}

#[test]
fn paths_are_told_from_everything_else_in_a_text() {
    let text = "See `core/src/lib.rs` or [it](../README.md#call), `/healthz`, `a/<noun>/`, `lib.rs`, `S/M`, `App::act`.\n\
        ```\n`x/y`\n```\n    `x/y`\n[there](https://example.com/a)\n";
    let named: Vec<_> = named_paths(text).into_iter().map(|(_, path)| path).collect();
    assert_eq!(named, ["core/src/lib.rs", "lib.rs", "../README.md"]);
}
