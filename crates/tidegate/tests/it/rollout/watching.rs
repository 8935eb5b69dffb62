//! `tidegate rollout watch` where the output is no terminal: a line for each change, over lost connections.

use tidegate_proto::RoleType;

use super::Desk;
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    a_rollout_is_watched_line_by_line,
}

async fn a_rollout_is_watched_line_by_line(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.credential(RoleType::RolloutManager, "mara").await;
    let refused = desk.run(&["rollout", "watch", "nothing"]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.transcript());
    assert!(refused.err.contains("ROLLOUT_NOT_FOUND"), "{}", refused.transcript());
    desk.run_as("mara", &["rollout", "create", "-f", "plan.yaml"]).await;
    let address = format!("http://{}", desk.server.grpc);
    let words = ["--address", &address, "--credential-file", "mara.credential"];
    let mut watch = desk.folder.start(&[&["rollout", "watch", "kasa-two-step"][..], &words].concat());
    let first = watch.prints("kasa-two-step: draft").await;
    let said = "kasa-two-step: draft, 0 of 2 waves started, revision 1 by mara; no events yet";
    assert_eq!(first.split_once(' ').unwrap().1, said);
    desk.run_as(
        "mara",
        &["rollout", "start", "kasa-two-step", "--confirm", "kasa-two-step", "--reason", "ready"],
    )
    .await;
    let next = watch.prints("live").await;
    let said = "kasa-two-step: live, 1 of 2 waves started, revision 2 by mara: ready; no events yet";
    assert_eq!(next.split_once(' ').unwrap().1, said);
    assert!(!watch.so_far().out.contains('\u{1b}'), "no escape codes");
    desk.server.stopped().await;
    watch.logs("the connection is lost").await;
}
