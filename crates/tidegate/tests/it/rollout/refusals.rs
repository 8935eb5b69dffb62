//! What is refused, by whom, and with which exit code.

use std::net::TcpListener;

use tidegate_proto::RoleType;

use super::{Desk, PLAN};
use crate::{
    folder::{Engine, Folder, on_both_engines},
    program::{Program, Told},
};

on_both_engines! {
    severe_verbs_need_a_confirmation,
    a_change_of_another_person_is_named,
}

/// Whether a wave asks follows from its share.
async fn severe_verbs_need_a_confirmation(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let narrow = PLAN.replace(
        "title: all\n    edge: 100 %",
        "title: quarter\n    edge: 25 %\n  - title: all\n    edge: 26 %",
    );
    desk.folder.write("plan.yaml", &narrow);
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    let refused = async |words: &[&str]| {
        let before = desk.revision().await;
        let ended = desk.run(&[&["rollout"], words].concat()).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
        assert!(ended.err.contains("nothing was changed: this needs a terminal"), "{}", ended.err);
        let ended = desk.run(&[&["rollout"], words, &["--confirm", "kasa"]].concat()).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
        assert!(ended.err.contains("--confirm names `kasa`, and this is `kasa-two-step`"), "{}", ended.err);
        assert_eq!(desk.revision().await, before);
        desk.said(&[&["rollout"], words, &["--confirm", "kasa-two-step"]].concat()).await;
    };
    refused(&["start", "kasa-two-step"]).await;
    // 25 % is not above 25 %.
    desk.said(&["rollout", "advance", "kasa-two-step"]).await;
    refused(&["advance", "kasa-two-step"]).await;
    refused(&["rollback", "kasa-two-step", "--to", "0"]).await;
    refused(&["stop", "kasa-two-step"]).await;
    refused(&["clear", "kasa-two-step"]).await;
}

/// On a terminal, the key is typed. `script` gives the program one.
#[tokio::test]
async fn the_key_is_typed_on_a_terminal() {
    let desk = Desk::on(Folder::empty()).await;
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    let tidegate = env!("CARGO_BIN_EXE_tidegate");
    let start = format!("{tidegate} rollout start kasa-two-step --address http://{}", desk.server.grpc);
    for (typed, code, says) in
        [("kasa\n", 2, "nothing was changed: that is not `kasa-two-step`"), ("kasa-two-step\n", 0, "is live")]
    {
        let told = Told { words: vec!["-qec", &start, "/dev/null"], environment: vec![], input: typed };
        let ended = Program::start_other("/usr/bin/script", desk.folder.path(), &told).ended().await;
        assert_eq!(ended.code, Some(code), "{}", ended.transcript());
        let asked = ended.out.contains("this will start wave 1 'first look': 1 % of every account at kasa");
        assert!(asked && ended.out.contains(says), "{}", ended.out);
    }
}

async fn a_change_of_another_person_is_named(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    desk.credential(RoleType::RolloutManager, "mia").await;
    desk.folder.write("plan.yaml", &PLAN.replace("at Kasa", "everywhere"));
    let applied = desk.run_as("mia", &["rollout", "apply", "-f", "plan.yaml", "--reason", "new name"]).await;
    assert_eq!(applied.code, Some(0), "{}", applied.err);
    let start = ["rollout", "start", "kasa-two-step", "--confirm", "kasa-two-step", "--etag"];
    let ended = desk.run(&[&start[..], &["r1"]].concat()).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
    for part in [
        "nothing was changed, because `kasa-two-step` was changed meanwhile (revision 2 by mia at ",
        ": new name)",
        "look again with `tidegate rollout get kasa-two-step`",
    ] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert_eq!(desk.revision().await, 2);
    desk.said(&[&start[..], &["r2"]].concat()).await;
}

#[tokio::test]
async fn refusals_are_plain_sentences_with_an_exit_code() {
    let desk = Desk::on(Folder::empty()).await;
    let ended = desk.run(&["rollout", "get", "tapo-two-step"]).await;
    assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 1), "{}", ended.err);
    assert!(
        ended.err.ends_with("; `tidegate rollout list` shows all (ROLLOUT_NOT_FOUND)\n"),
        "{}",
        ended.err
    );
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    let ended = desk.run(&["rollout", "resume", "kasa-two-step"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("ROLLOUT_NOT_PAUSED"), "{}", ended.err);
    for words in [&["rollout", "advence", "x"][..], &["rollout", "stop"], &["rollout", "rollback", "x"]] {
        assert_eq!(desk.run(words).await.code, Some(2), "{words:?}");
    }
    desk.credential(RoleType::Evaluator, "machine").await;
    let ended = desk.run_as("machine", &["rollout", "list"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("ask an admin for a credential of another role"), "{}", ended.err);
    let ended = desk.run_as("missing", &["rollout", "list"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("failed to read missing.credential"), "{}", ended.err);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_exit_code_3() {
    let folder = Folder::installed(Engine::Sqlite).await;
    // A port that nobody else takes, and that accepts no connection once the listener is gone.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = folder.run(&["rollout", "list", "--address", &format!("http://{free}")]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""), "{}", ended.err);
    assert!(ended.err.contains("see whether the server runs"), "{}", ended.err);
    // A server that takes the connection and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let ended = folder.run(&["rollout", "list", "--address", &address, "--deadline", "1"]).await;
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let ended = folder.run(&["rollout", "list", "--address", "tidegate.example:50051"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}
