//! A process dies with claims in its hand: another one, or the next one on SQLite, takes them over at once, and never while
//! the first one lives.
//!
//! Each claim is made a day longer by hand, so that only the death of its process can have ended it.

use std::{collections::BTreeSet, net::TcpListener};

use tidegate_client::Refused;
use tidegate_proto as proto;
use tokio::task::JoinHandle;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Frontend, Realm, SignIn, begin_request, heard, row, signed_in},
    program::eventually,
    server::Server,
};

/// A slow hash of the tests' password, so that a sign-in still hashes when its process is stopped or killed.
const SLOW_HASH: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$YSBzYWx0IGZvciB0ZXN0cw$xAMh//5CBJz9gjqlsp11Ymwz5fjagVg5e8MBDXRFabU";
const ONE: &str = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f";
/// A process is dead for the others after three of these.
const QUICK: &str = "admin.check_interval_ms=100";

on_both_engines! {
    inv_58_a_request_of_a_killed_process_is_carried_out_by_another,
    a_mail_of_a_killed_process_is_sent_by_another,
    events_are_sealed_after_the_sealer_was_killed,
    inv_58_a_request_whose_outcome_was_not_stored_is_carried_out_again_at_once,
}

/// One more day, for a column of instants.
fn longer(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Sqlite => format!("{column} = {column} + 86400000000"),
        Engine::Postgres => format!("{column} = {column} + INTERVAL '1 day'"),
    }
}

/// A call under way that has been charged and not settled.
async fn charged(folder: &Folder, frontend: &Frontend) -> JoinHandle<Result<SignIn, Refused>> {
    let call = tokio::spawn(begin(frontend.clone()));
    eventually("a charge", async || (folder.database.count("attempts").await == 1).then_some(())).await;
    call
}

async fn begin(frontend: Frontend) -> Result<SignIn, Refused> {
    let request = proto::BeginSignInRequest { request_id: ONE.into(), ..begin_request("ann", "phone") };
    heard(frontend.client.sign_ins().begin_sign_in(request).await).map(SignIn::of)
}

/// A server that has an account whose password takes long.
async fn with_slow_password(folder: &Folder, interval: &str) -> (Server, Realm) {
    let server = folder.serve(&[interval]).await;
    let realm = Realm::set_up(&server, &[]).await;
    let slow = proto::ImportRow { password_hash: SLOW_HASH.to_owned(), ..row(1, "ann") };
    let imported = realm.operator.import_accounts([slow], |_| {}).await.unwrap();
    assert_eq!(imported.created_count, 1, "{imported:?}");
    (server, realm)
}

async fn inv_58_a_request_of_a_killed_process_is_carried_out_by_another(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let (first, realm) = with_slow_password(&folder, QUICK).await;
    let frontend = realm.frontend(&first);
    let call = charged(&folder, &frontend).await;
    first.killed().await;
    assert!(call.await.unwrap().is_err());
    folder.database.run(&format!("UPDATE requests SET {}", longer(engine, "lease_until"))).await;
    assert_eq!(folder.database.count("sign_ins").await, 0);
    let second = folder.serve(&[QUICK]).await;
    let again = begin(realm.frontend(&second)).await.unwrap();
    assert_eq!(again.state, proto::SignInState::Ready);
    assert_eq!(begin(realm.frontend(&second)).await.unwrap().token, again.token);
    assert_eq!(folder.database.count("sign_ins").await, 1);
}

/// The database takes the charge and not the outcome, as a disk does that fills up meanwhile.
async fn inv_58_a_request_whose_outcome_was_not_stored_is_carried_out_again_at_once(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[QUICK]).await;
    let frontend = Realm::set_up(&server, &["ann"]).await.frontend(&server);
    folder
        .database
        .run(match engine {
            Engine::Sqlite => {
                "CREATE TRIGGER no_room BEFORE INSERT ON sign_ins BEGIN SELECT RAISE(ABORT, 'no room'); END"
            }
            Engine::Postgres => {
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$; \
                 CREATE TRIGGER no_room BEFORE INSERT ON sign_ins EXECUTE FUNCTION no_room()"
            }
        })
        .await;
    begin(frontend.clone()).await.unwrap_err();
    assert_eq!(folder.database.count("requests").await, 1, "it was charged");
    folder.database.run(&format!("UPDATE requests SET {}", longer(engine, "lease_until"))).await;
    folder
        .database
        .run(match engine {
            Engine::Sqlite => "DROP TRIGGER no_room",
            Engine::Postgres => "DROP FUNCTION no_room CASCADE",
        })
        .await;
    let again = eventually("a sign-in", async || begin(frontend.clone()).await.ok()).await;
    assert_eq!(begin(frontend).await.unwrap().token, again.token);
    assert_eq!(folder.database.count("sign_ins").await, 1);
}

async fn a_mail_of_a_killed_process_is_sent_by_another(engine: Engine) {
    let folder = Folder::installed(engine).await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("smtp.port={}", silent.local_addr().unwrap().port());
    let mute =
        ["smtp.host=127.0.0.1", &port, "smtp.tls=none", "mail.from=Kasa <no-reply@kasa.example>", QUICK];
    let first = folder.serve(&mute).await;
    let realm = Realm::set_up(&first, &["ann"]).await;
    let frontend = realm.frontend(&first);
    let session = frontend.sign_in("ann", "phone").await;
    let request = proto::BeginEnrollmentRequest {
        subject: Some(signed_in(&session)),
        method: proto::Method::Totp.into(),
        ..Default::default()
    };
    heard(frontend.client.enrollments().begin_enrollment(request).await).unwrap();
    eventually("a claim", async || (folder.database.count("delivery_claims").await == 1).then_some(())).await;
    first.killed().await;
    let later = format!("UPDATE deliveries SET {}", longer(engine, "next_try_at"));
    folder.database.run(&format!("{later} WHERE state = 'queued'")).await;
    let second = folder.serve(&[QUICK]).await;
    assert!(realm.frontend(&second).link("ann").await.starts_with("tgl_"));
    let over = async || (folder.database.count("delivery_claims").await == 0).then_some(());
    eventually("no claim", over).await;
    let mails = std::fs::read_dir(second.mails()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(mails.filter(|path| path.extension().is_some_and(|end| end == "eml")).count(), 1);
}

async fn events_are_sealed_after_the_sealer_was_killed(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let first = folder.serve(&[QUICK]).await;
    let realm = Realm::set_up(&first, &["ann"]).await;
    folder.database.sealed().await;
    first.killed().await;
    folder.database.run(&format!("UPDATE leases SET {}", longer(engine, "until"))).await;
    let second = folder.serve(&[QUICK]).await;
    realm.frontend(&second).sign_in("ann", "phone").await;
    folder.database.sealed().await;
}

/// The beats of all processes.
async fn beats(folder: &Folder) -> i64 {
    folder.database.number("SELECT CAST(COALESCE(SUM(beat), 0) AS BIGINT) FROM processes").await
}

/// The other server looks for longer than a dead process is waited for, and the first one is at work all the time.
#[tokio::test]
async fn inv_58_a_request_of_a_living_process_is_left_to_it() {
    let folder = Folder::installed(Engine::Postgres).await;
    let rhythm = "admin.check_interval_ms=1000";
    let (first, realm) = with_slow_password(&folder, rhythm).await;
    let second = folder.serve(&[rhythm]).await;
    let call = charged(&folder, &realm.frontend(&first)).await;
    // The account is read again after the hash, which waits for this lock.
    let held = folder.database.holding("BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").await;
    folder.database.run(&format!("UPDATE requests SET {}", longer(Engine::Postgres, "lease_until"))).await;
    let claim = async || {
        let claim = format!(
            "SELECT CAST(hashtext(CAST(claim_id AS TEXT)) AS BIGINT) FROM requests WHERE request_id = '{ONE}'"
        );
        folder.database.number(&claim).await
    };
    let before = claim().await;
    let retry = tokio::spawn(begin(realm.frontend(&second)));
    let start = beats(&folder).await;
    // Four of each: the other one would be dead after three.
    eventually("beats of both", async || (beats(&folder).await >= start + 8).then_some(())).await;
    assert!(!retry.is_finished() && !call.is_finished());
    drop(held);
    let tokens: BTreeSet<_> =
        [call.await.unwrap().unwrap().token, retry.await.unwrap().unwrap().token].into();
    assert_eq!(claim().await, before, "nobody took it over");
    assert_eq!(tokens.len(), 1);
    assert_eq!(folder.database.count("sign_ins").await, 1);
}

/// Programs of earlier schemas do not beat, and their claims name no process.
#[tokio::test]
async fn inv_58_a_claim_of_an_earlier_program_is_left_until_its_time() {
    let folder = Folder::installed(Engine::Postgres).await;
    let (first, realm) = with_slow_password(&folder, QUICK).await;
    let call = charged(&folder, &realm.frontend(&first)).await;
    first.killed().await;
    assert!(call.await.unwrap().is_err());
    let lasts = longer(Engine::Postgres, "lease_until");
    folder.database.run(&format!("UPDATE requests SET claim_id = gen_random_uuid(), {lasts}")).await;
    let second = folder.serve(&[QUICK]).await;
    let retry = tokio::spawn(begin(realm.frontend(&second)));
    let start = beats(&folder).await;
    eventually("beats", async || (beats(&folder).await >= start + 8).then_some(())).await;
    assert!(!retry.is_finished());
    folder.database.run("UPDATE requests SET lease_until = now()").await;
    assert_eq!(retry.await.unwrap().unwrap().state, proto::SignInState::Ready);
}

/// A process that was paused and comes back finds its claim taken, and returns what the other one did.
#[tokio::test]
async fn inv_58_a_paused_process_returns_what_another_one_did_meanwhile() {
    let folder = Folder::installed(Engine::Postgres).await;
    let (first, realm) = with_slow_password(&folder, QUICK).await;
    let second = folder.serve(&[QUICK]).await;
    let call = charged(&folder, &realm.frontend(&first)).await;
    first.program.signal("STOP");
    folder.database.run(&format!("UPDATE requests SET {}", longer(Engine::Postgres, "lease_until"))).await;
    let taken = begin(realm.frontend(&second)).await.unwrap();
    first.program.signal("CONT");
    assert_eq!(call.await.unwrap().unwrap().token, taken.token);
    assert_eq!(folder.database.count("sign_ins").await, 1);
    for server in [first, second] {
        assert_eq!(server.stopped().await.code, Some(0));
    }
    assert_eq!(folder.database.count("processes").await, 0, "those that stop say so");
}
