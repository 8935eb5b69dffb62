//! What the program says of its settings: mistakes, origins, defaults; and its help.

use expect_test::{expect, expect_file};

use crate::{
    folder::Folder,
    program::{Ended, Program, Told},
};

const FILE: &str = "[grpc]\nlisen = 1\n\n[mail]\nfolder = 'mails'\n";
const VARIABLE: (&str, &str) = ("TIDEGATE__DATABASE__ULR", "postgres://ada:hush@db/tidegate");

#[tokio::test]
async fn unknown_keys_of_every_source_are_named_at_once_and_nothing_is_made() {
    let folder = Folder::empty();
    folder.write("tidegate.toml", FILE);
    for command in [vec!["serve"], vec!["init"], vec!["migrate"], vec!["config", "check"]] {
        let ended = told(&folder, &command, &["--set", "limits.comands=1"], &[VARIABLE]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{command:?}");
        expect![[r#"
            tidegate: unknown key "grpc.lisen" from tidegate.toml; did you mean "grpc.listen"?
            unknown key "database.ulr" from environment variable TIDEGATE__DATABASE__ULR; did you mean "database.url"?
            unknown key "limits.comands" from --set limits.comands; did you mean "limits.commands"?
        "#]]
        .assert_eq(&ended.err);
    }
    assert_eq!(folder.names().into_iter().collect::<Vec<_>>(), ["tidegate.toml"]);
}

/// What `serve` would refuse, `config check` refuses in the same words, and neither makes anything.
#[tokio::test]
async fn config_check_says_what_serve_would() {
    let folder = Folder::empty();
    folder.write("short", "short");
    folder.write("pem", "nothing");
    let mut said = String::new();
    for set in [
        &["bootstrap.realm=Main"][..],
        &["grpc.listen=127.0.0.1:9", "admin.listen=127.0.0.1:9"],
        &["admin.listen=127.0.0.1:9", "sms_receipts.listen=0.0.0.0:9", "sms_receipts.token_file=none"],
        &["sms_receipts.listen=127.0.0.1:9"],
        &["sms_receipts.listen=127.0.0.1:9", "sms_receipts.token_file=short"],
        &["mail.from=nobody", "log.level=tidegate=loud"],
        &["smtp.host=mail.example", "smtp.user=ann"],
        &["smtp.host=mail.example", "smtp.ca_file=pem"],
        &["sms.url=https://sms.example"],
        &["sms.url=http://sms.example", "sms.countries=DE"],
        &["web_push.key_file=pem", "fcm.account_file=pem", "apns.key_file=pem"],
        &["database.url_file=pem"],
        &["database.url=postgres://ada:se#cret@db/tidegate"],
        &["database.url=postgres://db/tidegate?sslmode=verify-full"],
        &["database.url=postgres://db/tidegate?sslpassword=secret"],
        &["keys.master_file=pem"],
        &["otlp.endpoint=collector.internal:4317"],
        &["otlp.endpoint=http://collector.internal:4317", "otlp.ca_file=pem"],
        &["otlp.endpoint=https://collector.internal:4317", "otlp.ca_file=pem"],
        &["otlp.endpoint=https://collector.internal:4317", "otlp.ca_file=none"],
    ] {
        let set: Vec<_> = set.iter().flat_map(|setting| ["--set", setting]).collect();
        let serve = folder.run(&[&["serve"], &set[..]].concat()).await;
        let check = folder.run(&[&["config", "check"], &set[..]].concat()).await;
        assert_eq!((serve.code, serve.out.as_str()), (Some(1), ""), "{serve:?}");
        assert_eq!((check.code, check.err.as_str()), (Some(1), serve.err.as_str()), "{set:?}");
        said += &check.err;
    }
    expect![[r#"
        tidegate: bootstrap.realm "Main" must be 1 to 63 bytes of a-z, 0-9 and -, begin with a letter and not end with -
        tidegate: admin.listen and grpc.listen are one address, 127.0.0.1:9: give each a port of its own
        tidegate: sms_receipts.listen and admin.listen are one address, 0.0.0.0:9: give each a port of its own
        sms_receipts.token_file: failed to read none: No such file or directory (os error 2)
        tidegate: sms_receipts.listen needs sms_receipts.token_file
        tidegate: sms_receipts.token_file: the token in short must have 16 characters or more, of letters, digits and -._~
        tidegate: wrong value for log.level: "tidegate=loud": "loud" is no level; the levels are off, error, warn, info, debug, trace, and target=level sets that of one target
        mail.from: "nobody" is no mailbox such as "Tidegate <no-reply@example.com>"
        tidegate: smtp.password_file: a user of the mail server is named, but no password
        tidegate: the file pem of trusted certificates cannot be used: it holds no certificate
        tidegate: sms.countries must name the countries that are sent to
        tidegate: the SMS gateway must have an https URL without a user
        tidegate: web_push.contact: "" is no contact such as mailto:ops@example.com or an https URL
        the key file pem cannot be used: it is no key of a service account in JSON
        the key file pem cannot be used: it holds no private key of the curve P-256 in PKCS #8
        tidegate: database.url_file: pem must begin with sqlite:, postgres:// or postgresql://
        tidegate: database.url: the character # starts a fragment, which no address has: in a password write %23
        tidegate: database.url: the parameter sslmode verify-full needs sslrootcert, the file of the authorities (PEM) that sign the server's certificate, for example /etc/ssl/certs/ca-certificates.crt
        tidegate: database.url: the parameter sslpassword is not supported: give a key without a passphrase, in a file that only this user may read
        tidegate: keys.master_file: failed to use pem: line 1 is not a key: 64 hexadecimal digits
        tidegate: otlp.endpoint: the address must be https://host:port or http://host:port, not "collector.internal:4317"
        tidegate: otlp.ca_file is given, but otlp.endpoint is not https
        tidegate: otlp.endpoint: the TLS settings cannot be used: the authorities hold no certificate in PEM
        tidegate: otlp.ca_file: failed to read none: No such file or directory (os error 2)
    "#]].assert_eq(&said);
    assert_eq!(folder.names().into_iter().collect::<Vec<_>>(), ["pem", "short"]);
}

/// In a pipeline, where the secrets are not.
#[tokio::test]
async fn config_check_can_do_without_the_files() {
    let folder = Folder::empty();
    let files = ["tls.cert_file=a", "tls.key_file=b", "smtp.host=c", "smtp.user=d", "smtp.password_file=e"];
    let set: Vec<_> = files.iter().flat_map(|setting| ["--set", setting]).collect();
    let words = |more: &[&'static str]| [&["config", "check"], &set[..], more].concat();
    let ended = folder.run(&words(&[])).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.err.contains("failed to read a") && ended.err.contains("failed to read e"),
        "{}",
        ended.err
    );
    let ended = folder.run(&words(&["--no-files"])).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "the settings are sound\n"), "{}", ended.err);
    let ended = folder.run(&words(&["--no-files", "--set", "mail.from=nobody"])).await;
    assert!(ended.err.contains("is no mailbox"), "{}", ended.err);
}

/// As a secret store gives it, so that no password is in an environment.
#[tokio::test]
async fn the_address_of_the_database_may_be_in_a_file() {
    let folder = Folder::empty();
    folder.write("url", &format!("sqlite:{}\n", folder.file("other.db").display()));
    let server = folder.serve(&["database.url_file=url", "database.url=postgres://nowhere/none"]).await;
    assert_eq!(server.page("/readyz").await.0, 200);
    assert_eq!(server.stopped().await.code, Some(0));
    assert!(folder.file("other.db").exists() && !folder.file("tidegate.db").exists());
}

#[tokio::test]
async fn settings_before_the_command_count_like_those_after_it() {
    let folder = Folder::empty();
    let words = [
        "--set",
        "limits.commands=3",
        "config",
        "--set",
        "mail.poll_ms=60",
        "print",
        "--set",
        "log.format=json",
    ];
    let printed = plain(&folder, &words).await.out;
    for setting in ["limits.commands = 3", "mail.poll_ms = 60", "log.format = \"json\""] {
        assert!(printed.contains(setting), "{setting} was forgotten:\n{printed}");
    }
}

#[tokio::test]
async fn config_print_names_each_origin_and_no_password() {
    let folder = Folder::empty();
    folder.write("tidegate.toml", "[mail]\nfolder = 'mails'\n");
    let url = ("TIDEGATE__DATABASE__URL", "postgres://ada:hush@db/tidegate");
    let set = ["--set", "limits.commands=3"];
    let ended = told(&folder, &["config", "check"], &set, &[url]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "the settings are sound\n"));
    let ended = told(&folder, &["config", "print"], &set, &[url]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let line = |key: &str| {
        let line = ended.out.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("database.url"),
        r#"database.url = "postgres://ada:***@db/tidegate" # environment variable TIDEGATE__DATABASE__URL"#
    );
    assert_eq!(line("mail.folder"), r#"mail.folder = "mails" # tidegate.toml"#);
    assert_eq!(line("limits.commands"), "limits.commands = 3 # --set limits.commands");
    assert_eq!(line("keys.master_file"), r#"keys.master_file = "master.key" # default"#);
}

#[tokio::test]
async fn the_printed_defaults_are_a_file_that_changes_nothing() {
    let folder = Folder::empty();
    let defaults = plain(&folder, &["config", "print", "--defaults"]).await;
    expect_file!["snapshots/defaults.toml"].assert_eq(&defaults.out);
    folder.write("tidegate.toml", &defaults.out);
    let without = plain(&folder, &["config", "print"]).await.out;
    let with = plain(&folder, &["config", "print", "--config", "tidegate.toml"]).await.out;
    let values = |printed: &str| {
        printed.lines().map(|line| line.split_once("  #").unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&with), values(&without));
    assert!(with.lines().all(|line| line.ends_with("# tidegate.toml")), "{with}");
}

#[tokio::test]
async fn a_file_that_is_named_and_missing_is_told() {
    let folder = Folder::empty();
    let ended = folder.run(&["serve", "--config", "nowhere.toml"]).await;
    assert_eq!(ended.code, Some(1));
    expect![[r"
        tidegate: failed to read nowhere.toml: No such file or directory (os error 2)
    "]]
    .assert_eq(&ended.err);
    assert_eq!(folder.names().len(), 0);
}

#[tokio::test]
async fn help_says_what_can_be_typed() {
    let folder = Folder::empty();
    let help = plain(&folder, &["--help"]).await;
    expect_file!["snapshots/help.txt"].assert_eq(&help.out);
    let help = plain(&folder, &["accounts", "import", "--help"]).await;
    expect_file!["snapshots/help-accounts-import.txt"].assert_eq(&help.out);
    for command in ["enroll", "listen", "list"] {
        let help = plain(&folder, &["device", command, "--help"]).await;
        expect_file![format!("snapshots/help-device-{command}.txt")].assert_eq(&help.out);
    }
}

/// Runs without the settings of the tests' folder.
async fn plain(folder: &Folder, words: &[&str]) -> Ended {
    let ended = told_plain(folder, words, &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    ended
}

async fn told(folder: &Folder, command: &[&str], set: &[&str], environment: &[(&str, &str)]) -> Ended {
    let words: Vec<&str> = [command, &["--config", "tidegate.toml"], set].concat();
    told_plain(folder, &words, environment).await
}

async fn told_plain(folder: &Folder, words: &[&str], environment: &[(&str, &str)]) -> Ended {
    let told = Told { words: words.to_vec(), environment: environment.to_vec(), input: "" };
    Program::start(folder.path(), &told).ended().await
}
