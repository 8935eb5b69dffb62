//! Files that are wrong, or severe: nothing is changed, printed or asked before all of it is known.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    what_the_server_refuses_is_told_with_its_line_and_changes_nothing,
    a_rollout_that_does_not_exist_is_previewed,
    a_ladder_alone_is_previewed_and_compared,
    an_archived_rollout_is_not_touched,
    what_starts_or_ends_by_itself_is_confirmed,
    what_a_ladder_requires_is_said_as_it_is,
}

const CONFIRM: [&str; 2] = ["--confirm", "kasa-two-step"];
const LADDER: &str = "\
ladder:
  - title: Everybody
    phases:
      - {from: now, rung: nudge}
      - {from: 2037-01-22T00:00 Europe/Berlin, rung: required}
";

impl Desk {
    /// What a command says that is refused because of a file.
    async fn wrong(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{words:?}: {}", ended.err);
        ended.err
    }
}

async fn what_the_server_refuses_is_told_with_its_line_and_changes_nothing(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.folder.write("new.yaml", &format!("{PLAN}    products: [kaza]\nallow: {{accounts: [u-9]}}\n"));
    let names = "tidegate: new.yaml: line 9: wave 2: products: `kaza`: names no product\n\
                 new.yaml: line 10: allow: accounts: `u-9`: names no account (PRODUCT_NOT_FOUND)\n";
    for verb in ["create", "apply", "diff", "preview"] {
        assert_eq!(desk.wrong(&["rollout", verb, "-f", "new.yaml"]).await, names, "{verb}");
    }
    desk.folder.write("tiny.yaml", &PLAN.replace("edge: 1 %", "percent: 0.05"));
    for verb in ["create", "apply", "diff", "preview"] {
        let told = desk.wrong(&["rollout", verb, "-f", "tiny.yaml"]).await;
        let tiny = "tidegate: tiny.yaml: line 6: `percent` is 0.05 %, less than 0.1 %: write `percent: 5` for 5 %, or \
                    `allow_tiny: true` beside it if so little is meant\n";
        assert_eq!(told, tiny, "{verb}");
    }

    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    // The title could be changed, and is not, because the rest is refused.
    let other = PLAN.replace("at Kasa", "everywhere");
    let late = other.replace("edge: 1 %", "edge: 1 %\n    planned_start: 2020-01-07T09:00 Europe/Berlin");
    desk.folder.write("other.yaml", &late);
    let past = "tidegate: other.yaml: line 7: wave 1: planned_start: must be planned for a time to come \
                (PLANNED_IN_PAST)\n";
    assert_eq!(desk.wrong(&["rollout", "apply", "-f", "other.yaml"]).await, past);
    assert_eq!(desk.wrong(&["rollout", "diff", "-f", "other.yaml"]).await, past);
    let begun = LADDER.replace("2037", "2020").replace("      - {from: now, rung: nudge}\n", "");
    desk.folder.write("other.yaml", &format!("{other}{begun}"));
    let refused =
        "tidegate: other.yaml: line 12: rule 1: phase 1: must not be in the past (PLANNED_IN_PAST)\n";
    assert_eq!(desk.wrong(&["rollout", "apply", "-f", "other.yaml"]).await, refused);
    let set = ["rollout", "ladder", "set", "kasa-two-step", "-f", "other.yaml"];
    assert_eq!(desk.wrong(&set).await, refused);
    let added = format!(
        "{PLAN}  - title: tapo\n    edge: 5 %\n    audience: {{attribute: customer.key, any_of: [nobody]}}\n"
    );
    desk.folder.write("other.yaml", &added);
    let told = desk.wrong(&["rollout", "apply", "-f", "other.yaml"]).await;
    assert!(told.starts_with("tidegate: other.yaml: line 11: wave 3: audience: "), "{told}");
    assert_eq!(desk.revision().await, 1);

    // What is only warned of is told with its line too, once.
    desk.folder.write("other.yaml", &PLAN.replace("100 %", "0 %"));
    let warned = desk.run(&["rollout", "apply", "-f", "other.yaml"]).await;
    let warning = "warning: other.yaml: line 8: wave 2: edge: the edge is 0 %: the wave reaches no account\n";
    assert_eq!((warned.code, warned.err.as_str()), (Some(0), warning));
}

async fn a_rollout_that_does_not_exist_is_previewed(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.folder.write("whole.yaml", &format!("{PLAN}{LADDER}"));
    let told = desk.said(&["rollout", "preview", "-f", "whole.yaml", "--then-start", "--dates"]).await;
    let line = |name: &str| {
        let mut lines = told.lines().filter(|line| line.trim_start().starts_with(name));
        lines.next_back().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("two-step is required"), "two-step is required of 0 -> 1", "{told}");
    assert!(told.ends_with("of 1 account; a rollout that does not exist yet\n"), "{told}");
    let list = desk.said(&["rollout", "list", "-o", "json"]).await;
    assert!(!list.contains("kasa-two-step"), "a preview created it: {list}");
    let told = desk.wrong(&["rollout", "preview", "tapo-two-step", "-f", "whole.yaml"]).await;
    assert_eq!(told, "tidegate: whole.yaml is of `kasa-two-step`, and not of `tapo-two-step`\n");
}

async fn a_ladder_alone_is_previewed_and_compared(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    desk.folder.write("ladder.yaml", LADDER);
    let told = desk.said(&["rollout", "preview", "kasa-two-step", "-f", "ladder.yaml", "--dates"]).await;
    assert!(told.contains("\nat 2037-01-21T23:00:00Z\n"), "{told}");
    assert!(told.ends_with("of 1 account; revision 1\n"), "{told}");
    let told = desk.said(&["rollout", "diff", "kasa-two-step", "-f", "ladder.yaml"]).await;
    assert!(
        told.starts_with("ladder rule 1: would be added: 'Everybody', every account: nudge from now"),
        "{told}"
    );
    for verb in ["preview", "diff"] {
        let told = desk.wrong(&["rollout", verb, "-f", "ladder.yaml"]).await;
        assert_eq!(told, "tidegate: ladder.yaml holds a ladder alone: name its rollout, too\n");
    }
    for verb in ["create", "apply"] {
        let told = desk.wrong(&["rollout", verb, "-f", "ladder.yaml"]).await;
        let set = "tidegate: ladder.yaml holds a ladder alone; `tidegate rollout ladder set KEY -f ladder.yaml` sets it\n";
        assert_eq!(told, set);
    }
    // The file may name the rollout.
    desk.folder.write("named.yaml", &format!("key: kasa-two-step\n{LADDER}"));
    desk.said(&["rollout", "preview", "-f", "named.yaml"]).await;
    assert_eq!(desk.revision().await, 1);
}

async fn an_archived_rollout_is_not_touched(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    desk.said(&["rollout", "archive", "kasa-two-step"]).await;
    desk.folder.write("plan.yaml", &format!("{PLAN}{LADDER}"));
    for words in [
        &["rollout", "apply", "-f", "plan.yaml"][..],
        &["rollout", "diff", "-f", "plan.yaml"],
        &["rollout", "ladder", "set", "kasa-two-step", "-f", "plan.yaml"],
    ] {
        let ended = desk.run(words).await;
        let archived = "tidegate: `kasa-two-step` is archived, and nothing of it changes; \
                        `tidegate rollout unarchive kasa-two-step` brings it back as it was\n";
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(1), "", archived));
    }
}

async fn what_starts_or_ends_by_itself_is_confirmed(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let asked = async |apply: &[&str], says: &str| {
        let told = desk.wrong(apply).await;
        let expected = format!(
            "{says}\ntidegate: nothing was changed: this needs a terminal, or `--confirm kasa-two-step`\n"
        );
        assert_eq!(told, expected);
        desk.said(&[apply, &CONFIRM].concat()).await
    };
    let apply = ["rollout", "apply", "-f", "plan.yaml"];
    let window = "advance_window: {days: [monday], opens: 09:00, closes: 16:00, zone: Europe/Berlin}\n";
    let planned = |share: &str, start: &str| {
        let first = "edge: 1 %\n    planned_start: 2037-01-05T09:00 Europe/Berlin";
        let last = format!(
            "edge: {share}\n    planned_start: {start} Europe/Berlin\n    soak: 2 days\n    gates: [at least 1 shown]"
        );
        let text = PLAN.replace("edge: 1 %", first).replace("edge: 100 %", &last);
        text.replace("waves:", &format!("{window}waves:"))
    };
    desk.folder.write("plan.yaml", &planned("26 %", "2037-02-02T09:00"));
    let diff = desk.said(&["rollout", "diff", "-f", "plan.yaml"]).await;
    let wave = "wave 2: would be added: 'all', 26 % of every account, starts 2037-02-02T09:00 Europe/Berlin, once the wave \
                before was live for 2 days, with at least 1 shown\n";
    assert!(diff.contains("rollout: advance_window: monday 09:00 to 16:00 Europe/Berlin\n"), "{diff}");
    assert!(diff.ends_with(wave), "{diff}");
    let starts = |share: &str, start: &str| {
        format!("wave 2 'all' will start by itself at {start} Europe/Berlin: {share} of every account")
    };
    asked(&apply, &starts("26 %", "2037-02-02T09:00")).await;
    // Later, or less of it, is not asked for; earlier or more is.
    desk.folder.write("plan.yaml", &planned("26 %", "2037-03-02T09:00"));
    desk.said(&apply).await;
    desk.folder.write("plan.yaml", &planned("26 %", "2037-02-23T09:00"));
    asked(&apply, &starts("26 %", "2037-02-23T09:00")).await;
    desk.folder.write("plan.yaml", &planned("25 %", "2037-02-23T09:00"));
    desk.said(&apply).await;
    desk.folder.write("plan.yaml", &planned("50 %", "2037-02-23T09:00"));
    asked(&apply, &starts("50 %", "2037-02-23T09:00")).await;

    let moved = |ends: &str| {
        let method = format!("method: {{better: [totp], weaker: [sms_code]{ends}}}\nwaves:");
        PLAN.replace("waves:", &method)
    };
    let asked = async |words: &[&str], says: &str| {
        let told = desk.wrong(words).await;
        let expected =
            format!("{says}\ntidegate: nothing was changed: this needs a terminal, or `--confirm to-app`\n");
        assert_eq!(told, expected);
        desk.said(&[words, &["--confirm", "to-app"]].concat()).await
    };
    let write = |ends: &str| desk.folder.write("plan.yaml", &moved(ends).replace("kasa-two-step", "to-app"));
    let by_app = "totp instead of sms_code, skipped for 14 days each time; the weaker ones end";
    write(", ends: 2037-06-01T00:00 Europe/Berlin");
    asked(
        &["rollout", "create", "-f", "plan.yaml"],
        &format!("this ends methods: {by_app} 2037-06-01T00:00 Europe/Berlin"),
    )
    .await;
    write(", ends: 2037-07-01T00:00 Europe/Berlin");
    desk.said(&apply).await;
    write(", ends: 2037-05-01T00:00 Europe/Berlin");
    let earlier = format!(
        "this ends methods earlier: {by_app} 2037-05-01T00:00 Europe/Berlin; before: {by_app} 2037-07-01T00:00 Europe/Berlin"
    );
    asked(&apply, &earlier).await;
    write("");
    desk.said(&apply).await;
}

async fn what_a_ladder_requires_is_said_as_it_is(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    let set = ["rollout", "ladder", "set", "kasa-two-step", "-f", "ladder.yaml"];
    let more =
        "    within_waves: true\n    products: [tapo]\n    grace: {days: 14}\n    reminder_days: [0, 7]\n";
    let locked = "      - {from: 2037-06-01T00:00 Europe/Berlin, rung: locked}\n";
    desk.folder.write("ladder.yaml", &format!("{LADDER}{locked}{more}"));
    let told = desk.wrong(&set).await;
    let rule = "this makes two-step required:\n\
                rule 1 'Everybody': second step of the accounts that a started wave has reached at tapo from 2037-01-22T00:00 \
                Europe/Berlin (+01:00) on; grace: 14 days; reminders on days 0, 7; locked from 2037-06-01T00:00 \
                Europe/Berlin (+02:00) on: nobody can be exempted; the mail of day 0 goes out at once, and \
                to accounts that are reached later when they are\n";
    assert!(told.contains(rule), "{told}");
    desk.said(&[&set[..], &CONFIRM].concat()).await;
    // Less of it is not asked for.
    desk.folder.write("ladder.yaml", &format!("{LADDER}{more}").replace("days: 14", "days: 15"));
    desk.said(&set).await;
    // Nobody is required to do more, and everybody gets a mail.
    desk.folder.write("ladder.yaml", &format!("{LADDER}    reminder_days: [0]\n"));
    desk.said(&[&set[..], &CONFIRM].concat()).await;
    desk.folder.write("ladder.yaml", &format!("{LADDER}    reminder_days: [7]\n"));
    desk.said(&set).await;
    desk.folder.write("ladder.yaml", &format!("{LADDER}    reminder_days: [0]\n"));
    let told = desk.wrong(&set).await;
    assert!(told.contains("\nrule 1 'Everybody': the mail of day 0 goes out at once\n"), "{told}");
    assert!(!told.contains("this makes two-step required"), "{told}");
    // The ladder stays, and comes to one more product.
    desk.folder.write("plan.yaml", &PLAN.replace("[kasa]", "[kasa, tapo]"));
    let told = desk.wrong(&["rollout", "apply", "-f", "plan.yaml"]).await;
    assert!(
        told.contains("rule 1 'Everybody': second step of every account at kasa, tapo from 2037-01-22"),
        "{told}"
    );
    desk.folder.write("plan.yaml", &PLAN.replace("at Kasa", "everywhere"));
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
}
