//! `rollout export`: applying it changes nothing.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    an_export_changes_nothing,
}

const CONFIRM: [&str; 2] = ["--confirm", "kasa-two-step"];
const WHOLE: &str = r#"
key: kasa-two-step
title: "Two-step: at 'Kasa' # no comment"
products: [kasa]
holdout: 2 %
allow: {accounts: [u-1]}
deny: {customers: ["true"]}
advance_window: {days: [monday, sunday], opens: "09:00", closes: "24:00", zone: Europe/Berlin}
waves:
  - title: "yes"
    edge: 0.05 %
    planned_start: 2037-10-25T02:30 Europe/Berlin +01:00
  - title: all
    edge: 100 %
    products: [tapo]
    soak: 36 hours
    gates: [at least 100 shown, at least 20 % of started active, at most 0.5 % of challenged failed]
    audience:
      any:
        - {attribute: account.country, any_of: ["NO", DE]}
        - {attribute: account.label, label: plan, any_of: [pro, "null"]}
        - all: [{attribute: account.email_verified}, {not: {attribute: account.created, from: 2026-01-01}}]
ladder:
  - title: Staff
    audience: {attribute: account.label, label: staff, any_of: ["true"]}
    products: [tapo]
    within_waves: true
    demands: aal2
    grace: {}
    phases:
      - {from: now, rung: optional}
      - {from: 2037-01-22T00:00:00Z, rung: locked}
  - title: Everybody
    phases:
      - {from: 2037-10-25T02:30+02:00 Europe/Berlin, rung: required}
    grace: {days: 14, cap: 2037-12-01T00:00 Europe/Berlin, skips: 3, skip_spacing: 36 hours}
    postponement: 90 minutes
    reminder_days: [0, 7]
"#;
const METHOD: &str = "\
method: {better: [totp, webauthn], weaker: [sms_code], snooze: 7 days, snoozes: 1, ends: 2037-06-01T00:00 Europe/Berlin}
";

async fn an_export_changes_nothing(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let customer = tidegate_proto::CreateCustomerRequest {
        key: "true".into(),
        title: "Bond".into(),
        ..Default::default()
    };
    desk.operator.customers().create_customer(customer).await.unwrap();
    for (place, file) in [WHOLE.to_owned(), format!("{PLAN}{METHOD}"), PLAN.to_owned()].iter().enumerate() {
        let key = format!("rollout-{place}");
        desk.folder.write("plan.yaml", &file.replace("key: kasa-two-step", &format!("key: {key}")));
        desk.said(&["rollout", "apply", "-f", "plan.yaml", "--confirm", &key]).await;
        let exported = desk.said(&["rollout", "export", &key]).await;
        desk.folder.write("export.yaml", &exported);
        assert_eq!(
            desk.said(&["rollout", "diff", "-f", "export.yaml"]).await,
            "nothing differs\n",
            "{exported}"
        );
        let again = desk.said(&["rollout", "apply", "-f", "export.yaml"]).await;
        assert!(again.starts_with("nothing to change; "), "{again}");
        // It says all that the file says: another rollout of it differs in nothing but the key.
        let copy = exported.replacen(&format!("key: {key}"), &format!("key: {key}-copy"), 1);
        desk.folder.write("copy.yaml", &copy);
        desk.said(&["rollout", "create", "-f", "copy.yaml", "--confirm", &format!("{key}-copy")]).await;
        let of_copy = desk.said(&["rollout", "export", &format!("{key}-copy")]).await;
        assert_eq!(of_copy, copy);
        desk.folder.write("plan.yaml", &file.replace("key: kasa-two-step", &format!("key: {key}-copy")));
        assert_eq!(desk.said(&["rollout", "diff", "-f", "plan.yaml"]).await, "nothing differs\n", "{copy}");
    }
    // What has started is exported too.
    desk.folder.write("plan.yaml", PLAN);
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    desk.said(&[&["rollout", "start", "kasa-two-step"][..], &CONFIRM].concat()).await;
    desk.folder.write("export.yaml", &desk.said(&["rollout", "export", "kasa-two-step"]).await);
    assert_eq!(desk.said(&["rollout", "diff", "-f", "export.yaml"]).await, "nothing differs\n");
}
