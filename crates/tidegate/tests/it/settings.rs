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
