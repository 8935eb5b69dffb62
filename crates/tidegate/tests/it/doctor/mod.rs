//! `tidegate doctor`: each check finds its fault on a real system, says what to do, and changes nothing.

mod databases;
mod examined;
mod files;
mod ports;
mod postgres_server;
mod services;
mod sqlite_file;
mod system;
mod tls;

use tidegate_tests::pki::Authority;

use self::examined::{Level, doctor};
use crate::{
    folder::{Engine, Folder, on_both_engines},
    mail::{aiosmtpd, by},
    program::{Program, Told},
};

on_both_engines! {
    nothing_is_changed_beside_a_server_that_runs,
}

#[tokio::test]
async fn all_is_well_on_a_machine_that_is_set_up() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let (_mails, port) = aiosmtpd(&folder).await;
    let authority = Authority::new();
    authority.server(1).write(folder.path());
    let mut set = by(&port, "mail.password");
    for setting in ["tls.cert_file=server.pem", "tls.key_file=server.key", "limits.connections=16"] {
        set.extend(["--set".to_owned(), setting.to_owned()]);
    }
    for secret in ["server.key", "mail.password"] {
        folder.set_mode(secret, 0o600);
    }
    let set: Vec<_> = set.iter().map(String::as_str).collect();
    let examined = doctor(&folder, &set).await;
    assert_eq!(examined.code, Some(0), "{examined:#?}");
    // Whether the machine has room on its disks is not the program's affair.
    let wrong = examined.findings.iter().filter(|found| found.level != Level::Ok && found.check != "disk");
    assert_eq!(wrong.collect::<Vec<_>>(), [&examined.findings[0]; 0]);
    let mut checks: Vec<_> = examined.findings.iter().map(|found| found.check.as_str()).collect();
    checks.dedup();
    let all = [
        "settings",
        "database",
        "schema",
        "clock",
        "keys",
        "operators",
        "files",
        "tls",
        "mail",
        "texts",
        "sms",
        "push",
        "proxy",
        "ports",
        "disk",
        "limits",
    ];
    assert_eq!(checks, all, "each check says something, in this order");
}

#[tokio::test]
async fn a_first_start_is_fine_and_the_doctor_makes_nothing() {
    let folder = Folder::empty();
    let examined = doctor(&folder, &[]).await;
    assert_eq!(examined.code, Some(0), "{examined:#?}");
    examined.has("database", Level::Ok, "tidegate.db does not exist yet: the first `serve` makes it");
    examined.has("keys", Level::Ok, "there is no master key yet");
    assert_eq!(folder.names().len(), 0);
}

/// The server itself raises the floor of its clock, beats, renews its leases, and writes when credentials were used.
const OWN: [&str; 4] = ["installation", "processes", "leases", "credentials"];

async fn nothing_is_changed_beside_a_server_that_runs(engine: Engine) {
    let folder = Folder::on(engine).await;
    if engine == Engine::Postgres {
        assert_eq!(folder.run(&["init"]).await.code, Some(0));
    }
    let server = folder.serve(&[]).await;
    folder.database.sealed().await;
    let set = [format!("grpc.listen={}", server.grpc), format!("admin.listen={}", server.admin)];
    let contents = async || {
        let mut contents = folder.database.contents().await;
        contents.retain(|table, _| !OWN.contains(&table.as_str()));
        (folder.names(), contents)
    };
    let before = contents().await;
    let examined = doctor(&folder, &["--set", &set[0], "--set", &set[1]]).await;
    assert_eq!(contents().await, before, "{examined:#?}");
    examined.has("schema", Level::Ok, "which this program serves");
    examined.has("keys", Level::Ok, "opens the database");
    examined.has(
        "ports",
        Level::Ok,
        &format!("a server runs at grpc.listen {}, and is SERVING", server.grpc),
    );
    examined.has(
        "ports",
        Level::Ok,
        &format!("admin.listen {} is served by a server that runs", server.admin),
    );
    assert_eq!(server.page("/readyz").await.0, 200);
    assert_eq!(server.stopped().await.code, Some(0));
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_all_that_is_told() {
    let folder = Folder::empty();
    let examined = doctor(&folder, &["--set", "mail.poll_ms=soon", "--set", "grpc.lisen=x"]).await;
    assert_eq!((examined.code, examined.findings.len()), (Some(1), 2), "{examined:#?}");
    examined.has("settings", Level::Error, "wrong value for \"mail.poll_ms\"");
    examined.has("settings", Level::Error, "did you mean \"grpc.listen\"?");
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_errors() {
    let folder = Folder::empty();
    let set = [
        "--set",
        "grpc.listen=0.0.0.0:0",
        "--set",
        "mail.from=nobody",
        "--set",
        "sms.url=http://sms.example",
    ];
    let examined = doctor(&folder, &set).await;
    assert_eq!(examined.code, Some(1));
    examined.has("settings", Level::Error, "credentials would cross the network in clear");
    examined.has("settings", Level::Error, "is no mailbox");
    examined.has("settings", Level::Error, "sms.countries must name the countries");
    examined.has("tls", Level::Unknown, "not looked at");
}

#[tokio::test]
async fn people_read_a_report_whose_last_line_sums_up() {
    let folder = Folder::empty();
    let ended = folder.run(&["doctor", "--timeout", "600"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let mail = ended
        .out
        .lines()
        .position(|line| line.starts_with("warning  mail      mails are written to"))
        .unwrap();
    let remedy = ended.out.lines().nth(mail + 1).unwrap();
    assert!(remedy.starts_with("                   do: set smtp.host"), "{remedy}");
    assert!(ended.out.lines().last().unwrap().starts_with("0 errors, "), "{}", ended.out);
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::empty();
    let script =
        format!("{} doctor --timeout 600 | true; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_tidegate"));
    let told = Told { words: vec!["-c", &script], ..Told::default() };
    let ended = Program::start_other("/bin/bash", folder.path(), &told).ended().await;
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("0\n", ""));
}
