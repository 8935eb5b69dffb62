//! The crates: which may import which, and which outside library is named where.
//!
//! Tests are left out: they may name any library that they need.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// A crate, and the crates it may import.
const CRATES: &[(&str, &str)] = &[
    ("core", ""),
    ("factors", "core"),
    ("rollout", "core"),
    ("keyring", "core"),
    ("metrics", ""),
    ("store", "core metrics"),
    ("service", "core factors rollout keyring metrics store"),
    ("courier", "core keyring metrics store"),
    ("proto", ""),
    ("grpc", "core metrics service proto"),
    ("client", "core proto"),
    ("tidegate", "core factors rollout keyring metrics store service courier proto grpc client"),
];

/// An outside library, and the crates that name it.
const ALLOWED_DEPENDENCIES: &[(&str, &str)] = &[
    ("aes-gcm", "courier"),
    ("anyhow", "tidegate"),
    ("argon2", "keyring"),
    ("axum", "tidegate"),
    ("base64", "client courier factors keyring tidegate"),
    ("chacha20poly1305", "keyring"),
    ("clap", "tidegate"),
    ("clap_complete", "tidegate"),
    ("deadpool", "store"),
    ("ed25519-dalek", "client factors"),
    ("email_address", "core"),
    ("figment", "tidegate"),
    ("futures-util", "courier grpc"),
    ("getrandom", "tidegate"),
    ("hkdf", "courier keyring"),
    ("hmac", "keyring"),
    ("http", "client grpc tidegate"),
    ("http-body", "client grpc"),
    ("h2", "grpc"),
    ("hyper", "grpc"),
    ("hyper-util", "grpc"),
    ("icu_casemap", "core"),
    ("icu_normalizer", "core keyring"),
    ("icu_properties", "core factors"),
    ("idna", "core"),
    ("indicatif", "tidegate"),
    ("jiff", "rollout"),
    ("jsonwebtoken", "courier"),
    ("lettre", "courier"),
    ("mimalloc", "tidegate"),
    ("minijinja", "courier"),
    ("opentelemetry", "tidegate"),
    ("opentelemetry-otlp", "tidegate"),
    ("opentelemetry_sdk", "tidegate"),
    ("p256", "courier factors keyring"),
    ("password-hash", "keyring"),
    ("prometheus-client", "metrics"),
    ("percent-encoding", "store"),
    ("prost", "client factors grpc proto tidegate"),
    ("prost-build", "proto"),
    ("prost-reflect", "proto tidegate"),
    ("prost-types", "grpc proto"),
    ("protox", "proto"),
    ("qrcode", "factors"),
    ("quick_cache", "service"),
    ("ratatui", "tidegate"),
    ("reqwest", "courier"),
    ("rlibphonenumber", "core"),
    ("rustix", "keyring tidegate"),
    ("rustls", "grpc tidegate"),
    ("saphyr", "tidegate"),
    ("serde", "core courier factors service store tidegate"),
    ("serde_json", "core courier factors keyring service store tidegate"),
    ("sha1", "keyring"),
    ("sha2", "courier factors keyring rollout"),
    ("smallvec", "core rollout service"),
    ("sqlx", "store"),
    ("strsim", "tidegate"),
    ("subtle", "core factors"),
    ("tempfile", "tidegate"),
    ("thiserror", "client core courier factors grpc keyring service store"),
    ("time", "core courier store"),
    ("tokio", "client courier grpc keyring service store tidegate"),
    ("tokio-rustls", "grpc"),
    ("tokio-stream", "client grpc"),
    ("tokio-util", "courier grpc service tidegate"),
    ("toml", "tidegate"),
    ("tonic", "client grpc proto tidegate"),
    ("tonic-health", "client grpc"),
    ("tonic-prost", "proto"),
    ("tonic-prost-build", "proto"),
    ("tonic-reflection", "grpc"),
    ("tonic-types", "client grpc"),
    ("totp-rs", "factors"),
    ("tower", "client grpc"),
    ("tracing", "courier grpc service store tidegate"),
    ("tracing-subscriber", "tidegate"),
    ("unicode-security", "core"),
    ("url", "core courier factors"),
    ("uuid", "core factors grpc service store tidegate"),
    ("webauthn-rs", "factors"),
    ("webauthn-rs-proto", "factors"),
    ("x509-parser", "grpc"),
    ("zeroize", "core factors"),
    ("zxcvbn", "keyring"),
];

/// Libraries that one crate hides from all others: a second crate must not name them.
const OWNED: &[(&str, &str)] = &[
    ("totp-rs", "factors"),
    ("webauthn-rs", "factors"),
    ("prometheus-client", "metrics"),
    ("qrcode", "factors"),
    ("quick_cache", "service"),
    ("argon2", "keyring"),
    ("zxcvbn", "keyring"),
    ("smallvec", "core rollout service"),
    ("sqlx", "store"),
    ("deadpool", "store"),
    ("jiff", "rollout"),
    ("lettre", "courier"),
    ("jsonwebtoken", "courier"),
    ("reqwest", "courier"),
    ("rlibphonenumber", "core"),
    ("unicode-security", "core"),
    ("tonic-health", "client grpc"),
    ("tonic-reflection", "grpc"),
    ("h2", "grpc"),
    ("hyper", "grpc"),
    ("hyper-util", "grpc"),
    ("tokio-rustls", "grpc"),
    ("x509-parser", "grpc"),
    ("figment", "tidegate"),
    ("clap", "tidegate"),
    ("saphyr", "tidegate"),
    ("toml", "tidegate"),
    ("ratatui", "tidegate"),
    ("opentelemetry", "tidegate"),
    ("opentelemetry-otlp", "tidegate"),
    ("opentelemetry_sdk", "tidegate"),
];

/// Packages of tests and benchmarks: they may name any library that they need.
const TEST_PACKAGES: &[&str] = &["bench", "fuzz", "tests"];

fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--no-deps"]);
    let told = cargo.current_dir(super::sources::top()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// Crate → what its manifest names outside tests.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let told = metadata();
    let word = |value: &Value| crate_name(value["name"].as_str().unwrap()).to_owned();
    let packages = told["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| !TEST_PACKAGES.contains(&word(package).as_str()));
    let named = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|one| one["kind"] != "dev").map(word).collect()
    };
    packages.map(|package| (word(package), named(package))).collect()
}

fn crate_name(package: &str) -> &str {
    package.strip_prefix("tidegate-").unwrap_or(package)
}

fn is_ours(name: &str) -> bool {
    CRATES.iter().any(|(crate_name, _)| *crate_name == name)
}

/// The first command of the README names no program, so that there must be only one.
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
fn every_crate_imports_only_what_its_row_allows() {
    let manifests = manifests();
    let known: BTreeSet<_> = CRATES.iter().map(|(crate_name, _)| (*crate_name).to_owned()).collect();
    assert_eq!(manifests.keys().cloned().collect::<BTreeSet<_>>(), known);
    for (crate_name, may) in CRATES {
        let crates = manifests[*crate_name].iter().filter(|name| is_ours(name));
        let may: Vec<_> = may.split_whitespace().collect();
        let foreign: Vec<_> = crates.filter(|name| !may.contains(&name.as_str())).collect();
        assert!(foreign.is_empty(), "{crate_name} imports {foreign:?}");
    }
}

#[test]
fn every_outside_library_is_on_the_list() {
    let mut named_by = BTreeMap::<String, BTreeSet<String>>::new();
    for (crate_name, named) in manifests() {
        for library in named.into_iter().filter(|name| !is_ours(name)) {
            named_by.entry(library).or_default().insert(crate_name.clone());
        }
    }
    let found: BTreeSet<_> =
        named_by.into_iter().map(|(library, crates)| format!("{library}: {}", join(crates))).collect();
    let listed =
        ALLOWED_DEPENDENCIES.iter().map(|(library, crates)| format!("{library}: {crates}")).collect();
    let (new, gone): (Vec<_>, Vec<_>) =
        (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(new.is_empty() && gone.is_empty(), "not on the list: {new:?}; on the list in vain: {gone:?}");
}

#[test]
fn an_owned_library_is_named_by_its_owner_only() {
    for (library, owner) in OWNED {
        assert!(ALLOWED_DEPENDENCIES.contains(&(library, owner)), "{library} belongs to {owner} alone");
    }
    // Only `grpc` uses its server side; a manifest does not tell the sides apart.
    assert!(ALLOWED_DEPENDENCIES.contains(&("tonic", "client grpc proto tidegate")));
}

fn join(crates: BTreeSet<String>) -> String {
    crates.into_iter().collect::<Vec<_>>().join(" ")
}
