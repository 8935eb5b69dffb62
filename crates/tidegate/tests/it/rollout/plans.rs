//! What goes on by itself: the dates of a ladder during a stop and a pause, and waves that are planned.

use tidegate_core::{Span, Timestamp};
use tidegate_proto::{RoleType, waiting_for::Kind};

use super::{Desk, PLAN};
use crate::{
    folder::{Engine, Folder, on_both_engines},
    program::eventually,
};

on_both_engines! {
    nothing_is_announced_that_is_refused,
    dates_of_a_ladder_go_on,
    a_start_before_its_plan_says_what_it_skips,
    a_pause_that_ends_starts_what_is_overdue,
    a_rollout_without_waves_has_no_table_of_them,
}

const LADDER: &str = "\
ladder:
  - title: Everybody
    phases:
      - {from: now, rung: optional}
      - {from: 2037-01-22T00:00 Europe/Berlin, rung: required}
";
const CONFIRM: [&str; 2] = ["--confirm", "kasa-two-step"];

fn verb(name: &'static str) -> Vec<&'static str> {
    vec!["rollout", name, "kasa-two-step"]
}

fn severe(name: &'static str) -> Vec<&'static str> {
    [&verb(name)[..], &CONFIRM].concat()
}

async fn nothing_is_announced_that_is_refused(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.credential(RoleType::RolloutApprover, "eva").await;
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    for words in [verb("pause"), verb("resume"), verb("archive"), verb("unarchive")] {
        let ended = desk.run_as("eva", &words).await;
        assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 1), "{words:?}: {}", ended.err);
        assert!(ended.err.contains("PERMISSION_DENIED"), "{}", ended.err);
    }
    let ended = desk.run_as("eva", &severe("stop")).await;
    assert!(ended.err.starts_with("this will stop `kasa-two-step`: no wave will reach"), "{}", ended.err);
    assert!(ended.err.contains("PERMISSION_DENIED"), "{}", ended.err);
    // The server refuses a verb that has nothing to do, and nothing is said before that either.
    let ended = desk.run(&verb("resume")).await;
    assert!(ended.err.starts_with("tidegate: "), "{}", ended.err);
    let archived = desk.run(&verb("archive")).await;
    assert!(archived.err.starts_with("the rollout is listed no more"), "{}", archived.err);
}

async fn dates_of_a_ladder_go_on(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.folder.write("plan.yaml", &format!("{PLAN}{LADDER}"));
    desk.said(&[&["rollout", "create", "-f", "plan.yaml"][..], &CONFIRM].concat()).await;
    desk.said(&severe("start")).await;
    let goes_on = |hold: &str| {
        format!(
            "'Everybody' is required from 2037-01-22 00:00 Europe/Berlin on, {hold} or not; `tidegate rollout ladder set \
             kasa-two-step` changes it\n"
        )
    };
    for (hold, words) in [("pause", verb("pause")), ("stop", severe("stop"))] {
        let ended = desk.run(&words).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains(&goes_on(hold)), "{}", ended.err);
        let shown = desk.said(&verb("get")).await;
        assert!(shown.contains(&format!("\ndates     {}", goes_on(hold))), "{shown}");
    }
}

async fn a_start_before_its_plan_says_what_it_skips(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let window =
        "advance_window: {days: [monday], opens: \"09:00\", closes: \"16:00\", zone: Europe/Berlin}\n";
    let planned =
        PLAN.replace("edge: 1 %", "edge: 1 %\n    planned_start: 2037-01-23T09:00 Europe/Berlin").replace(
            "edge: 100 %",
            "edge: 20 %\n    planned_start: 2037-10-25T02:30 Europe/Berlin +02:00\n    soak: 2 days\n    \
             gates: [at least 5 shown]",
        );
    desk.folder.write("plan.yaml", &format!("{planned}{window}"));
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;

    let shown = desk.said(&verb("get")).await;
    for part in [
        "\nstate     draft, starts Fri 23 January 2037 09:00 Europe/Berlin\n",
        "\nwave 1 'first look': planned Fri 23 January 2037 09:00 Europe/Berlin, in ",
        ", starts when the window opens: Mon 26 January 2037 09:00 Europe/Berlin\n",
        "\nwave 2 'all': planned Sun 25 October 2037 02:30 Europe/Berlin +02:00, in ",
        ", starts when the window opens: Mon 26 October 2037 09:00 Europe/Berlin; soak: 2 days; gates: at least 5 shown\n",
        "\nwave 1 waits for its time, Fri 23 January 2037 09:00 Europe/Berlin, in ",
        "\nwave 1 waits for the advance window, which opens 2037-01-26T08:00:00Z, in ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let listed = desk.said(&["rollout", "list"]).await;
    assert!(listed.contains("  draft, starts Fri 23 January 2037 09:00 Europe/Berlin  0 of 2 "), "{listed}");
    assert!(listed.contains("  2037-01-23 09:00 Europe/Berlin: wave 1  "), "{listed}");

    let started = desk.run(&severe("start")).await;
    let says = "this will start wave 1 'first look': 1 % of every account at kasa, although it waits for: its time, Fri 23 ";
    assert!(started.err.starts_with(says), "{}", started.err);
    let advanced = desk.run(&verb("advance")).await;
    assert_eq!(advanced.code, Some(0), "{}", advanced.err);
    for part in
        ["although it waits for: its time, Sun 25 ", "the end of its soak, ", "at least 5 shown (now 0)"]
    {
        assert!(advanced.err.contains(part), "{part}: {}", advanced.err);
    }
}

async fn a_pause_that_ends_starts_what_is_overdue(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    desk.said(&severe("start")).await;
    desk.said(&verb("pause")).await;
    let now = desk.got().await.rollout.unwrap().update_time.unwrap().seconds;
    let soon = Timestamp::from_unix_micros(now * 1_000_000).plus(Span::seconds(30)).to_string();
    let soon = soon.trim_end_matches('Z');
    let planned = PLAN.replace("edge: 100 %", &format!("edge: 100 %\n    planned_start: {soon} Etc/UTC"));
    desk.folder.write("plan.yaml", &planned);
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    let ahead = desk.run(&[&verb("get")[..], &["-o", "json"]].concat()).await;
    assert!(ahead.out.contains("plannedStart"), "{}", ahead.out);
    eventually("its time comes", async || {
        let waiting = desk.got().await.waiting_for;
        let is_alone = matches!(waiting.as_slice(), [only] if matches!(only.kind, Some(Kind::Resume(_))));
        is_alone.then_some(())
    })
    .await;
    let ended = desk.run(&verb("resume")).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
    let says = "this will start at once wave 2 'all': 100 % of every account at kasa, planned for ";
    assert!(ended.err.starts_with(says), "{}", ended.err);
    assert!(ended.err.contains("nothing was changed: this needs a terminal"), "{}", ended.err);
    let ended = desk.run(&severe("resume")).await;
    assert!(ended.code == Some(0) && ended.err.ends_with("waves can start again\n"), "{}", ended.err);
}

async fn a_rollout_without_waves_has_no_table_of_them(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let head = &PLAN[..PLAN.find("waves:").unwrap()];
    desk.folder.write("plan.yaml", &format!("{head}{LADDER}"));
    desk.said(&[&["rollout", "create", "-f", "plan.yaml"][..], &CONFIRM].concat()).await;
    let shown = desk.said(&verb("get")).await;
    assert!(shown.contains("\nstate     live by its ladder\n") && !shown.contains("\nwave "), "{shown}");
    let listed = desk.said(&["rollout", "list"]).await;
    assert!(listed.contains("  live by its ladder  none "), "{listed}");
}
