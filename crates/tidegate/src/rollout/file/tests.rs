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

/// A share with its unit is meant as it is; a bare number may be of another unit.
#[test]
fn a_share_is_a_text_with_its_unit_or_a_number_of_per_cent() {
    let wave = |edge: &str| parsed(&but("edge: 0.5 %", edge)).waves.remove(1);
    for edge in ["percent: 0.5", "edge_percent: 0.5", "edge: 5000 ppm"] {
        assert_eq!(edge_ppm(&wave(edge)), 5_000, "{edge}");
    }
    let percent = wave("percent: 0.5");
    assert_eq!((percent.edge, percent.allow_tiny), (Some(Edge::EdgePercent("0.5".into())), false));
    assert!(wave("edge: 0.05 %").allow_tiny && wave("percent: 0.05\n    allow_tiny: true").allow_tiny);
    let tiny = wrong(&but("edge: 0.5 %", "percent: 0.05"));
    let says = "plan.yaml: line 14: `percent` is 0.05 %, less than 0.1 %: write `percent: 5` for 5 %, or `allow_tiny: true` \
                beside it if so little is meant";
    assert_eq!(tiny, says);
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
        ("before: 2026-03-01", "before: 2026-02-30", "line 19: there is no day 2026-02-30"),
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

const PLANNED: &str = "\
key: kasa-waves
title: Two-step at Kasa
products: [kasa]
advance_window: {days: [monday, friday], opens: 09:00, closes: 16:00, zone: Europe/Berlin}
waves:
  - title: first
    edge: 1 %
    planned_start: 2026-12-07T09:00 Europe/Berlin
  - title: all
    edge: 100 %
    planned_start: 2026-10-25T02:30:00 Europe/Berlin +02:00
    soak: 36 hours
    gates: [at least 100 shown, at least 20 % of started active, at most 2.5 % of shown started]
";

#[test]
fn plans_are_read_as_they_are_shown() {
    use crate::rollout::planned;
    let rollout = parsed(PLANNED);
    assert_eq!(
        planned::window(rollout.advance_window.as_ref()),
        "monday, friday 09:00 to 16:00 Europe/Berlin"
    );
    let [first, all] = rollout.waves.as_slice() else { panic!("{rollout:?}") };
    assert_eq!(planned::start(first.planned_start.as_ref()), "2026-12-07T09:00 Europe/Berlin");
    let start = all.planned_start.as_ref().unwrap();
    assert_eq!((start.local.as_str(), start.offset.as_str()), ("2026-10-25T02:30", "+02:00"));
    assert_eq!(planned::soak(all.soak.as_ref()), "36 hours");
    assert_eq!(
        planned::gates(&all.gates),
        "at least 100 shown, at least 20 % of started active, at most 2.5 % of shown started"
    );
}

#[test]
fn what_is_wrong_with_a_plan_is_told_with_its_line() {
    let but = |part: &str, by: &str| {
        assert!(PLANNED.contains(part));
        wrong(&PLANNED.replacen(part, by, 1))
    };
    for (part, by, line, told) in [
        (
            "2026-12-07T09:00 Europe/Berlin",
            "2026-12-07 09:00",
            8,
            "`planned_start` must be a local time and its zone",
        ),
        ("2026-12-07T09:00 Europe/Berlin", "2026-02-30T09:00 Europe/Berlin", 8, "there is no day 2026-02-30"),
        (
            "2026-12-07T09:00 Europe/Berlin",
            "2026-12-07T09:00 Berlin",
            8,
            "`Berlin` is no time zone; did you mean `Europe/Berlin`?",
        ),
        (
            "2026-12-07T09:00 Europe/Berlin",
            "2027-03-28T02:30 Europe/Berlin",
            8,
            "must be a time that exists: in Europe/Berlin the clocks go forward over 2027-03-28T02:30; \
             2027-03-28T03:30 exists",
        ),
        (
            "2026-10-25T02:30:00 Europe/Berlin +02:00",
            "2027-10-31T02:30 Europe/Berlin",
            11,
            "must say which of the two is meant, because in Europe/Berlin the clocks go back and show \
             2027-10-31T02:30 twice: `2027-10-31T02:30 Europe/Berlin +02:00` or \
             `2027-10-31T02:30 Europe/Berlin +01:00`",
        ),
        ("zone: Europe/Berlin", "zone: Europe/Berln", 4, "`Europe/Berln` is no time zone; did you mean"),
        ("36 hours", "36", 12, "`soak` must be `2 days`"),
        ("36 hours", "-1 days", 12, "`soak` must be `2 days`"),
        ("at least 100 shown", "at most 100 shown", 13, "a gate must be"),
        ("100 shown", "100 seen", 13, "a gate must be"),
        ("monday, friday", "monday, fryday", 4, "`fryday` is not known; did you mean `friday`?"),
    ] {
        let error = but(part, by);
        assert!(error.starts_with(&format!("plan.yaml: line {line}: {told}")), "{error}");
    }
}

const LADDER: &str = "\
ladder:
  - title: Contractors
    audience: {attribute: account.label, label: team, any_of: [contractor]}
    products: [kasa]
    within_waves: true
    demands: aal2
    phases:
      - {from: now, rung: nudge}
      - {from: 2027-01-22T00:00 Europe/Berlin, rung: required}
      - {from: 2027-10-31T02:30+01:00 Europe/Berlin, rung: locked}
    grace: {days: 30, cap: 2027-03-01T00:00:00Z, skips: 3, skip_spacing: 36 hours}
    postponement: 7 days
    reminder_days: [0, 15]
  - title: Everybody
    phases:
      - {from: \"2027-06-01T00:00:00Z\", rung: optional}
";

fn ladder(text: &str) -> Result<Vec<proto::LadderRule>> {
    let text = format!("key: k\ntitle: K\nproducts: [kasa]\n{text}");
    PlannedRollout::parse(Path::new("plan.yaml"), &text).map(|rollout| rollout.ladder.unwrap())
}

#[test]
fn a_file_says_the_ladder() {
    let rules = ladder(LADDER).unwrap();
    let [first, last] = rules.as_slice() else { panic!("{rules:?}") };
    assert!(first.within_waves && first.audience.is_some());
    assert_eq!(
        (first.demands(), first.products.as_slice()),
        (proto::Requirement::Aal2, &["kasa".to_owned()][..])
    );
    let [now, berlin, twice] = first.phases.as_slice() else { panic!("{first:?}") };
    assert_eq!((now.from_time, now.local.as_ref(), now.rung()), (None, None, proto::Rung::Nudge));
    assert_eq!(berlin.from_time.unwrap().seconds, 1_800_572_400);
    let local = berlin.local.as_ref().unwrap();
    assert_eq!((local.zone.as_str(), local.offset.as_str()), ("Europe/Berlin", "+01:00"));
    assert_eq!(twice.from_time.unwrap().seconds, 1_824_946_200, "the second time that clocks show it");
    let grace = first.grace.unwrap();
    assert_eq!((grace.days, grace.skips, grace.cap_time.unwrap().seconds), (30, 3, 1_803_859_200));
    assert_eq!(grace.skip_spacing.unwrap().seconds, 36 * 3_600);
    assert_eq!(first.postponement.unwrap().seconds, 7 * 86_400);
    assert_eq!(first.reminder_days, [0, 15]);
    assert_eq!((last.demands(), last.grace), (proto::Requirement::SecondStep, None));
}

#[test]
fn a_file_without_a_ladder_leaves_it_and_an_empty_one_removes_it() {
    assert_eq!(parsed(WHOLE).ladder, None);
    assert_eq!(ladder("ladder: []").unwrap(), []);
}

#[test]
fn a_mistake_in_a_ladder_is_named_with_its_line() {
    for (part, by, says) in [
        ("within_waves", "within_wave", "line 8: `within_wave` is not known; did you mean `within_waves`?"),
        ("rung: nudge", "rung: nuge", "line 11: `nuge` is not known; did you mean `nudge`?"),
        ("demands: aal2", "demands: all2", "line 9: `all2` is not known; did you mean `aal2`?"),
        (
            "skip_spacing",
            "skips_spacing",
            "line 14: `skips_spacing` is not known; did you mean `skip_spacing`?",
        ),
        ("36 hours", "36", "line 14: must be a time with its unit"),
        ("2027-01-22T00:00 Europe/Berlin", "2027-01-22T00:00", "line 12: must be a local time and its zone"),
        ("2027-01-22T00:00 Europe/Berlin", "2027-03-28T02:30 Europe/Berlin", "line 12: must "),
        (
            "2027-01-22T00:00 Europe/Berlin",
            "2027-02-30T00:00 Europe/Berlin",
            "line 12: there is no day 2027-02-30",
        ),
        ("2027-01-22T00:00 Europe/Berlin", "2027-02-30T00:00:00Z", "line 12: there is no day 2027-02-30"),
        ("2027-10-31T02:30+01:00", "2027-10-31T02:30", "line 13: must say which of the two is meant"),
        (
            "Europe/Berlin, rung: required",
            "Europe/Berlinn, rung: required",
            "line 12: `Europe/Berlinn` is no time zone; did you mean `Europe/Berlin`?",
        ),
        ("days: 30", "days: many", "line 14: must be a whole number"),
        ("within_waves: true", "within_waves: yes", "line 8: must be `true` or `false`"),
        ("title: Contractors", "title:", "`title` is missing"),
        ("[0, 15]", "0", "line 16: must be a list"),
    ] {
        assert!(LADDER.contains(part), "{part}");
        let error = ladder(&LADDER.replacen(part, by, 1)).unwrap_err().to_string();
        assert!(error.starts_with("plan.yaml: line ") && error.contains(says), "{says:?}: {error}");
    }
}

/// What a file says after the time and what it says after the zone is the same.
#[test]
fn an_offset_is_read_at_either_place() {
    let twice = "2027-10-31T02:30+01:00 Europe/Berlin";
    let after = LADDER.replace(twice, "2027-10-31T02:30 Europe/Berlin +01:00");
    assert_ne!(after, LADDER);
    assert_eq!(ladder(&after).unwrap(), ladder(LADDER).unwrap());
}

#[test]
fn every_flaw_of_a_file_is_named_at_once() {
    let text = format!("{WHOLE}{LADDER}")
        .replace("unit: customer", "unit: custmer")
        .replace("title: interested", "titel: interested")
        .replace("edge: 0.5 %", "edge: 5")
        .replace("before: 2026-03-01", "before: March")
        .replace("rung: nudge", "rung: nuge")
        .replace("Europe/Berlin, rung: required", "Berlin, rung: required")
        .replace("days: 30", "days: many");
    let told = wrong(&text);
    let told: Vec<_> = told.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    let says = [
        "line 5: `custmer` is not known; did you mean `customer`?",
        "line 10: `titel` is not known; did you mean `title`?",
        "line 14: `edge` must be a share",
        "line 19: must be a date",
        "line 27: `nuge` is not known",
        "line 28: `Berlin` is no time zone",
        "line 30: must be a whole number",
    ];
    assert_eq!(told.len(), says.len(), "{told:?}");
    for (line, says) in told.iter().zip(says) {
        assert!(line.starts_with(says), "{says}: {line}");
    }
}

#[test]
fn a_file_holds_a_rollout_or_a_ladder_alone() {
    let read = |text: &str| {
        let path = Path::new("ladder.yaml");
        let source = YamlSource::new(path, text);
        let documents = source.documents().unwrap();
        let root = source.root(&documents).unwrap();
        assert!(root.has_only("ladder", &["key"]));
        source.finish(LadderFile::of(path, root)).unwrap()
    };
    let alone = read(LADDER);
    assert_eq!(alone.named(Some("kasa")).unwrap(), "kasa");
    assert!(alone.named(None).unwrap_err().to_string().contains("name its rollout"));
    let named = read(&format!("key: kasa\n{LADDER}"));
    assert_eq!(named.named(None).unwrap(), "kasa");
    let error = named.named(Some("tapo")).unwrap_err().to_string();
    assert_eq!(error, "ladder.yaml is of `kasa`, and not of `tapo`");
}

/// The blocks of the reference are files that are read.
#[test]
fn the_examples_of_the_reference_are_right() {
    let text = include_str!("../../../../../docs/ROLLOUTS.md");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let keys: Vec<_> = blocks.map(|block| parsed(block).key).collect();
    assert_eq!(keys, ["kasa-two-step", "to-the-app"]);
}

/// The reference names every key.
#[test]
fn the_reference_names_every_key() {
    let text = include_str!("../../../../../docs/ROLLOUTS.md");
    let keys = [&ROLLOUT_KEYS[..], &WAVE_KEYS].concat();
    let missing: Vec<_> = keys.iter().filter(|key| !text.contains(&format!("`{key}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
