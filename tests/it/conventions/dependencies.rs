//! The rooms: who may import whom, and which outside library is named where.
//!
//! Tests are not looked at: they may name whatever they need.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// A room, and the rooms it may import.
const ROOMS: &[(&str, &str)] = &[
    ("core", ""),
    ("factors", "core"),
    ("rollout", "core"),
    ("keyring", "core"),
    ("store", "core"),
    ("service", "core factors rollout keyring store"),
    ("courier", "core keyring store"),
    ("proto", ""),
    ("grpc", "core service proto"),
    ("client", "core proto"),
    ("tidegate", "core factors rollout keyring store service courier proto grpc client"),
];

/// The guest list: an outside library, and the rooms that name it.
const GUESTS: &[(&str, &str)] = &[
    ("anyhow", "tidegate"),
    ("argon2", "keyring"),
    ("axum", "tidegate"),
    ("chacha20poly1305", "keyring"),
    ("clap", "tidegate"),
    ("deadpool", "store"),
    ("figment", "tidegate"),
    ("futures-util", "grpc"),
    ("getrandom", "tidegate"),
    ("hkdf", "keyring"),
    ("hmac", "keyring"),
    ("http", "client grpc"),
    ("icu_casemap", "core"),
    ("icu_normalizer", "core keyring"),
    ("idna", "core"),
    ("indicatif", "tidegate"),
    ("lettre", "courier"),
    ("mimalloc", "tidegate"),
    ("minijinja", "courier"),
    ("password-hash", "keyring"),
    ("prost", "grpc proto"),
    ("prost-build", "proto"),
    ("prost-reflect", "proto"),
    ("prost-types", "grpc proto"),
    ("protox", "proto"),
    ("qrcode", "factors"),
    ("quick_cache", "service"),
    ("rustix", "keyring"),
    ("rustls", "tidegate"),
    ("serde", "core courier service store tidegate"),
    ("serde_json", "core courier keyring service store tidegate"),
    ("sha2", "keyring rollout"),
    ("smallvec", "core service"),
    ("sqlx", "store"),
    ("strsim", "tidegate"),
    ("subtle", "core"),
    ("tempfile", "tidegate"),
    ("thiserror", "client core courier factors grpc keyring service store"),
    ("time", "core courier store"),
    ("tokio", "client courier grpc keyring service store tidegate"),
    ("tokio-stream", "client grpc"),
    ("tokio-util", "courier grpc service tidegate"),
    ("tonic", "client grpc proto tidegate"),
    ("tonic-health", "grpc"),
    ("tonic-prost", "proto"),
    ("tonic-prost-build", "proto"),
    ("tonic-reflection", "grpc"),
    ("tonic-types", "client grpc"),
    ("totp-rs", "factors"),
    ("tower", "client grpc"),
    ("tracing", "courier grpc service store tidegate"),
    ("tracing-subscriber", "tidegate"),
    ("uuid", "core grpc service store tidegate"),
    ("zeroize", "core"),
];

/// Libraries that one room hides from all others; a line of the guest list never gets a second name.
const OWNED: &[(&str, &str)] = &[
    ("totp-rs", "factors"),
    ("qrcode", "factors"),
    ("quick_cache", "service"),
    ("argon2", "keyring"),
    ("smallvec", "core service"),
    ("sqlx", "store"),
    ("deadpool", "store"),
    ("lettre", "courier"),
    ("tonic-health", "grpc"),
    ("tonic-reflection", "grpc"),
    ("figment", "tidegate"),
    ("clap", "tidegate"),
];

/// Packages that are no rooms: they may name whatever they need.
const OUTSIDE: &[&str] = &["bench", "tests"];

fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--no-deps"]);
    let told = cargo.current_dir(super::sources::top()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// Room → what its manifest names outside tests.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let told = metadata();
    let word = |value: &Value| room(value["name"].as_str().unwrap()).to_owned();
    let packages = told["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| !OUTSIDE.contains(&word(package).as_str()));
    let named = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|one| one["kind"] != "dev").map(word).collect()
    };
    packages.map(|package| (word(package), named(package))).collect()
}

fn room(package: &str) -> &str {
    package.strip_prefix("tidegate-").unwrap_or(package)
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

/// The first command of the README names no program.
#[test]
fn cargo_run_finds_one_program() {
    let told = metadata();
    let meant = told["workspace_default_members"].as_array().unwrap();
    let packages =
        told["packages"].as_array().unwrap().iter().filter(|package| meant.contains(&package["id"]));
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let programs = targets.filter(|target| target["kind"].as_array().unwrap().contains(&"bin".into()));
    assert_eq!(programs.map(|program| program["name"].as_str().unwrap()).collect::<Vec<_>>(), ["tidegate"]);
}

#[test]
fn every_room_imports_only_what_its_row_allows() {
    let manifests = manifests();
    let known: BTreeSet<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(manifests.keys().cloned().collect::<BTreeSet<_>>(), known);
    for (room, may) in ROOMS {
        let rooms = manifests[*room].iter().filter(|name| is_room(name));
        let may: Vec<_> = may.split_whitespace().collect();
        let foreign: Vec<_> = rooms.filter(|name| !may.contains(&name.as_str())).collect();
        assert!(foreign.is_empty(), "{room} imports {foreign:?}");
    }
}

#[test]
fn every_outside_library_is_on_the_guest_list() {
    let mut guests = BTreeMap::<String, BTreeSet<String>>::new();
    for (room, named) in manifests() {
        for library in named.into_iter().filter(|name| !is_room(name)) {
            guests.entry(library).or_default().insert(room.clone());
        }
    }
    let found: BTreeSet<_> =
        guests.into_iter().map(|(library, rooms)| format!("{library}: {}", join(rooms))).collect();
    let listed = GUESTS.iter().map(|(library, rooms)| format!("{library}: {rooms}")).collect();
    let (new, gone): (Vec<_>, Vec<_>) =
        (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(new.is_empty() && gone.is_empty(), "not on the list: {new:?}; on the list in vain: {gone:?}");
}

#[test]
fn an_owned_library_has_one_room() {
    for (library, owner) in OWNED {
        assert!(GUESTS.contains(&(library, owner)), "{library} belongs to {owner} alone");
    }
    // Its server side is `grpc`'s; a manifest does not tell the sides apart.
    assert!(GUESTS.contains(&("tonic", "client grpc proto tidegate")));
}

fn join(rooms: BTreeSet<String>) -> String {
    rooms.into_iter().collect::<Vec<_>>().join(" ")
}
