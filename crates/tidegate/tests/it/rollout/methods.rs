//! A rollout of a method, as `explain` says it.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    a_rollout_of_a_method_says_whom_it_asks,
}

const METHOD: &str = "\
method: {better: [totp, webauthn], weaker: [sms_code], snooze: 7 days, snoozes: 3, ends: 2037-06-01T00:00 Europe/Berlin}
";
const CONFIRM: [&str; 2] = ["--confirm", "kasa-two-step"];

async fn a_rollout_of_a_method_says_whom_it_asks(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let explain = ["rollout", "explain", "kasa-two-step"];
    desk.folder.write("plan.yaml", &format!("{PLAN}{METHOD}allow: {{accounts: [u-1]}}\n"));
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    let head = "kasa-two-step 'Two-step at Kasa' brings no two-step, but a better method to accounts that have it:\n";
    let sentences = "\
        - asked, after a sign-in at kasa: accounts that it has reached and that have two-step by sms_code, and neither totp nor \
        webauthn\n\
        - offered: totp or webauthn, the first of them that the product allows before the others\n\
        - it can be skipped 3 times, each time for 7 days\n\
        - sms_code ends Mon 1 June 2037 00:00 Europe/Berlin: from then on accounts that it has reached are not offered it and \
        cannot enroll it, except where an account would have no other way\n";
    let draft = "- it is draft: wave 1 'first look' (1 %) is draft, wave 2 'all' (100 %) is draft\n";
    assert_eq!(desk.said(&explain).await, format!("{head}{sentences}{draft}"));
    let json = desk.said(&[&explain[..], &["-o", "json"]].concat()).await;
    assert!(json.contains("\"better\": ["), "{json}");

    desk.said(&[&["rollout", "start", "kasa-two-step"][..], &CONFIRM].concat()).await;
    let of_it = "the rollout 'Two-step at Kasa', which leads to ";
    let says = ": two-step is not switched on, so nothing is advised; for the account SMS_CODE ";
    let told = desk.said(&[&explain[..], &["u-1"]].concat()).await;
    let (first, rest) = told.split_once("\n\nkasa-two-step:\n").unwrap();
    assert!(first.starts_with(of_it) && first.contains(says), "{told}");
    assert!(rest.contains("\n* the account is on the list of accounts that are let in"), "{told}");
    assert!(rest.contains(&format!("\n{head}{sentences}")), "{told}");
    let told = desk.said(&["account", "explain", "u-1", "--product", "kasa"]).await;
    let none = "two-step has not reached the account at kasa: no rollout is for kasa\n\n";
    assert_eq!(told, format!("{none}{first}\n"));
    let told = desk.said(&["account", "explain", "u-1", "--product", "tapo"]).await;
    assert!(!told.contains("which leads to"), "{told}");

    let told = desk.said(&[&explain[..], &["u-1", "--at", "2037-07-01 Europe/Berlin"]].concat()).await;
    assert!(told.starts_with(&format!("as of 2037-06-30T22:00:00Z: {of_it}")), "{told}");
    assert!(told.contains("\n- sms_code ended Mon 1 June 2037"), "{told}");
    let told = desk.said(&[&explain[..], &["u-1", "--revision", "1"]].concat()).await;
    assert!(told.starts_with(of_it) && told.contains(": it has not reached the account yet\n"), "{told}");
    assert!(told.ends_with(draft), "{told}");
    let listed = desk.said(&["rollout", "list"]).await;
    assert!(listed.contains("  2037-06-01 00:00 Europe/Berlin: sms_code ends  "), "{listed}");
    let paused = desk.run(&["rollout", "pause", "kasa-two-step"]).await;
    let goes_on =
        "\nsms_code ends 2037-06-01 00:00 Europe/Berlin for accounts that were reached, pause or not\n";
    assert!(paused.err.contains(goes_on), "{}", paused.err);

    // What a rollout of two-step does depends on the account.
    desk.folder.write("plan.yaml", &PLAN.replace("kasa-two-step", "other"));
    desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", "kasa-two-step"]).await;
    for words in [&["rollout", "explain", "other"][..], &["rollout", "explain", "other", "--product", "kasa"]]
    {
        assert_eq!(desk.run(words).await.code, Some(2), "{words:?}");
    }
}
