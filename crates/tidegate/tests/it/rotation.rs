//! `tidegate keys`: master keys rotate beside a server that serves, and a program that is killed loses nothing (INV-45).

use tidegate_core::Secret;
use tidegate_keyring::{KeyState, MasterFile};
use tidegate_proto as proto;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Realm, heard},
    program::eventually,
};

const ROTATE: [&str; 6] = ["keys", "rotate", "--by", "Ann Lee", "--reason", "yearly"];
const WHO: [&str; 4] = ["--by", "Ann Lee", "--reason", "yearly"];

on_both_engines! {
    keys_rotate_while_the_server_serves,
    an_old_key_is_dropped_when_nothing_needs_it,
    inv_45_a_command_that_is_killed_leaves_a_file_that_works,
}

/// The keys of the file: id and state.
fn keys(folder: &Folder) -> Vec<(String, KeyState)> {
    let master = MasterFile::parse(&Secret::new(folder.read("master.key"))).unwrap();
    master.kept().iter().map(|key| (key.id.to_string(), key.state)).collect()
}

async fn rewrapped(folder: &Folder) -> i64 {
    folder.database.number("SELECT COUNT(*) FROM master_keys WHERE rewrapped_at IS NOT NULL").await
}

async fn keys_rotate_while_the_server_serves(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann", "bob"]).await;
    let frontend = realm.frontend(&server);
    let mut authenticator = frontend.enrolled("ann").await;
    let added = folder.run(&["keys", "add"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    let [(old, KeyState::Active), (new, KeyState::New)] = &keys(&folder)[..] else { panic!("{added:?}") };
    let twice = folder.run(&["keys", "add"]).await;
    assert!(twice.code == Some(1) && twice.err.contains("has a new key already"), "{twice:?}");
    let rotated = folder.run(&ROTATE).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(rotated.out.contains(&format!("Key {new} is active.")), "{}", rotated.out);
    assert_eq!(keys(&folder), [(new.clone(), KeyState::Active), (old.clone(), KeyState::Old)]);
    assert_eq!(folder.mode("master.key"), 0o600);
    server.program.signal("HUP");
    eventually("everything is sealed with the new key", async || {
        (rewrapped(&folder).await == 2).then_some(())
    })
    .await;
    let begun = frontend.begin("ann", "tablet").await;
    let challenge = frontend.challenge(&begun).await;
    let code = authenticator.next_code(&frontend).await;
    let answered = frontend.answer(&begun, &challenge, &code).await.unwrap();
    assert_eq!(answered.outcome(), proto::ProofOutcome::Approved);
    let told =
        folder.database.number("SELECT COUNT(*) FROM events WHERE fact LIKE '%master_key_rotated%Ann Lee%'");
    assert_eq!(told.await, 1);
    assert_eq!(server.stopped().await.code, Some(0));
    // A server that starts with the new file alone opens everything.
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

async fn an_old_key_is_dropped_when_nothing_needs_it(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    realm.frontend(&server).enrolled("ann").await;
    let repeated = proto::CreateAccountRequest {
        external_id: "bob".into(),
        request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
        ..Default::default()
    };
    heard(realm.operator.accounts().create_account(repeated).await).unwrap();
    assert_eq!(server.stopped().await.code, Some(0));
    let old = keys(&folder)[0].0.clone();
    let drop = [&["keys", "drop", &old][..], &WHO].concat();
    let active = folder.run(&drop).await;
    assert!(active.code == Some(1) && active.err.contains("rotate first"), "{active:?}");
    let rotated = folder.run(&ROTATE).await;
    assert!(rotated.code == Some(0) && rotated.out.contains("values were sealed again"), "{rotated:?}");
    let listed = folder.run(&["keys", "list"]).await;
    assert!(
        listed.out.contains("factors.material") && listed.out.contains("recovery_codes.digest"),
        "{listed:?}"
    );
    // Outcomes of requests end within a day.
    let early = folder.run(&drop).await;
    assert!(early.code == Some(1) && early.err.contains("they end within a day"), "{early:?}");
    folder.database.run("DELETE FROM requests").await;
    let dropped = folder.run(&drop).await;
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    assert_eq!(keys(&folder)[1], (old.clone(), KeyState::DigestsOnly), "recovery codes need it");
    let again = folder.run(&drop).await;
    assert!(again.code == Some(1) && again.err.contains("recovery_codes.digest"), "{again:?}");
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
    folder.database.run("DELETE FROM recovery_codes").await;
    folder.database.run("UPDATE accounts SET import_digest = NULL").await;
    let dropped = folder.run(&drop).await;
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    assert_eq!(keys(&folder).len(), 1);
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

/// A server has a file of its own. Nothing is sealed with a key that it lacks, and no key goes with which it seals.
#[tokio::test]
async fn inv_45_a_rotation_waits_for_every_server() {
    let folder = Folder::installed(Engine::Postgres).await;
    std::fs::copy(folder.file("master.key"), folder.file("other.key")).unwrap();
    let other = folder.serve(&["keys.master_file=other.key"]).await;
    let holds = async || (folder.database.count("key_holders").await == 1).then_some(());
    eventually("a server that says which keys it has", holds).await;
    let rotating = folder.start(&ROTATE);
    eventually("a new key", async || (keys(&folder).len() == 2).then_some(())).await;
    // Many looks, each of which takes as long as the command takes for one.
    for _ in 0..100 {
        assert_eq!(keys(&folder)[1].1, KeyState::New, "it waits");
        holds().await.unwrap();
    }
    let old = keys(&folder)[0].0.clone();
    std::fs::copy(folder.file("master.key"), folder.file("other.key")).unwrap();
    other.program.signal("HUP");
    let rotated = rotating.ended().await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    folder.database.run("DELETE FROM requests").await;
    let drop = [&["keys", "drop", &old][..], &WHO].concat();
    let refused = folder.run(&drop).await;
    let said = "1 servers that run still seal with key";
    assert!(refused.code == Some(1) && refused.err.contains(said), "{refused:?}");
    std::fs::copy(folder.file("master.key"), folder.file("other.key")).unwrap();
    other.program.signal("HUP");
    let dropped = async || (folder.run(&drop).await.code == Some(0)).then_some(());
    eventually("the old key is dropped", dropped).await;
    assert_eq!(other.stopped().await.code, Some(0));
}

/// It is killed at many moments: before, while and after it changes the file and the database.
async fn inv_45_a_command_that_is_killed_leaves_a_file_that_works(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann", "bob"]).await;
    realm.frontend(&server).enrolled("ann").await;
    assert_eq!(server.stopped().await.code, Some(0));
    for output in ["is active", "sealed again", "is sealed with it"] {
        let mut program = folder.start(&ROTATE);
        program.prints(output).await;
        program.signal("KILL");
        program.ended().await;
        // Its lease ends by itself within a minute.
        folder.database.run("DELETE FROM leases").await;
        assert!(keys(&folder).iter().any(|(_, state)| *state == KeyState::Active));
    }
    // What the last one left is done by the next one.
    let ended = folder.run(&["keys", "rotate", "--only-rewrap"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let active = keys(&folder)[0].0.clone();
    let listed = folder.run(&["keys", "list"]).await.out;
    let of = |column: &str| -> Vec<String> {
        let lines = listed.lines().filter(|line| line.ends_with(column));
        lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    };
    for column in ["accounts.personal_key", "factors.material", "installation.key_check"] {
        assert_eq!(of(column), std::slice::from_ref(&active), "{column}: {listed}");
    }
    let server = folder.serve(&[]).await;
    let begun = realm.frontend(&server).begin("ann", "tablet").await;
    assert_eq!(begun.state, proto::SignInState::PendingChallenge, "the authenticator opens");
    assert_eq!(server.stopped().await.code, Some(0));
}
