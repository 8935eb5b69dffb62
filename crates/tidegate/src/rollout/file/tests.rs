//! Files of rollouts, right and wrong.

use std::path::Path;

use tidegate_proto::audience::Kind;

use super::*;

const WHOLE: &str = "\
# Two-step, first to those who asked for it.
key: kasa-waves
title: Two-step at Kasa
products: [kasa]
unit: customer
holdout: 2 %
allow: {accounts: [007, u-1]}
deny:
waves:
  - title: interested
    edge: 100 %
    audience: {attribute: account.interest}
  - title: Norway, and new in March
    edge: 0.5 %
    products: [tapo]
    audience:
      all:
        - {attribute: account.country, any_of: [NO]}
        - not: {attribute: account.created, before: 2026-03-01}
";

fn parsed(text: &str) -> PlannedRollout {
    PlannedRollout::parse(Path::new("plan.yaml"), text).unwrap()
}

fn wrong(text: &str) -> String {
    PlannedRollout::parse(Path::new("plan.yaml"), text).unwrap_err().to_string()
}

/// The whole file with a part replaced.
fn but(part: &str, by: &str) -> String {
    assert!(WHOLE.contains(part));
    WHOLE.replacen(part, by, 1)
}

#[test]
fn a_file_says_the_whole_rollout() {
    let rollout = parsed(WHOLE);
    assert_eq!(
        (rollout.key.as_str(), rollout.unit, rollout.holdout_ppm()),
        ("kasa-waves", RolloutUnit::Customer, 20_000)
    );
    assert_eq!(rollout.allow.accounts, ["007", "u-1"]);
    assert_eq!(rollout.deny, proto::NamedAccounts::default());
    let [first, second] = rollout.waves.as_slice() else { panic!("{rollout:?}") };
    assert_eq!((edge_ppm(first), first.products.len()), (1_000_000, 0));
    assert_eq!((edge_ppm(second), second.products.as_slice()), (5_000, &["tapo".to_owned()][..]));
    let Some(Kind::All(all)) = second.audience.clone().unwrap().kind else { panic!("{second:?}") };
    let Some(Kind::Test(country)) = all.audiences[0].kind.clone() else { panic!("{all:?}") };
    assert_eq!(country.any_of, ["NO"]);
    let Some(Kind::Not(not)) = all.audiences[1].kind.clone() else { panic!("{all:?}") };
    let Some(Kind::Test(created)) = not.kind else { panic!("not a test") };
    assert_eq!(created.before_time.unwrap().seconds, 1_772_323_200);
}

#[test]
fn json_is_read_too() {
    let text =
        r#"{"key": "k", "title": "K", "products": ["kasa"], "waves": [{"title": "all", "edge": "100 %"}]}"#;
    assert_eq!(edge_ppm(&parsed(text).waves[0]), 1_000_000);
}

/// A share with its unit is meant as it is; a bare number may be of another unit, so the server asks.
#[test]
fn a_share_is_a_text_with_its_unit_or_a_number_of_per_cent() {
    let wave = |edge: &str| parsed(&but("edge: 0.5 %", edge)).waves.remove(1);
    for edge in ["percent: 0.5", "edge_percent: 0.5", "edge: 5000 ppm"] {
        assert_eq!(edge_ppm(&wave(edge)), 5_000, "{edge}");
    }
    let percent = wave("percent: 0.05");
    assert_eq!((percent.edge, percent.allow_tiny), (Some(Edge::EdgePercent("0.05".into())), false));
    assert!(wave("edge: 0.05 %").allow_tiny && wave("percent: 0.05\n    allow_tiny: true").allow_tiny);
    assert_eq!(parsed(&but("holdout: 2 %", "holdout_percent: 2")).holdout_ppm(), 20_000);
}

#[test]
fn a_mistake_is_named_with_its_line() {
    for (part, by, says) in [
        ("  - title: inter", "  - titel: inter", "line 10: `titel` is not known; did you mean `title`?"),
        ("unit: customer", "unit: custmer", "line 5: `custmer` is not known; did you mean `customer`?"),
        ("account.interest", "account.interst", "did you mean `account.interest`?"),
        ("edge: 0.5 %", "edge: 5", "line 14: `edge` must be a share from 0 to 100 % with its unit"),
        ("edge: 0.5 %", "percent: 5 %", "line 14: `percent` must be a number of per cent from 0 to 100"),
        ("edge: 0.5 %", "percent: 5\n    edge: 5 %", "`percent` says the share a second time"),
        ("edge: 0.5 %", "products: []", "line "),
        ("holdout: 2 %", "holdout_percent: 2 %", "line 6: `holdout_percent` must be a number of per cent"),
        ("before: 2026-03-01", "before: March", "line 19: must be a date"),
        ("title: Two-step at Kasa\n", "", "`title` is missing"),
        ("products: [kasa]", "products: kasa", "line 4: must be a list"),
        ("deny:", "holdout: 1 %", "line 8: "),
        ("waves:", "---\nwaves:", "line 10: a file holds one rollout"),
        ("title: interested", "title: [a]", "line 10: must be a text"),
        ("{attribute: account.interest}", "{any_of: [a]}", "line 12: an audience is one of"),
        ("products: [kasa]", "products: [kasa", "line "),
    ] {
        let error = wrong(&but(part, by));
        assert!(error.starts_with("plan.yaml: line ") && error.contains(says), "{says:?}: {error}");
    }
    assert_eq!(wrong(""), "plan.yaml: line 1: there is nothing in it");
}

/// Reading is recursive, and must end before the stack does.
#[test]
fn an_audience_that_is_too_deep_is_refused() {
    let deep = format!("{}{{attribute: account.interest}}{}", "{not: ".repeat(8), "}".repeat(8));
    assert!(wrong(&but("{attribute: account.interest}", &deep)).contains("at most 8 deep"));
    let allowed = format!("{}{{attribute: account.interest}}{}", "{not: ".repeat(7), "}".repeat(7));
    assert!(parsed(&but("{attribute: account.interest}", &allowed)).waves[0].audience.is_some());
}
