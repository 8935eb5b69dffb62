//! Contexts, and completions of the shell.

use super::Desk;
use crate::{
    folder::Folder,
    program::{Ended, Told},
};

#[tokio::test]
async fn a_context_keeps_the_server_and_the_file_of_the_credential() {
    let desk = Desk::on(Folder::empty()).await;
    let address = format!("http://{}", desk.server.grpc);
    std::fs::create_dir(desk.folder.file("elsewhere")).unwrap();
    let add = ["context", "add", "here", "--address", &address, "--credential-file", "operator.credential"];
    assert_eq!(with_home(&desk, &add, &[]).await.transcript(), "exit code: Some(0)");
    let add =
        |address| ["context", "add", "gone", "--address", address, "--credential-file", "no.credential"];
    let missing = with_home(&desk, &add("127.0.0.1:1"), &[]).await;
    assert_eq!(missing.code, Some(2), "{}", missing.err);
    assert!(missing.err.contains("there is no file `no.credential`"), "{}", missing.err);
    desk.folder.write("no.credential", "");
    let open = with_home(&desk, &add("tidegate.example:443"), &[]).await;
    assert_eq!(open.code, Some(2), "{}", open.err);
    assert!(open.err.contains("says no scheme: write https://tidegate.example:443"), "{}", open.err);
    // Without a scheme, this machine is meant.
    assert_eq!(with_home(&desk, &add("127.0.0.1:1"), &[]).await.code, Some(0));
    std::fs::remove_file(desk.folder.file("no.credential")).unwrap();
    assert_eq!(desk.folder.mode("home/tidegate/contexts.toml"), 0o600);
    let saved = desk.folder.read("home/tidegate/contexts.toml");
    assert!(
        saved.contains("/operator.credential") && !saved.contains(desk.server.credential().trim()),
        "{saved}"
    );

    // The first one is the current one; then the environment wins, and then the flag.
    let list = ["rollout", "list"];
    assert_eq!(with_home(&desk, &list, &[]).await.code, Some(0));
    let gone = with_home(&desk, &list, &[("TIDEGATE_CONTEXT", "gone")]).await;
    assert_eq!(gone.code, Some(1), "{}", gone.err);
    assert!(gone.err.contains("no.credential"), "{}", gone.err);
    let named = [&list[..], &["--context", "here"]].concat();
    assert_eq!(with_home(&desk, &named, &[("TIDEGATE_CONTEXT", "gone")]).await.code, Some(0));
    let given = ["rollout", "list", "--context", "gone", "--address", &address];
    let given = [&given[..], &["--credential-file", "operator.credential"]].concat();
    assert_eq!(with_home(&desk, &given, &[]).await.code, Some(0));

    assert_eq!(with_home(&desk, &["context", "use", "gone"], &[]).await.code, Some(0));
    assert_eq!(with_home(&desk, &list, &[]).await.code, Some(1));
    let listed = with_home(&desk, &["context", "list"], &[]).await.out;
    assert!(listed.contains("\n*  gone  http://127.0.0.1:1"), "{listed}");
    assert!(listed.ends_with("\n* the current one\n"), "{listed}");
    let shown = with_home(&desk, &["context", "show"], &[]).await.out;
    assert!(shown.starts_with("name             gone\naddress          http://127.0.0.1:1\n"), "{shown}");
    let shown = with_home(&desk, &["context", "show"], &[("TIDEGATE_CONTEXT", "here")]).await.out;
    assert!(shown.contains(&address) && shown.contains("/operator.credential\n"), "{shown}");
    assert_eq!(with_home(&desk, &["context", "remove", "gone"], &[]).await.code, Some(0));
    for words in [
        &["context", "use", "gone"][..],
        &["context", "remove", "gone"],
        &["rollout", "list", "--context", "gone"],
    ] {
        let ended = with_home(&desk, words, &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("there is no context `gone`"), "{}", ended.err);
    }
}

/// The credential is read only for the server that it was kept for.
#[tokio::test]
async fn the_credential_of_a_context_goes_to_no_other_server() {
    let desk = Desk::on(Folder::empty()).await;
    let add = [
        "context",
        "add",
        "here",
        "--address",
        "https://tidegate.example",
        "--credential-file",
        "operator.credential",
    ];
    assert_eq!(with_home(&desk, &add, &[]).await.code, Some(0));
    let address = format!("http://{}", desk.server.grpc);
    let ended = with_home(&desk, &["rollout", "list", "--address", &address], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("give --credential-file too"), "{}", ended.err);
}

#[tokio::test]
async fn shells_complete_the_commands() {
    let folder = Folder::empty();
    for shell in ["bash", "zsh", "fish"] {
        let ended = folder.run(&["completions", shell]).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        assert!(ended.out.contains("rollback") && ended.out.contains("tidegate"), "{shell}");
    }
    assert_eq!(folder.run(&["completions", "tcl"]).await.code, Some(2));
}

async fn with_home(desk: &Desk, words: &[&str], environment: &[(&str, &str)]) -> Ended {
    let home = desk.folder.file("home");
    let environment = [environment, &[("XDG_CONFIG_HOME", home.to_str().unwrap())]].concat();
    desk.folder.start_told(&Told { words: words.to_vec(), environment, input: "" }).ended().await
}
