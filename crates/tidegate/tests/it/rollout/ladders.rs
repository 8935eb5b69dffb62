//! Ladders from files, and previews of what changes would do.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    a_ladder_is_planned_previewed_set_and_shown,
    who_is_reached_is_exported,
}

const LADDER: &str = "\
ladder:
  - title: Everybody
    phases:
      - {from: now, rung: optional}
      - {from: 2037-01-22T00:00 Europe/Berlin, rung: required}
    grace: {days: 30, cap: 2037-03-01T00:00:00Z}
    reminder_days: [0, 15]
";
const CONFIRM: [&str; 2] = ["--confirm", "kasa-two-step"];

async fn a_ladder_is_planned_previewed_set_and_shown(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    desk.folder.write("ladder.yaml", LADDER);
    desk.folder.write("whole.yaml", &format!("{PLAN}{LADDER}"));
    let added = "ladder rule 1: would be added: 'Everybody', every account: optional from now, required from 2037-01-22T00:00 \
                 Europe/Berlin (+01:00); demands second step; grace: 30 days, at most until 2037-03-01T01:00 \
                 Europe/Berlin (+01:00); reminders on days 0, 15\n";
    assert_eq!(desk.said(&["rollout", "diff", "-f", "whole.yaml"]).await, added);

    let preview = ["rollout", "preview", "-f", "whole.yaml", "--dates", "--sample", "1"];
    let told = desk.said(&preview).await;
    assert!(told.starts_with("now, ") && told.contains("\nat 2037-01-21T23:00:00Z\n"), "{told}");
    let line = |name: &str| {
        let (_, at) = told.split_once("\nat 2037-01-21T23:00:00Z\n").unwrap();
        let mut lines = at.lines().filter(|line| line.trim_start().starts_with(name));
        lines.next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert!(told.contains("\nat 2037-03-01T00:00:00Z\n"), "when the grace of all ends: {told}");
    assert_eq!(line("reached"), "reached 0 -> 1");
    assert_eq!(line("two-step is required"), "two-step is required of 0 -> 1");
    assert_eq!(line("of these, still"), "of these, still have time (grace, or exempted) 1");
    assert!(told.contains("kasa: more is required than before: acct_"), "{told}");
    assert!(told.contains("\nmore is required: two-step is required of an account"), "{told}");
    assert!(told.ends_with("of 1 account; revision 1\n"), "{told}");
    assert_eq!(desk.revision().await, 1, "a preview changed something");
    let json = desk.said(&["rollout", "preview", "kasa-two-step", "--start", "-o", "json"]).await;
    assert!(json.contains("\"requiredAfterCount\": \"0\""), "{json}");

    // It makes two-step required, so it is confirmed.
    let set = ["rollout", "ladder", "set", "kasa-two-step", "-f", "ladder.yaml"];
    for verb in [&set[..], &["rollout", "apply", "-f", "whole.yaml"]] {
        let ended = desk.run(verb).await;
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(
            ended.err.contains("this makes two-step required:\nrule 1 'Everybody': second step"),
            "{}",
            ended.err
        );
        assert!(ended.err.contains("nothing was changed: this needs a terminal"), "{}", ended.err);
    }
    let done = desk.said(&[&set[..], &CONFIRM].concat()).await;
    assert!(done.starts_with("kasa-two-step: live, revision 2; "), "{done}");
    assert!(done.ends_with("; the ladder has 1 rule\n"), "{done}");
    assert_eq!(
        desk.said(&["rollout", "diff", "-f", "whole.yaml"]).await,
        "nothing differs\n",
        "`now` has begun"
    );
    let again = desk.said(&set).await;
    assert!(again.starts_with("nothing to change; "), "{again}");
    // Without `ladder` in the file it stays.
    assert_eq!(desk.said(&["rollout", "diff", "-f", "plan.yaml"]).await, "nothing differs\n");
    let shown = desk.said(&["rollout", "get", "kasa-two-step"]).await;
    assert!(shown.contains("2037-01-22T00:00 Europe/Berlin (+01:00)"), "{shown}");
    assert!(shown.contains("30 days, at most until 2037-03-01T01:00 Europe/Berlin (+01:00)"), "{shown}");
    // It reaches everybody, so that a wave reaches nobody more.
    let told = desk.said(&["rollout", "preview", "kasa-two-step", "--start"]).await;
    let why = "kasa: nobody is newly reached: every account is reached already, by this rollout or another\n";
    assert!(told.contains(why), "{told}");
    let at = ["rollout", "preview", "kasa-two-step", "--start", "--at", "2037-01-22 Europe/Berlin"];
    assert!(desk.said(&at).await.contains("\nat 2037-01-21T23:00:00Z\n"));
    let listed = desk.said(&["rollout", "list"]).await;
    assert!(
        listed.contains(
            "  live by its ladder  0 of 2         2037-01-22 00:00 Europe/Berlin: 'Everybody' is required"
        ),
        "{listed}"
    );
    let ladder = desk.said(&["rollout", "ladder", "get", "kasa-two-step"]).await;
    assert!(ladder.starts_with("rule  title      audience       products       rung"), "{ladder}");

    // Later, or gone, asks for nothing.
    desk.folder.write("ladder.yaml", &LADDER.replace("2037-01-22T00:00", "2037-01-23T00:00"));
    let later = desk.run(&set).await;
    assert!(later.err.starts_with("ladder rule 1: dates: optional from "), "{}", later.err);
    assert_eq!(later.code, Some(0), "{}", later.err);
    let remove = ["rollout", "ladder", "remove", "kasa-two-step"];
    let ended = desk.run(&remove).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
    let says = "this will remove the ladder of `kasa-two-step`: from then on `kasa-two-step` requires two-step of no account";
    assert!(ended.err.contains(says), "{}", ended.err);
    let removed = desk.said(&[&remove[..], &CONFIRM].concat()).await;
    assert!(!removed.contains("ladder"), "{removed}");
    assert!(desk.said(&remove).await.starts_with("nothing to change; "));
    let ladder = desk.said(&["rollout", "ladder", "get", "kasa-two-step"]).await;
    assert!(ladder.contains("has no ladder"), "{ladder}");
    desk.said(&[&["rollout", "revert", "kasa-two-step", "--to", "1"], &CONFIRM[..]].concat()).await;
    assert_eq!(desk.revision().await, 5);
}

async fn who_is_reached_is_exported(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    desk.said(&[&["rollout", "start", "kasa-two-step"], &CONFIRM[..]].concat()).await;
    desk.said(&[&["rollout", "advance", "kasa-two-step"], &CONFIRM[..]].concat()).await;
    let reached = ["rollout", "reached", "kasa-two-step", "--product", "kasa", "--export"];
    let told = desk.said(&[&reached[..], &["-"]].concat()).await;
    let line: serde_json::Value = serde_json::from_str(told.trim_end()).unwrap();
    assert_eq!((line["externalId"].as_str(), told.lines().count()), (Some("u-1"), 1), "{told}");
    assert!(line["wave"].is_number(), "{told}");
    desk.said(&[&reached[..], &["reached.ndjson"]].concat()).await;
    assert_eq!(desk.folder.read("reached.ndjson"), told);
    let twice = desk.run(&[&reached[..], &["reached.ndjson"]].concat()).await;
    assert!(twice.err.contains("it exists"), "{}", twice.err);
}
