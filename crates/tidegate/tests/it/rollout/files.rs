//! Rollouts from files: `apply` does what the file says, and `diff` says what it would do.

use super::{Desk, PLAN};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    apply_makes_the_rollout_as_the_file_says,
    a_started_wave_is_not_touched,
}

const CHANGED: &str = "\
key: kasa-two-step
title: Two-step
products: [kasa]
holdout: 2 %
deny: {accounts: [u-1]}
waves:
  - title: first look
    edge: 2 %
    audience:
      any:
        - {attribute: account.country, any_of: [NO, DE]}
        - {attribute: account.label, label: plan, any_of: [pro]}
        - not: {attribute: account.created, from: 2026-01-01, before: 2026-03-01}
  - title: all
    edge: 100 %
  - title: Tapo too
    edge: 0.5 %
    products: [tapo]
";

async fn apply_makes_the_rollout_as_the_file_says(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    let apply = ["rollout", "apply", "-f", "plan.yaml"];
    let diff = ["rollout", "diff", "-f", "plan.yaml"];
    let created = "rollout: created: Two-step at Kasa\nwave 1: added: 'first look', 1 % of every account\n\
                   wave 2: added: 'all', 100 % of every account\n";
    let ahead =
        |told: &str| told.replace(": created", ": would be created").replace(": added", ": would be added");
    assert_eq!(desk.said(&diff).await, ahead(created));
    assert!(desk.said(&apply).await.starts_with(created));
    assert_eq!((desk.said(&diff).await.as_str(), desk.revision().await), ("nothing differs\n", 1));

    desk.folder.write("plan.yaml", CHANGED);
    let planned = desk.said(&diff).await;
    assert!(planned.contains("rollout: title: Two-step at Kasa -> Two-step\n"), "{planned}");
    assert!(planned.contains("rollout: holdout: 0 % -> 2 %\n"), "{planned}");
    assert!(planned.contains("wave 1: edge: 1 % -> 2 %\n"), "{planned}");
    assert!(planned.contains("wave 3: would be added: 'Tapo too', 0.5 % of every account\n"), "{planned}");
    assert_eq!(desk.revision().await, 1, "diff changed something");
    let applied = desk.said(&[&apply[..], &["--reason", "a wider plan"]].concat()).await;
    assert!(ahead(&applied).starts_with(&planned), "{applied}");
    // One call for the rollout, one for each wave.
    assert_eq!(desk.revision().await, 4);
    let again = desk.said(&apply).await;
    assert!(again.starts_with("nothing to change; kasa-two-step: draft, revision 4; "), "{again}");
    assert_eq!(desk.revision().await, 4);

    // Removed waves, from the last one on.
    desk.folder.write("plan.yaml", &PLAN[..PLAN.find("  - title: all").unwrap()]);
    let applied = desk.said(&apply).await;
    assert!(applied.contains("wave 3: removed: Tapo too\nwave 2: removed: all\n"), "{applied}");
    assert_eq!(desk.said(&diff).await, "nothing differs\n");
}

async fn a_started_wave_is_not_touched(engine: Engine) {
    let desk = Desk::on(Folder::installed(engine).await).await;
    desk.said(&["rollout", "apply", "-f", "plan.yaml"]).await;
    desk.said(&["rollout", "start", "kasa-two-step", "--confirm", "kasa-two-step"]).await;
    for (part, by, says) in [
        ("1 %", "3 %", "wave 1 'first look' of `kasa-two-step` has started and is not touched"),
        ("products: [kasa]", "products: [tapo]", "the products of `kasa-two-step` cannot change any more"),
        ("waves:", "unit: customer\nwaves:", "the unit of `kasa-two-step` never changes"),
    ] {
        // A change that could be made is not made either.
        let text = PLAN.replacen(part, by, 1).replace("title: Two-step at Kasa", "title: Other");
        desk.folder.write("other.yaml", &text);
        let ended = desk.run(&["rollout", "apply", "-f", "other.yaml"]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
        assert!(ended.err.contains(says), "{}", ended.err);
    }
    assert_eq!(desk.revision().await, 2);
    // The wave after it can change.
    desk.folder.write("other.yaml", &PLAN.replace("100 %", "50 %"));
    let applied = desk.said(&["rollout", "apply", "-f", "other.yaml"]).await;
    assert!(applied.starts_with("wave 2: edge: 100 % -> 50 %\n"), "{applied}");
}

#[tokio::test]
async fn a_wrong_file_is_named_with_its_line() {
    let desk = Desk::on(Folder::empty()).await;
    desk.folder.write("plan.yaml", &PLAN.replacen("  - title", "  - titel", 1));
    for verb in ["create", "apply", "diff"] {
        let ended = desk.run(&["rollout", verb, "-f", "plan.yaml"]).await;
        let error = "tidegate: plan.yaml: line 5: `titel` is not known; did you mean `title`?\n";
        assert_eq!((ended.code, ended.err.as_str()), (Some(2), error));
    }
    let ended = desk.run(&["rollout", "create", "-f", "missing.yaml"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("failed to read missing.yaml"), "{}", ended.err);

    desk.folder.write("plan.yaml", PLAN);
    desk.said(&["rollout", "create", "-f", "plan.yaml"]).await;
    desk.folder.write("plan.yaml", &format!("{PLAN}allow: {{accounts: [u-9]}}\n"));
    let ended = desk.run(&["rollout", "apply", "-f", "plan.yaml"]).await;
    let error = "tidegate: `allow` names `u-9`, and there is no such account\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(2), error));
}
