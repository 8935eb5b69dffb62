//! Cases for the decision: the only file that knows how it is called.

use anyhow::Context as _;
use serde_json::{Value, json};
use tidegate_core::{
    AccountId, Buckets, Id, Labels, LedgerEntry, Method, Product, Rollout, Standing, Timestamp,
};
use tidegate_rollout::{Verdict, bucket};
use uuid::Uuid;

pub struct Case {
    product: Product,
    rollouts: Vec<Rollout>,
    standing: Standing,
    now: Timestamp,
}

impl Case {
    pub fn decide(&self) -> Verdict<'_> {
        tidegate_rollout::decide(&self.product, self.rollouts.iter(), &self.standing, self.now)
    }
}

/// One rollout that has reached half of all accounts.
pub fn simple() -> anyhow::Result<Case> {
    case(&[("kasa", 500_000)])
}

/// Three rollouts of the product.
pub fn three_rollouts() -> anyhow::Result<Case> {
    case(&[("a", 10_000), ("b", 250_000), ("c", 500_000)])
}

/// One rollout whose waves have five tests each. A decision has to evaluate all of them.
pub fn five_predicates() -> anyhow::Result<Case> {
    let test = |test: Value| json!({ "test": test });
    let label = json!({ "account_label": { "name": "plan", "any_of": ["pro", "team"] } });
    let audience = json!({ "all": [
        test(json!({ "account_country": ["DE", "FR", "US"] })),
        test(label),
        test(json!("account_email_verified")),
        test(json!({ "account_created": { "from": "2019-01-01T00:00:00Z", "before": null } })),
        { "not": test(json!({ "account_method": ["totp"] })) },
    ] });
    let mut case = case(&[("kasa", 500_000)])?;
    let audience: tidegate_core::Audience = serde_json::from_value(audience)?;
    for wave in &mut case.rollouts.iter_mut().flat_map(|rollout| &mut rollout.waves) {
        wave.audience = Some(audience.clone());
    }
    Ok(case)
}

/// One rollout with a ladder of five rules, the last of which is for the account: its days run, and the rollout was paused
/// twice meanwhile.
pub fn five_rules() -> anyhow::Result<Case> {
    let rule = |title: String, audience: Value| {
        json!({
            "title": title, "audience": audience, "demands": "second_step",
            "phases": [
                { "from": "2026-11-01T00:00:00Z", "rung": "optional" },
                { "from": "2026-11-10T00:00:00Z", "rung": "nudge" },
                { "from": "2026-11-20T00:00:00Z", "rung": "required" },
                { "from": "2027-02-01T00:00:00Z", "rung": "locked" },
            ],
            "grace": { "days": 30, "cap": "2027-01-22T00:00:00Z", "skips": { "count": 3, "spacing": 86_400_000_000_u64 } },
        })
    };
    let country = |country: &str| json!({ "test": { "account_country": [country] } });
    let mut rules: Vec<_> =
        ["FR", "US", "NO", "AT"].iter().map(|code| rule(format!("in {code}"), country(code))).collect();
    rules.push(rule("everybody".to_owned(), Value::Null));
    let holds = json!([
        { "from": "2026-11-12T00:00:00Z", "until": "2026-11-13T00:00:00Z" },
        { "from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z" },
    ]);
    let marks = json!({ "told_at": "2026-11-11T00:00:00Z", "skips": 1, "skipped_at": "2026-11-24T00:00:00Z", "extension": 0 });
    let mut case = case(&[("kasa", 500_000)])?;
    for rollout in &mut case.rollouts {
        rollout.ladder = serde_json::from_value(Value::Array(rules.clone()))?;
        rollout.holds = serde_json::from_value(holds.clone())?;
        let marks = serde_json::from_value(marks.clone())?;
        let (rollout, product) = (rollout.key.clone(), case.product.key.clone());
        case.standing.ledger.push(LedgerEntry { rollout, product, shown: None, active_since: None, marks });
    }
    anyhow::ensure!(case.decide().ladder.is_some(), "the ladder is not for the account");
    Ok(case)
}

fn case(rollouts: &[(&str, u32)]) -> anyhow::Result<Case> {
    let product = json!({
        "key": "kasa", "title": "Kasa", "revision": 1, "created_at": DAY, "updated_at": DAY,
        "settings": {
            "link_url": "https://kasa.example/confirm", "methods": { "rules": [{ "method": "password" }, { "method": "totp" }] },
            "trusted_device": 0, "session_idle": 3_600_000_000_u64, "session_absolute": 86_400_000_000_u64,
        },
    });
    let account: AccountId = Id::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007));
    let rollouts = rollouts.iter().map(|(key, edge)| serde_json::from_value(rollout(key, *edge)));
    let rollouts: Vec<Rollout> = rollouts.collect::<Result<_, _>>()?;
    let mut standing = Standing {
        account,
        created_at: instant("2020-05-01T12:00:00Z")?,
        country: Some("DE".parse()?),
        labels: Labels::from([("plan".parse()?, "pro".parse()?)]),
        email_verified: true,
        customer: None,
        methods: vec![Method::RecoveryCodes],
        two_step_since: None,
        ledger: Vec::new(),
        interest: Vec::new(),
        buckets: Buckets::new(),
    };
    // A server keeps the buckets too, and does not compute them for each decision.
    standing.buckets = bucket::all(rollouts.iter(), &standing);
    Ok(Case {
        product: serde_json::from_value(product)?,
        rollouts,
        standing,
        now: instant("2026-11-25T12:00:00Z")?,
    })
}

fn instant(text: &str) -> anyhow::Result<Timestamp> {
    Timestamp::from_rfc3339(text).context("not an instant")
}

const DAY: &str = "2026-11-01T12:00:00Z";

fn rollout(key: &str, edge: u32) -> Value {
    let wave = |ordinal: u32, edge: u32, state: &str| {
        json!({
            "ordinal": ordinal, "title": "wave", "edge": edge, "products": [], "state": state,
            "started_at": if state == "draft" { Value::Null } else { DAY.into() },
        })
    };
    json!({
        "key": key, "title": "Two-step", "products": ["kasa"], "salt": key.bytes().cycle().take(16).collect::<Vec<u8>>(),
        "waves": [wave(1, edge / 10, "done"), wave(2, edge, "live"), wave(3, 1_000_000, "draft")],
        "revision": 3, "created_at": DAY, "updated_at": DAY,
    })
}
