//! What differs between revisions, as `history`, `diff` and `revert` say it.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    revisions_are_told_in_sentences,
}

const LADDER: &str = "\
ladder:
  - title: Everybody
    phases:
      - {from: 2037-01-22T00:00 Europe/Berlin, rung: required}
";

async fn revisions_are_told_in_sentences(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let confirm = ["--confirm", "kasa-two-step"];
    let apply = [&["rollout", "apply", "-f", "plan.yaml"][..], &confirm].concat();
    desk.said(&apply).await;
    // Revision 2 is the second wave, 3 the ladder, 4 another date, 5 the start.
    let wave = "edge: 50 %\n    audience: {attribute: account.country, any_of: [DE]}\n    soak: 2 days";
    desk.folder.write("plan.yaml", &PLAN.replace("edge: 100 %", wave));
    desk.said(&apply).await;
    desk.folder.write("ladder.yaml", LADDER);
    let set = [&["rollout", "ladder", "set", "kasa-two-step", "-f", "ladder.yaml"][..], &confirm].concat();
    desk.said(&set).await;
    desk.folder.write("ladder.yaml", &LADDER.replace("2037-01-22", "2037-02-22"));
    desk.said(&set).await;
    desk.said(&[&["rollout", "start", "kasa-two-step"][..], &confirm].concat()).await;

    let history = desk.said(&["rollout", "history", "kasa-two-step", "--limit", "3"]).await;
    let added = "   ladder rule 1: added: 'Everybody', every account: required from 2037-01-22T00:00 Europe/Berlin (+01:00); \
                 demands second step; grace: 30 days\n";
    let moved = "   ladder rule 1: dates: required from 2037-01-22T00:00 Europe/Berlin (+01:00) -> required from \
                 2037-02-22T00:00 Europe/Berlin (+01:00)\n";
    assert!(history.contains(added) && history.contains(moved), "{history}");
    assert!(history.contains("   wave 1: state: draft -> live\n"), "{history}");

    let differences = desk.said(&["rollout", "diff", "kasa-two-step", "--from", "1", "--to", "3"]).await;
    for line in [
        "wave 2: edge: 100 % -> 50 %\n",
        "wave 2: audience: nothing -> account.country is DE\n",
        "wave 2: soak: nothing -> 2 days\n",
        added.trim_start(),
    ] {
        assert!(differences.contains(line), "{line}: {differences}");
    }
    assert!(!differences.contains('{') && !differences.contains("waves["), "{differences}");

    // How a wave stands is not put back, and the ladder is.
    let ended = desk.run(&["rollout", "revert", "kasa-two-step", "--to", "1"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    let mut lines: Vec<_> = ended.err.lines().collect();
    lines.truncate(6);
    assert_eq!(
        lines,
        [
            "wave 2: audience: account.country is DE -> nothing",
            "wave 2: edge: 50 % -> 100 %",
            "wave 2: soak: 2 days -> nothing",
            "ladder rule 1: removed: 'Everybody', every account: required from 2037-02-22T00:00 Europe/Berlin (+01:00); \
             demands second step; grace: 30 days",
            "this is all that will change; accounts that were reached, waves that have started, pauses and stops stay as they are",
            "`tidegate rollout preview kasa-two-step --revert-to 1 --dates` counts of whom",
        ]
    );
    desk.said(&[&["rollout", "revert", "kasa-two-step", "--to", "1"][..], &confirm].concat()).await;
    assert!(desk.got().await.rollout.unwrap().ladder.is_empty());

    // Back with it, two-step is required again.
    let preview = ["rollout", "preview", "kasa-two-step", "--revert-to", "4", "--dates"];
    let told = desk.said(&preview).await;
    let (_, then) = told.split_once("\nat 2037-02-21T23:00:00Z\n").unwrap_or_else(|| panic!("{told}"));
    let required = then.lines().find(|line| line.starts_with("two-step is required of")).unwrap();
    assert!(required.ends_with(" 0 -> 1"), "{told}");
    let both = desk.run(&[&preview[..], &["--advance"]].concat()).await;
    assert_eq!(both.code, Some(2), "{}", both.err);
    let ended = desk.run(&["rollout", "revert", "kasa-two-step", "--to", "4"]).await;
    assert!(
        ended.err.contains("\nladder rule 1: added: 'Everybody', every account: required"),
        "{}",
        ended.err
    );
    let says = "\nthis makes two-step required:\nrule 1 'Everybody': second step of every account at kasa from 2037-02-22";
    assert!(ended.err.contains(says), "{}", ended.err);
}
