//! `tidegate accounts import`: good rows are kept, bad ones named by their line, and again is harmless.

use expect_test::expect;
use tidegate_proto as proto;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{HASH, PASSWORD, Realm, heard},
    program::{Ended, Told},
    server::Server,
};

on_both_engines! {
    good_rows_are_kept_and_bad_ones_reported_by_line,
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_a_row_that_differs_is_reported() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let row = |name: &str, country: &str| {
        format!(r#"{{"external_id": "{name}", "email": "{name}@example.com", "country": "{country}"}}"#)
            + "\n"
    };
    let file = row("ann", "DE") + &row("bob", "FR");
    expect![[r"
        stdout:
        2 created, 0 unchanged, 0 not imported

        exit code: Some(0)"]]
    .assert_eq(&import(&folder, &server, &file).await.transcript());
    folder.database.sealed().await;
    let before = folder.database.contents().await;
    expect![[r"
        stdout:
        0 created, 2 unchanged, 0 not imported

        exit code: Some(0)"]]
    .assert_eq(&import(&folder, &server, &file).await.transcript());
    let file = row("ann", "DE") + &row("bob", "US");
    expect![[r"
        stdout:
        0 created, 1 unchanged, 1 not imported

        stderr:
        line 2: bob: external_id exists with other content; not changed

        exit code: Some(1)"]]
    .assert_eq(&import(&folder, &server, &file).await.transcript());
    let after = folder.database.contents().await;
    assert_eq!((&after["accounts"], &after["events"]), (&before["accounts"], &before["events"]));
}

#[tokio::test]
async fn a_dash_reads_standard_input() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let address = format!("http://{}", server.grpc);
    let words = vec!["accounts", "import", "-", "--address", &address];
    let told =
        Told { words, input: "{\"external_id\": \"ann\"}\n\n{\"external_id\": \"bob\"}", ..Told::default() };
    let ended = folder.start_told(&told).ended().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "2 created, 0 unchanged, 0 not imported\n"));
    assert_eq!(folder.database.count("accounts").await, 2);
}

#[tokio::test]
async fn what_cannot_begin_is_told() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let address = format!("http://{}", server.grpc);
    let run = async |more: &[&str]| {
        let words = [&["accounts", "import", "nowhere.ndjson"], more].concat();
        let ended = folder.run(&words).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        ended.err
    };
    let told = run(&["--address", &address]).await;
    assert!(told.contains("failed to open nowhere.ndjson"), "{told}");
    let told = run(&["--address", "http://127.0.0.1:1"]).await;
    assert!(told.contains("failed to reach the server: no connection to http://127.0.0.1:1"), "{told}");
    let told = run(&["--address", &address, "--credential-file", "nowhere.credential"]).await;
    assert!(told.contains("failed to read nowhere.credential"), "{told}");
    folder.write("accounts.ndjson", "{\"external_id\": \"ann\"}\n");
    let words = ["accounts", "import", "accounts.ndjson", "--address", &address, "--realm", "nowhere"];
    let ended = folder.run(&words).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("REALM_NOT_FOUND"), "{}", ended.err);
}

async fn good_rows_are_kept_and_bad_ones_reported_by_line(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &[]).await;
    let file = format!(
        r#"{{"external_id": "ann", "email": "ann@example.com", "email_verified": true, "country": "DE", "created_at": "2021-12-06T00:00:00Z", "password_hash": "{HASH}"}}

not json
{{"external_id": "bob", "emial": "bob@example.com"}}
{{"external_id": "acct_1", "email": "nobody", "country": "Germany"}}
{{"external_id": "cem", "email": "cem@example.com", "password_hash": "{PASSWORD}"}}
{{"external_id": "dan", "email": "ANN@example.com"}}
{{"external_id": "eve", "created_at": "yesterday"}}
{{"external_id": "fay", "email": "fay@example.com"}}
"#
    );
    let ended = import(&folder, &server, &file).await;
    expect![[r"
        stdout:
        2 created, 0 unchanged, 6 not imported

        stderr:
        line 3: expected ident at line 1 column 2
        line 4: unknown field `emial`, expected one of `external_id`, `email`, `email_verified`, `country`, `customer`, `labels`, `created_at`, `password_hash` at line 1 column 30
        line 5: acct_1: country must be two upper-case letters (ISO 3166-1 alpha-2)
        line 5: acct_1: email must be an email address: at most 64 bytes, @ and a domain name, 254 bytes in all; without quotes, brackets and invisible characters
        line 5: acct_1: external_id must not begin with acct_, which names Tidegate's own ids
        line 6: cem: password_hash must be an argon2id PHC string within bounds
        line 7: dan: email is another account's
        line 8: created_at must be RFC 3339, for example 2021-12-06T00:00:00Z

        exit code: Some(1)"]]
    .assert_eq(&ended.transcript());
    let found = |name: &str| {
        let (accounts, account) = (realm.operator.accounts(), name.to_owned());
        async move { heard(accounts.clone().get_account(proto::GetAccountRequest { account }).await) }
    };
    let ann = found("ann").await.unwrap().account.unwrap();
    assert_eq!((ann.email.as_str(), ann.country.as_str()), ("ann@example.com", "DE"));
    assert_eq!(ann.create_time.unwrap().seconds, 1_638_748_800);
    assert_eq!(ann.email_verify_time, ann.create_time);
    assert!(found("fay").await.is_ok());
    for name in ["bob", "cem", "dan", "eve"] {
        assert_eq!(found(name).await.unwrap_err().name(), "ACCOUNT_NOT_FOUND", "{name}");
    }
    let frontend = realm.frontend(&server);
    assert!(frontend.sign_in("ann", "phone").await.starts_with("tgs_"));
}

async fn import(folder: &Folder, server: &Server, file: &str) -> Ended {
    folder.write("accounts.ndjson", file);
    let address = format!("http://{}", server.grpc);
    folder.run(&["accounts", "import", "accounts.ndjson", "--address", &address]).await
}
