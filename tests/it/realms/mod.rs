//! Names of another realm, another person or another product get the same reply as names that do not exist,
//! so that a caller cannot learn which exist (INV-32, INV-59).

mod furnished;
mod probes;

use std::collections::BTreeSet;

use furnished::{RealmNames, furnish, is_unharmed, nobodys, realm};
use probes::{Answers, by_name, by_subject, by_support, by_token};
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    rpc::method_of,
    test_server::{CredentialSpec, TestServer},
};

/// Methods that are not probed, and why.
const NO_PROBE: &[(&str, &str)] = &[
    ("CreateCustomer", "names only what is new"),
    ("CreateProduct", "names only what is new"),
    ("CreateRealm", "operators see all realms"),
    ("ExportAccount", "a stream: support/export.rs"),
    ("ExportEvents", "a stream: log/tailing.rs"),
    ("GetJwks", "names nothing"),
    ("GetRealm", "operators see all realms"),
    ("GetServerInfo", "names nothing"),
    ("ImportAccounts", "names only what is new"),
    ("ListPushes", "needs the signature of the device that it names: devices.rs"),
    ("ListRealms", "operators see all realms"),
    ("PreviewRollout", "a stream: previews.rs"),
    ("RespondPush", "needs the signature of the device that is asked: devices.rs"),
    ("RotateSigningKey", "names nothing"),
    ("TailEvents", "a stream: log/tailing.rs"),
    ("VerifyChain", "names a digest"),
    ("WatchRollout", "a stream: numbers.rs"),
    ("WatchPushes", "a stream that begins like ListPushes: devices.rs"),
    ("WhoAmI", "names nothing"),
];

on_both! {
    async fn inv_32_names_of_another_realm_are_like_unknown_ones(server) {
        let (operator, other) = (realm(&server, "one").await, realm(&server, "two").await);
        let (theirs, ours) = (furnish(&operator, "one", "ann").await, furnish(&other, "two", "eva").await);
        let ask = async |names: &RealmNames| {
            let mut answers = Answers::default();
            by_name(&mut answers, &other, &ours.names, names).await;
            by_token(&mut answers, &other, names).await;
            by_subject(&mut answers, &other, &ours.names, names).await;
            by_support(&mut answers, &other, &ours.names, names).await;
            answers.ask(&other, proto::ConfirmEmailRequest { token: names.email_link.clone(), ..Default::default() }).await;
            answers
        };
        let told = ask(&theirs.names).await;
        told.assert_same(&ask(&nobodys()).await);
        is_unharmed(&operator, &theirs).await;
        let asked: BTreeSet<_> = told.methods().into_iter().chain(NO_PROBE.iter().map(|(method, _)| *method)).collect();
        let all: BTreeSet<_> = proto::RULES.iter().map(|(path, _)| method_of(path)).collect();
        assert_eq!(asked, all, "every method is asked, or excused");
        assert_eq!(told.methods().len() + NO_PROBE.len(), all.len(), "no method is asked and excused");
    }

    async fn inv_32_ids_of_another_person_are_like_unknown_ones(server) {
        let operator = realm(&server, "one").await;
        let (theirs, ours) = (furnish(&operator, "one", "ann").await, furnish(&operator, "one", "eva").await);
        let ask = async |names: &RealmNames| {
            let mut answers = Answers::default();
            by_subject(&mut answers, &operator, &ours.names, names).await;
            answers
        };
        ask(&theirs.names).await.assert_same(&ask(&nobodys()).await);
        is_unharmed(&operator, &theirs).await;
    }

    async fn inv_59_tokens_of_another_product_are_like_unknown_ones(server) {
        let operator = realm(&server, "one").await;
        let theirs = furnish(&operator, "one", "ann").await;
        let web = CredentialSpec { realm: "one", products: &["one-web"], ..CredentialSpec::of(Role::Operator) };
        let web = server.with_credential("web", web).await.quiet();
        let ask = async |names: &RealmNames| {
            let mut answers = Answers::default();
            by_token(&mut answers, &web, names).await;
            answers
        };
        ask(&theirs.names).await.assert_same(&ask(&nobodys()).await);
        is_unharmed(&operator, &theirs).await;
    }
}

/// A name that is taken in one realm is free in another.
#[tokio::test]
async fn realms_do_not_take_each_others_names() {
    let server = TestServer::sqlite().await;
    for key in ["one", "two"] {
        server.realm(key).await;
        let operator = server.operator().in_realm(key);
        operator.product("kasa").await;
        operator.rollout("kasa-two-step", &["kasa"], &[]).await;
        operator.person("ann").await;
    }
}

/// Shows that the tests above can fail: a caller with the right to a name gets another reply.
#[tokio::test]
async fn the_names_are_real() {
    let server = TestServer::sqlite().await;
    let operator = realm(&server, "one").await;
    let (mut theirs, ours) = (furnish(&operator, "one", "ann").await, furnish(&operator, "one", "eva").await);
    let spare = CredentialSpec { realm: "one", ..CredentialSpec::of(Role::Frontend) };
    theirs.names.credential = server.with_credential("spare", spare).await.credential;
    let ask = async |names: &RealmNames| {
        let mut answers = Answers::default();
        by_name(&mut answers, &operator, &ours.names, names).await;
        by_token(&mut answers, &operator, names).await;
        by_support(&mut answers, &operator, &ours.names, names).await;
        answers
    };
    let (nobodys, theirs) = (ask(&nobodys()).await, ask(&theirs.names).await);
    for (nobodys, theirs) in nobodys.0.iter().zip(&theirs.0) {
        assert_ne!(nobodys, theirs);
    }
}
