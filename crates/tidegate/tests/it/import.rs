//! `tidegate accounts import` keeps good rows, reports bad ones by line, and may be repeated.

use std::process::Command;

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
        line 2: bob: country differs from the account, which is not changed

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

/// A pipe can be read only once.
#[tokio::test]
async fn a_pipe_is_a_file_too() {
    const ROWS: &str = "{\"external_id\": \"ann\"}\n{\"external_id\": \"bob\"}\n";
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let address = format!("http://{}", server.grpc);
    let words = vec!["accounts", "import", "/dev/stdin", "--address", &address];
    let told = Told { words, input: ROWS, ..Told::default() };
    let ended = folder.start_told(&told).ended().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "2 created, 0 unchanged, 0 not imported\n"));

    let pipe = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let running = folder.start(&["accounts", "import", "pipe", "--address", &address]);
    // Opening the pipe waits for its reader. The write ends when all was read, or the reader is gone.
    let written = tokio::task::spawn_blocking(move || std::fs::write(pipe, ROWS));
    let ended = running.ended().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "0 created, 2 unchanged, 0 not imported\n"));
    written.await.unwrap().unwrap();
}

/// This file can be opened, but not read.
#[tokio::test]
async fn a_file_that_cannot_be_read_ends_the_import() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let ended = run(&folder, &server, "/proc/self/mem").await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "0 created, 0 unchanged, 0 not imported\n"));
    assert!(ended.err.contains("failed to read /proc/self/mem: "), "{}", ended.err);
}

#[tokio::test]
async fn a_line_that_is_no_row_is_reported_and_the_others_are_imported() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let long = format!("{{\"external_id\": \"{}\"}}\n", "x".repeat(4 * 1024 * 1024));
    let padded = format!("{{\"external_id\": {}\"bob\"}}\r\n", " ".repeat(1024 * 1024));
    let lines: &[&[u8]] = &[
        b"\xef\xbb\xbf{\"external_id\": \"ann\", \"email\": null, \"labels\": null}\r\n",
        b"\r\n",
        padded.as_bytes(),
        b"null\r\n",
        b"[\"cem\", \"cem@example.com\"]\n",
        b"{\"external_id\": \"dan\", \"country\": \"DE\", \"country\": \"FR\"}\n",
        b"{\"external_id\": \"dan\", \"labels\": {\"plan\": \"a\", \"plan\": \"b\"}}\n",
        b"{\"external_id\": \"dan\", \"password_hash\": 4711}\n",
        b"{\"external_id\": \"d\xe4n\"}\n",
        long.as_bytes(),
        b" \t\n",
        b"{\"external_id\": \"eve\"}",
    ];
    std::fs::write(folder.file("accounts.ndjson"), lines.concat()).unwrap();
    let ended = run(&folder, &server, "accounts.ndjson").await;
    expect![[r"
        stdout:
        3 created, 0 unchanged, 7 not imported

        stderr:
        line 4: is not a JSON object
        line 5: is not a JSON object
        line 6: duplicate field `country` (column 49)
        line 7: duplicate field `plan` (column 53)
        line 8: password_hash must be a string
        line 9: is not UTF-8
        line 10: must have at most 4194304 bytes

        exit code: Some(1)"]]
    .assert_eq(&ended.transcript());
    assert_eq!(folder.database.count("accounts").await, 3);
}

/// There are more rows than one message may hold, and more reports than the program prints.
#[tokio::test]
async fn large_rows_do_not_end_an_import() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let bad = |number: usize| format!("{{\"external_id\": \"{}-{number}\"}}\n", "x".repeat(10_000));
    let unreadable = |number: usize| format!("{{\"unknown-{number}\": 1}}\n");
    let mut file: String = (0..1_100).map(bad).chain((0..1_001).map(unreadable)).collect();
    file += "{\"external_id\": \"ann\"}\n";
    let ended = import(&folder, &server, &file).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "1 created, 0 unchanged, 2101 not imported\n"));
    let told: Vec<_> = ended.err.lines().collect();
    assert_eq!(told.len(), 2_001);
    let external_id = "x".repeat(128);
    let what = "external_id must be 1 to 128 bytes of printable ASCII without blanks";
    assert_eq!(told[999], format!("line 1000: {external_id}: {what}"));
    // Each of the unreadable lines has two reports.
    assert_eq!(told[1_000], "line 1101: external_id must be given");
    assert_eq!(told[2_000], "1102 more reports are left out: correct these, and import the file again");
}

#[tokio::test]
async fn an_import_that_cannot_begin_says_why() {
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
    let told = folder.run(&["accounts", "import", ".", "--address", &address]).await;
    assert_eq!((told.code, told.out.as_str()), (Some(1), ""));
    assert!(told.err.contains(". is a folder, and not a file of accounts"), "{}", told.err);
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
{{"external_id": "cem", "email": "cem@example.com", "password_hash": "{PASSWORD}", "created_at": "0000-01-01T00:00:00Z"}}
{{"external_id": "dan", "email": "ANN@example.com"}}
{{"external_id": "eve", "created_at": "yesterday"}}
{{"external_id": "fay", "email": "fay@example.com", "password_hash": "{PASSWORD}"}}
"#
    );
    let ended = import(&folder, &server, &file).await;
    expect![[r"
        stdout:
        2 created, 0 unchanged, 6 not imported; passwords not adopted: 1

        stderr:
        line 3: expected ident (column 2)
        line 4: unknown field `emial`: the fields are external_id, email, email_verified, country, customer, labels, created_at, password_hash, otpauth_uris
        line 5: acct_1: country must be two upper-case letters (ISO 3166-1 alpha-2)
        line 5: acct_1: email must be an email address: at most 64 bytes, @ and a domain name, 254 bytes in all; without quotes, brackets and invisible characters
        line 5: acct_1: external_id must not begin with acct_, which names Tidegate's own ids
        line 6: cem: created_at must be a time between the years 1 and 9999
        line 6: cem: password_hash must be an argon2id hash ($argon2id$…)
        line 7: dan: email is another account's
        line 8: created_at must be RFC 3339, for example 2021-12-06T00:00:00Z
        line 9: fay: password_hash must be an argon2id hash ($argon2id$…); the account is kept without a password

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
    run(folder, server, "accounts.ndjson").await
}

async fn run(folder: &Folder, server: &Server, name: &str) -> Ended {
    let address = format!("http://{}", server.grpc);
    folder.run(&["accounts", "import", name, "--address", &address]).await
}
