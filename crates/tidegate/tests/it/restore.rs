//! The drill of `docs/RESTORE.md`, with the real commands: back up, lose, restore, and serve again (INV-48).

use std::{path::Path, process::Command};

use tidegate_proto as proto;
use tidegate_tests::postgres::tool;

use crate::{
    database::Database,
    folder::{Engine, Folder, on_both_engines},
    owner::{Frontend, Realm, heard},
};

const RESTORED: [&str; 6] = ["restored", "--by", "Ann Lee", "--reason", "the disk was lost", "--yes"];

on_both_engines! {
    inv_48_the_drill_brings_the_database_back_and_nothing_that_was_issued,
    a_restore_that_was_begun_and_not_completed_is_not_served,
}

/// Copies the database while the server uses it.
async fn back_up(folder: &Folder) {
    match &folder.database {
        Database::Sqlite(_) => {
            let copied = folder.run(&["backup", "copy.db"]).await;
            assert_eq!(copied.code, Some(0), "{copied:?}");
            assert_eq!(folder.mode("copy.db"), 0o600);
        }
        Database::Postgres(url) => {
            runs("pg_dump", &["--format=custom", "--file", "copy.dump", url], folder.path());
        }
    }
}

/// Puts the copy in the place of the database. No server runs.
fn restore(folder: &Folder) {
    match &folder.database {
        Database::Sqlite(path) => {
            for end in ["-wal", "-shm"] {
                let mut beside = path.clone().into_os_string();
                beside.push(end);
                let _ = std::fs::remove_file(beside);
            }
            std::fs::copy(folder.file("copy.db"), path).unwrap();
        }
        Database::Postgres(url) => {
            let words = [
                "--clean",
                "--if-exists",
                "--single-transaction",
                "--no-owner",
                "--dbname",
                url,
                "copy.dump",
            ];
            runs("pg_restore", &words, folder.path());
        }
    }
}

fn runs(name: &str, words: &[&str], folder: &Path) {
    let ended = Command::new(tool(name)).args(words).current_dir(folder).output().unwrap();
    assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&ended.stderr));
}

async fn is_active(frontend: &Frontend, session: &str) -> bool {
    let request = proto::IntrospectRequest { session_token: session.to_owned() };
    heard(frontend.client.sessions().introspect(request).await).unwrap().active
}

/// Begins a sign-in, and answers with the code of an authenticator.
async fn answers(frontend: &Frontend, name: &str, code: &str) -> proto::ProofOutcome {
    let begun = frontend.begin(name, "tablet").await;
    assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    let challenge = frontend.challenge(&begun).await;
    frontend.answer(&begun, &challenge, code).await.unwrap().outcome()
}

async fn inv_48_the_drill_brings_the_database_back_and_nothing_that_was_issued(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann", "bob"]).await;
    let frontend = realm.frontend(&server);
    let session = frontend.sign_in("bob", "phone").await;
    let mut authenticator = frontend.enrolled("ann").await;
    folder.database.sealed().await;
    back_up(&folder).await;
    // From here on everything is lost, a code that was used too.
    frontend.sign_in("bob", "tablet").await;
    let code = authenticator.next_code(&frontend).await;
    assert_eq!(answers(&frontend, "ann", &code).await, proto::ProofOutcome::Approved);
    let accounts = folder.database.count("accounts").await;
    realm.operator.import_accounts([crate::owner::row(1, "carol")], |_| {}).await.unwrap();
    assert_eq!(server.stopped().await.code, Some(0));

    restore(&folder);
    assert_eq!(folder.database.count("accounts").await, accounts);
    let asked = folder.run(&RESTORED[..5]).await;
    assert!(asked.code == Some(1) && asked.err.contains("Add --yes"), "{asked:?}");
    let restored = folder.run(&RESTORED).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.out.contains("recovery codes voided   1 sets"), "{}", restored.out);

    let server = folder.serve(&[]).await;
    let frontend = realm.frontend(&server);
    assert!(!is_active(&frontend, &session).await, "a session that was issued before");
    let again = frontend.sign_in("bob", "phone").await;
    assert!(is_active(&frontend, &again).await);
    // Two-step is on as before, and the copy does not know that the code was used.
    assert_ne!(answers(&frontend, "ann", &code).await, proto::ProofOutcome::Approved);
    folder.database.sealed().await;
    let verified = heard(server.operator().audit().verify_chain(proto::VerifyChainRequest::default()).await);
    assert!(verified.unwrap().valid);
    assert_eq!(server.stopped().await.code, Some(0));
}

async fn a_restore_that_was_begun_and_not_completed_is_not_served(engine: Engine) {
    let folder = Folder::installed(engine).await;
    folder.database.run("UPDATE installation SET restore_began_at = created_at, timeline = 1").await;
    let refused = folder.run(&["serve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("run it again"), "{}", refused.err);
    let restored = folder.run(&RESTORED).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

/// Copies are whole while the server writes, and a copy is never written over a file.
#[tokio::test]
async fn a_copy_is_whole_while_the_server_writes() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let write = async {
        for line in 1..=40 {
            let name = format!("row-{line}");
            realm.operator.import_accounts([crate::owner::row(line, &name)], |_| {}).await.unwrap();
        }
    };
    let copy = async {
        for name in ["one.db", "two.db", "three.db"] {
            let copied = folder.run(&["backup", name]).await;
            assert_eq!(copied.code, Some(0), "{copied:?}");
        }
    };
    tokio::join!(write, copy);
    let taken = folder.run(&["backup", "one.db"]).await;
    assert!(taken.code == Some(1) && taken.err.contains("the file exists"), "{taken:?}");
    let copy = Database::Sqlite(folder.file("three.db"));
    assert!(copy.count("accounts").await >= 1);
    assert_eq!(server.stopped().await.code, Some(0));
    // After a stop the same command works, and a plain copy of the file is whole.
    let copied = folder.run(&["backup", "stopped.db"]).await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    assert_eq!(Database::Sqlite(folder.file("stopped.db")).count("accounts").await, 41);
}
