//! What support does about one account's place on a ladder.

use tidegate_proto::RoleType;

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    support_exempts_an_account_and_gives_it_days,
}

const LADDER: &str = "\
ladder:
  - title: Everybody
    phases:
      - {from: now, rung: required}
    grace: {days: 14}
";

async fn support_exempts_an_account_and_gives_it_days(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.folder.write("plan.yaml", &format!("{PLAN}{LADDER}"));
    desk.said(&["rollout", "create", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    desk.credential(RoleType::Support, "sue").await;
    let exemptions = ["rollout", "exemptions", "kasa-two-step"];
    assert_eq!(desk.said(&exemptions).await, "no account is exempted\n");

    let exempt = ["account", "exempt", "u-1", "--rollout", "kasa-two-step", "--reason", "T-4712"];
    let wrong = desk.run(&[&exempt[..], &["--until", "soon"]].concat()).await;
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    let until = desk.got().await.rollout.unwrap().update_time.unwrap();
    let until = tidegate_core::Timestamp::from_unix_micros((until.seconds + 86_400) * 1_000_000).to_string();
    let done = desk.said(&[&exempt[..], &["--until", &until]].concat()).await;
    let says = format!(
        "two-step is not demanded of u-1 at kasa until {until}, by an exemption (ladder of `kasa-two-step`)\n"
    );
    assert_eq!(done, says);
    let listed = desk.run_as("sue", &exemptions).await.out;
    assert!(listed.contains("  u-1          kasa     ") && listed.contains("  T-4712\n"), "{listed}");
    let json = desk.said(&[&exemptions[..], &["-o", "json"]].concat()).await;
    assert!(json.contains("\"externalId\": \"u-1\""), "{json}");

    let end = ["account", "end-exemption", "u-1", "--rollout", "kasa-two-step", "--reason", "T-4713"];
    let ended = desk.run_as("sue", &[&end[..], &["--product", "kasa"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("the account's own days begin when it is told"), "{}", ended.out);
    let again = desk.run(&end).await;
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert!(again.err.contains("NOT_EXEMPT"), "{}", again.err);
    let extend =
        ["account", "extend-deadline", "u-1", "--rollout", "kasa-two-step", "--reason", "in hospital"];
    let extended = desk.said(&[&extend[..], &["--days", "7"]].concat()).await;
    assert!(extended.contains(" at kasa "), "{extended}");
    assert_eq!(desk.run(&[&extend[..], &["--days", "31"]].concat()).await.code, Some(2));

    // Another ladder may be stricter: the answer is of the one that was named, and tells so.
    let strict = format!("{PLAN}{}", LADDER.replace("{days: 14}", "{}")).replace("kasa-two-step", "strict");
    desk.folder.write("plan.yaml", &strict);
    desk.said(&["rollout", "create", "-f", "plan.yaml", "--confirm", "strict"]).await;
    let done = desk.said(&[&exempt[..], &["--until", &until]].concat()).await;
    let other = "another ladder decides, because it is stricter: two-step is demanded of u-1 at kasa now (ladder of `strict`)\n";
    assert_eq!(done, format!("{says}{other}"));
}
