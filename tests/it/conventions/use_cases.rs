//! Every use case, and every way into the app, is known to the tests of permissions.

use std::collections::BTreeSet;

use super::sources;
use crate::{test_server::TestServer, use_cases};

/// What an app does besides running use cases, and why it asks for no permission.
const WITHOUT_PERMISSION: &[(&str, &str)] = &[
    ("new", "makes an app"),
    ("cache_staleness", "a number for metrics"),
    ("close", "the program's own"),
    ("device_signal", "says only that something may have changed"),
    ("follow", "the program's own: what other replicas wrote"),
    ("identify", "finds the caller, whose permissions are known only then"),
    ("identify_again", "says of a caller only whether the credential is good"),
    ("incident", "draws a number"),
    ("incident_of", "draws a number, and notes that the database failed"),
    ("look_up", "numbers for metrics, of all realms"),
    ("metrics", "counts"),
    ("note_outage", "the program's own: that its work failed because of the database"),
    ("observed", "numbers for metrics"),
    ("purge_deleted", "the program's own: accounts that were deleted 30 days ago"),
    ("reads_all_documents", "readiness, of all realms"),
    ("readiness", "what the last pulse found, for readiness and health"),
    ("record_refusals", "the program's own: how often callers were refused"),
    ("send_resets", "the program's own: what owners who forgot their passwords wait for"),
    ("set_readiness", "the program's own: what a pulse found"),
    ("write_uses", "the program's own: when credentials were used last"),
];

/// These check the permission of the use case that they are given; `use_cases` tests them.
const WITH_PERMISSION: &[&str] = &["act", "ask", "cached_decisions", "cached_introspection", "show", "work"];

/// `impl Command for CreateAccount {` and the like, wherever it stands.
fn implemented() -> BTreeSet<String> {
    let sources = sources::of(&sources::crates());
    let impls = sources.iter().flat_map(|source| source.code.split("impl").skip(1));
    let heads = impls.filter_map(|rest| rest.split_once('{')).map(|(head, _)| head);
    let named = heads.filter_map(|head| head.split_once("Command for ").or(head.split_once("Query for ")));
    named.map(|(_, name)| name.trim().to_owned()).collect()
}

#[tokio::test]
async fn every_use_case_is_run_by_every_role() {
    let fixture = use_cases::Fixture::of(&TestServer::sqlite().await).await;
    let run = use_cases::all(&fixture);
    let names: BTreeSet<_> = run.iter().map(|use_case| use_case.name.to_owned()).collect();
    assert_eq!(names.len(), run.len(), "each stands in the list once");
    let implemented = implemented();
    let forgotten: Vec<_> = implemented.difference(&names).collect();
    assert_eq!(forgotten, [""; 0], "add them to tests/it/use_cases/all.rs");
    assert_eq!(names, implemented, "every use case of the list is found in the sources");
}

#[test]
fn every_way_into_the_app_asks_for_a_permission_or_has_a_reason() {
    let mut found = BTreeSet::new();
    for source in sources::of(&["service"]) {
        for block in source.code.split("\nimpl App {").skip(1) {
            let block = block.split("\n}").next().unwrap_or_default();
            let public = block.lines().filter_map(|line| line.trim().strip_prefix("pub "));
            let functions = public.filter_map(|line| line.split_once("fn ").map(|(_, rest)| rest));
            found.extend(functions.filter_map(|rest| rest.split(['(', '<']).next().map(str::to_owned)));
        }
    }
    let known = WITHOUT_PERMISSION.iter().map(|(name, _)| *name).chain(WITH_PERMISSION.iter().copied());
    assert_eq!(found, known.map(str::to_owned).collect());
}
