//! The whole life of a rollout, typed.

use std::fmt::Write as _;

use expect_test::expect;
use serde_json::Value;
use tidegate_proto::RoleType;

use super::Desk;
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    a_rollout_lives_by_the_command_line,
    answers_are_read_by_programs,
}

/// The account's place is drawn: one in a hundred is reached by the first wave.
fn with_the_usual_place(said: String) -> String {
    let Some((before, after)) = said.split_once("1 %    done   kasa      1 ") else { return said };
    let after = after.replacen("100 %  live   kasa      0 ", "100 %  live   kasa      1 ", 1);
    format!("{before}1 %    done   kasa      0 {after}")
}

async fn a_rollout_lives_by_the_command_line(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    for who in ["eva", "tom"] {
        desk.credential(RoleType::RolloutApprover, who).await;
    }
    let mut said = String::new();
    for words in [
        &["create", "-f", "plan.yaml"][..],
        &["list"],
        &["start", "kasa-two-step", "--confirm", "kasa-two-step"],
        &["pause", "kasa-two-step", "--reason", "holidays"],
        &["resume", "kasa-two-step"],
        &["advance", "kasa-two-step", "--confirm", "kasa-two-step", "--reason", "no complaints"],
        &["stats", "kasa-two-step", "--reached"],
        &[
            "rollback",
            "kasa-two-step",
            "--to",
            "1",
            "--confirm",
            "kasa-two-step",
            "--reason",
            "codes arrive late",
        ],
        &["stop", "kasa-two-step", "--confirm", "kasa-two-step", "--reason", "sign-ins fail"],
    ] {
        let ended = desk.run(&[&["rollout"], words].concat()).await;
        write!(said, "$ {}\n{}{}", words.join(" "), ended.err, ended.out).unwrap();
        assert_eq!(ended.code, Some(0), "{said}");
    }
    for who in ["eva", "tom"] {
        let words = ["rollout", "clear", "kasa-two-step", "--confirm", "kasa-two-step", "--reason", "fixed"];
        let ended = desk.run_as(who, &words).await;
        write!(said, "{who}$ {}\n{}{}", words.join(" "), ended.err, ended.out).unwrap();
        assert_eq!(ended.code, Some(0), "{said}");
    }
    expect![[r#"
        $ create -f plan.yaml
        kasa-two-step: draft, revision 1; wave 1 'first look' (1 %) is draft, wave 2 'all' (100 %) is draft
        $ list
        key            title             state  waves started  next date  products  revision
        kasa-two-step  Two-step at Kasa  draft  0 of 2                    kasa      1
        $ start kasa-two-step --confirm kasa-two-step
        this will start wave 1 'first look': 1 % of every account at kasa
        kasa-two-step: live, revision 2; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is draft
        $ pause kasa-two-step --reason holidays
        no wave starts until the rollout is resumed; accounts that were reached stay reached
        kasa-two-step: paused, revision 3; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is draft
        $ resume kasa-two-step
        waves can start again
        kasa-two-step: live, revision 4; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is draft
        $ advance kasa-two-step --confirm kasa-two-step --reason no complaints
        this will start wave 2 'all': 100 % of every account at kasa
        kasa-two-step: live, revision 5; wave 1 'first look' (1 %) is done, wave 2 'all' (100 %) is live
        $ stats kasa-two-step --reached
        product  reached  shown  enrollment begun  active  switched on  wished for
        kasa     1        0      0                 0       0            0

        wave  title       share  state  products  reached first  would reach  shown
        1     first look  1 %    done   kasa      0              -            0
        2     all         100 %  live   kasa      1              -            0

        of 1 accounts; "-" means: has started; revision 5, …

        the funnel counts no events yet
        $ rollback kasa-two-step --to 1 --confirm kasa-two-step --reason codes arrive late
        this will take back wave 2 'all': accounts that have not enrolled will be back to "not yet", the others keep their factors
        kasa-two-step: live, revision 6; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is rolled back
        $ stop kasa-two-step --confirm kasa-two-step --reason sign-ins fail
        this will stop `kasa-two-step`: no wave will reach a further account or start until two persons clear the stop; nothing will change for accounts that were shown two-step or enrolled
        kasa-two-step: stopped, revision 7; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is rolled back
        eva$ rollout clear kasa-two-step --confirm kasa-two-step --reason fixed
        this will ask to clear the stop; another person has to run the same
        asked; another person has to agree
        kasa-two-step: stopped, revision 8; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is rolled back
        tom$ rollout clear kasa-two-step --confirm kasa-two-step --reason fixed
        eva asked to clear the stop; run by another person, this will clear it: waves can start again
        the stop is cleared
        kasa-two-step: live, revision 9; wave 1 'first look' (1 %) is live, wave 2 'all' (100 %) is rolled back
    "#]].assert_eq(&without_times(&with_the_usual_place(said)));

    let history = desk.said(&["rollout", "history", "kasa-two-step", "--limit", "3"]).await;
    assert!(history.contains(": fixed\n") && history.contains(": sign-ins fail\n"), "{history}");
    assert!(history.contains("\n   stopped by operator: sign-ins fail\n"), "{history}");
    let differences = desk.said(&["rollout", "diff", "kasa-two-step", "--from", "1", "--to", "2"]).await;
    assert!(differences.contains("wave 1: state: draft -> live\n"), "{differences}");
    let shown = desk.said(&["rollout", "get", "kasa-two-step"]).await;
    assert!(
        shown.starts_with("kasa-two-step: Two-step at Kasa\nstate     live\nproducts  kasa\n"),
        "{shown}"
    );
    let why = desk.said(&["rollout", "explain", "kasa-two-step", "u-1"]).await;
    assert!(
        why.contains("\n\nkasa-two-step:\n- ")
            && why.ends_with("\n\n* holds; - does not hold\n")
            && why.contains("wave 1 'first look' (1 %)"),
        "{why}"
    );
    let why = desk.said(&["account", "explain", "u-1", "--product", "tapo"]).await;
    assert!(why.starts_with("two-step has not reached the account at tapo"), "{why}");
}

/// Scripts read fields that are always there, in the contract's order and by its names.
async fn answers_are_read_by_programs(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let created = desk.said(&["rollout", "create", "-f", "plan.yaml", "-o", "json"]).await;
    let created: Value = serde_json::from_str(&created).unwrap();
    assert_eq!(created["rollout"]["waves"][0]["edgePpm"], 10_000);
    let get = ["rollout", "get", "kasa-two-step", "-o"];
    let json = desk.said(&[&get[..], &["json"]].concat()).await;
    assert_eq!(json, desk.said(&[&get[..], &["json"]].concat()).await);
    let rollout = &serde_json::from_str::<Value>(&json).unwrap()["rollout"];
    assert_eq!((&rollout["state"], &rollout["revision"]), (&"ROLLOUT_STATE_DRAFT".into(), &"1".into()));
    assert_eq!((&rollout["holdoutPpm"], &rollout["etag"]), (&0.into(), &"r1".into()));
    let place = |field: &str| json.find(&format!("\"{field}\"")).unwrap();
    assert!(
        place("key") < place("title") && place("title") < place("waves") && place("waves") < place("etag")
    );

    let yaml = desk.said(&[&get[..], &["yaml"]].concat()).await;
    assert!(yaml.starts_with("rollout:\n  key: kasa-two-step\n  title: Two-step at Kasa\n"), "{yaml}");
    for words in [
        &["list"][..],
        &["stats", "kasa-two-step", "--reached"],
        &["history", "kasa-two-step"],
        &["explain", "kasa-two-step", "u-1"],
        &["diff", "-f", "plan.yaml"],
        &["apply", "-f", "plan.yaml"],
        &["start", "kasa-two-step", "--confirm", "kasa-two-step"],
        &["diff", "kasa-two-step", "--from", "1", "--to", "2"],
    ] {
        let said = desk.said(&[&["rollout"], words, &["-o", "json"]].concat()).await;
        assert!(
            serde_json::from_str::<Value>(&said).is_ok_and(|value| value.is_object()),
            "{words:?}: {said}"
        );
    }
}

/// Instants, which differ each time, as `…`.
fn without_times(text: &str) -> String {
    let is_instant = |word: &str| word.len() > 18 && word.contains('T') && word.ends_with('Z');
    let line = |line: &str| {
        line.split(' ').map(|word| if is_instant(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|text| line(text) + "\n").collect()
}
