//! Secrets leave `keyring` only sealed, digested, or as `Secret<T>` whose `Debug` prints nothing.

use std::fmt::Write as _;

use expect_test::expect;

use super::sources::{self, in_code};

const ROOMS: &[&str] = &["client", "core", "courier", "grpc", "proto", "rollout", "service", "store", "tidegate"];

/// What the compiler may do with a secret: nothing that writes it anywhere.
#[test]
fn a_secret_implements_nothing_that_shows_it() {
    let all = ROOMS.iter().chain(&["factors", "keyring"]).flat_map(|room| sources::room(room));
    let lines: Vec<_> = all.flat_map(|source| source.code.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let headers = lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("impl"));
    let of_secret = headers.filter(|line| ["for Secret", "> Secret", "for Token", "> Token {"].iter().any(|end| line.contains(end)));
    expect![[r#"
    "#]]
    .assert_eq(&of_secret.fold(String::new(), |text, line| text + line + "\n"));
    let derives = lines.windows(2).find(|two| two[1].starts_with("pub struct Secret<")).map(|two| two[0].clone());
    assert_eq!(derives.as_deref(), Some("#[derive(Clone)]"));
}

/// Where a secret is laid open, and how often. A new line here is for a reviewer to understand.
#[test]
fn every_place_that_lays_a_secret_open_is_known() {
    let sources: Vec<_> = ROOMS.iter().flat_map(|room| sources::room(room)).collect();
    let mut counts = String::new();
    for source in sources.iter().filter(|source| !source.path.ends_with("render.rs")) {
        let found = in_code(std::slice::from_ref(source), &[".expose()"]).len();
        if found > 0 {
            writeln!(counts, "{found} {}", source.path).unwrap();
        }
    }
    expect![[r#"
    "#]]
    .assert_eq(&counts);
}
