//! The file of breached passwords: made, asked, and used by a server.

use expect_test::expect;
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;
use tonic::Code;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::heard,
    program::{Ended, Told},
};

/// SHA-1 of `seven otters paint the harbour`, `passwordpassword`, `correct horse battery staple`, and how often each was counted.
const LIST: &str = "43D7C38E72C3B24693FA6B0D8B2EC9313902410A:7\r
476E251CC54B60534F68D0F614FCC67950151353:2\r
ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42:42\r
";
const STAPLE: &str = "correct horse battery staple";
const OTTERS: &str = "seven otters paint the harbour";

on_both_engines! {
    a_password_that_another_service_lost_is_refused,
}

async fn build(folder: &Folder, words: &[&str]) -> Ended {
    folder.run(&[&["passwords", "build"], words].concat()).await
}

async fn test(folder: &Folder, password: &str) -> Ended {
    let words = vec!["passwords", "test", "breached"];
    folder.start_told(&Told { words, input: &format!("{password}\n"), ..Told::default() }).ended().await
}

#[tokio::test]
async fn a_list_becomes_a_file_that_can_be_asked() {
    let folder = Folder::empty();
    folder.write("list.txt", LIST);
    let built = build(&folder, &["--from", "list.txt", "--out", "breached", "--min-count", "3"]).await;
    expect![[r"
        stdout:
        2 passwords, 8388690 bytes

        exit code: Some(0)"]]
    .assert_eq(&built.transcript());
    assert_eq!(folder.mode("breached"), 0o644);
    assert_eq!(folder.names().into_iter().collect::<Vec<_>>(), ["breached", "list.txt"]);
    expect![[r"
        stdout:
        breached: it is one of 2 passwords that were counted 3 times or more

        exit code: Some(1)"]]
    .assert_eq(&test(&folder, STAPLE).await.transcript());
    expect![[r"
        stdout:
        not found: it is none of 2 passwords that were counted 3 times or more

        exit code: Some(0)"]]
    .assert_eq(&test(&folder, "Correct horse battery staple").await.transcript());
    assert_eq!(test(&folder, OTTERS).await.code, Some(1));
    assert_eq!(test(&folder, "passwordpassword").await.code, Some(0), "it was counted twice only");
    expect![[r"
        stderr:
        tidegate: give the password on standard input

        exit code: Some(1)"]]
    .assert_eq(&test(&folder, "").await.transcript());
}

#[tokio::test]
async fn a_folder_of_ranges_becomes_the_same_file() {
    let folder = Folder::empty();
    folder.write("list.txt", LIST);
    std::fs::create_dir(folder.file("ranges")).unwrap();
    for line in LIST.lines() {
        let (range, suffix) = line.split_at(5);
        folder.write(&format!("ranges/{range}"), suffix);
    }
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "one"]).await.code, Some(0));
    let refused = build(&folder, &["--from", "ranges", "--out", "two"]).await;
    expect![[r"
        stderr:
        tidegate: failed to make two: 1048573 of 1048576 ranges are missing in ranges: download the rest, or give --partial

        exit code: Some(1)"]]
    .assert_eq(&refused.transcript());
    assert!(!folder.file("two").exists());
    let built = build(&folder, &["--from", "ranges", "--out", "two", "--partial"]).await;
    assert_eq!(built.code, Some(0), "{built:?}");
    assert_eq!(std::fs::read(folder.file("one")).unwrap(), std::fs::read(folder.file("two")).unwrap());
}

#[tokio::test]
async fn a_list_that_cannot_be_used_changes_no_file() {
    let folder = Folder::empty();
    folder.write("breached", "as it was");
    let reversed: Vec<_> = LIST.lines().rev().collect();
    folder.write("reversed.txt", &reversed.join("\n"));
    folder.write("ntlm.txt", "8846F7EAEE8FB117AD06BDD830B7586C:1\n");
    let mut said = String::new();
    for list in ["reversed.txt", "ntlm.txt", "none.txt"] {
        let ended = build(&folder, &["--from", list, "--out", "breached"]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        said += &ended.err;
    }
    expect![[r"
        tidegate: failed to make breached: reversed.txt, line 2: the hashes are not in ascending order: take the list that is ordered by hash
        tidegate: failed to make breached: ntlm.txt, line 1: must be 40 hexadecimal digits, a colon and a number
        tidegate: failed to make breached: failed to read none.txt: No such file or directory (os error 2)
    "]].assert_eq(&said);
    assert_eq!(folder.read("breached"), "as it was");
    assert_eq!(folder.names().len(), 3, "no temporary file is left");
}

async fn create(operator: &Client, name: &str, password: &str) -> Result<(), Refused> {
    let (external_id, password) = (name.to_owned(), password.to_owned());
    let request = proto::CreateAccountRequest { external_id, password, ..Default::default() };
    heard(operator.accounts().create_account(request).await).map(drop)
}

fn codes(refused: Refused) -> Vec<String> {
    assert_eq!(refused.name(), "PASSWORD_NOT_ACCEPTABLE", "{refused}");
    refused.violations.into_iter().map(|wrong| wrong.code).collect()
}

async fn a_password_that_another_service_lost_is_refused(engine: Engine) {
    let folder = Folder::installed(engine).await;
    folder.write("list.txt", LIST);
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "breached"]).await.code, Some(0));
    let server = folder.serve(&["passwords.breached_file=breached"]).await;
    let operator = server.operator();
    assert_eq!(codes(create(&operator, "ann", STAPLE).await.unwrap_err()), ["BREACHED"]);
    let both = create(&operator, "ann", "passwordpassword").await.unwrap_err();
    assert_eq!(codes(both), ["COMMON", "BREACHED"]);
    create(&operator, "ann", "seven otters paint the ferry").await.unwrap();
}

#[tokio::test]
async fn a_new_file_is_used_after_sighup() {
    let folder = Folder::empty();
    folder.write("list.txt", LIST.lines().last().unwrap());
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "breached"]).await.code, Some(0));
    let mut server = folder.serve(&["passwords.breached_file=breached"]).await;
    let operator = server.operator();
    create(&operator, "ann", OTTERS).await.unwrap();
    folder.write("list.txt", LIST);
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "breached"]).await.code, Some(0));
    server.program.signal("HUP");
    server.program.logs("breached passwords are read again").await;
    assert_eq!(codes(create(&operator, "bob", OTTERS).await.unwrap_err()), ["BREACHED"]);
    folder.write("other", "another file");
    std::fs::rename(folder.file("other"), folder.file("breached")).unwrap();
    server.program.signal("HUP");
    server.program.logs("the old one stays").await;
}

/// The first file is cut while it is open, as a disk that fails would do.
#[tokio::test]
async fn a_password_that_cannot_be_looked_up_is_not_accepted() {
    let folder = Folder::empty();
    folder.write("list.txt", LIST);
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "breached"]).await.code, Some(0));
    let mut server = folder.serve(&["passwords.breached_file=breached"]).await;
    std::fs::File::options().write(true).open(folder.file("breached")).unwrap().set_len(100).unwrap();
    let refused = create(&server.operator(), "ann", "seven otters paint the ferry").await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
    let line = server.program.logs("a password was not looked up").await;
    assert!(line.contains("failed to read breached") && !line.contains("otters"), "{line}");
}

#[tokio::test]
async fn a_file_that_is_not_whole_keeps_the_server_from_starting() {
    let folder = Folder::empty();
    folder.write("list.txt", LIST);
    assert_eq!(build(&folder, &["--from", "list.txt", "--out", "breached"]).await.code, Some(0));
    let cut = std::fs::File::options().write(true).open(folder.file("breached")).unwrap();
    cut.set_len(8_388_690).unwrap();
    let mut said = String::new();
    for file in ["breached", "list.txt", "none"] {
        let set = format!("passwords.breached_file={file}");
        let ended = folder.run(&["serve", "--set", &set]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        said += &ended.err;
    }
    expect![[r"
        tidegate: passwords.breached_file: breached is damaged: it is not as long as its header says; make it again with `tidegate passwords build`
        tidegate: passwords.breached_file: list.txt is no file of breached passwords: make one with `tidegate passwords build`
        tidegate: passwords.breached_file: failed to read none: No such file or directory (os error 2)
    "]].assert_eq(&said);
}
