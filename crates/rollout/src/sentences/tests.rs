//! Every sentence, exactly.

mod audiences;
mod history;
mod lists;
mod summaries;
mod waves;

use tidegate_core::{
    AccountId, Audience, Bucket, Buckets, Customer, Edge, FirstShown, Id, Labels, LadderMarks, LedgerEntry,
    LinkUrl, Method, MethodPolicy, Named, Ordinal, Product, ProductSettings, Revision, Rollout, Rule, Salt,
    Standing, Timestamp, Unit, Wave, WaveState,
};

use crate::{Explanation, explain};

const ANN: AccountId = Id::from_uuid_bytes([1; 16]);
const SALT: Salt = Salt([7; 16]);

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

fn text<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn edge(ppm: u32) -> Edge {
    Edge::try_from(ppm).unwrap()
}

/// The bucket with that number, by its least hash.
fn position(number: u32) -> Bucket {
    let hash = (u128::from(number) << 64).div_ceil(u128::from(Bucket::COUNT));
    Bucket::of_hash(hash.try_into().unwrap())
}

fn wave(ordinal: u32, title: &str, ppm: u32, state: WaveState) -> Wave {
    let started = matches!(state, WaveState::Live | WaveState::Done);
    Wave {
        ordinal: Ordinal(ordinal),
        title: text(title),
        audience: None,
        edge: edge(ppm),
        products: Vec::new(),
        state,
        started_at: started.then(|| at("2026-03-02T09:00:00Z")),
        planned_start: None,
        soak: None,
        gates: Vec::new(),
        taken_back: std::collections::BTreeSet::new(),
    }
}

/// A started rollout at kasa: 1 %, then 10 %, then everybody, which has not started.
fn rollout() -> Rollout {
    Rollout {
        key: text("two-step"),
        title: text("Two-step at Kasa"),
        products: vec![text("kasa")],
        unit: Unit::Account,
        salt: SALT,
        holdout: edge(0),
        allow: Named::default(),
        deny: Named::default(),
        waves: vec![
            wave(1, "staff", 10_000, WaveState::Done),
            wave(2, "Germany", 100_000, WaveState::Live),
            wave(3, "all", 1_000_000, WaveState::Draft),
        ],
        method: None,
        ladder: Vec::new(),
        ladder_since: None,
        holds: Vec::new(),
        paused_at: None,
        stop: None,
        roll_backs: Vec::new(),
        advance_window: None,
        archived_at: None,
        revision: Revision(3),
        created_at: at("2026-03-01T09:00:00Z"),
        updated_at: at("2026-03-02T09:00:00Z"),
    }
}

/// An account at a position of the rollout's line, with few attributes.
fn standing(number: u32) -> Standing {
    Standing {
        account: ANN,
        created_at: at("2021-05-01T00:00:00Z"),
        country: None,
        labels: Labels::new(),
        email_verified: true,
        customer: None,
        methods: Vec::new(),
        two_step_since: None,
        ledger: Vec::new(),
        interest: Vec::new(),
        buckets: Buckets::from_iter([(SALT, position(number))]),
    }
}

fn acme() -> Customer {
    Customer {
        id: Id::from_uuid_bytes([2; 16]),
        key: text("acme"),
        title: text("Acme"),
        country: Some(text("FR")),
        labels: Labels::from([(text("tier"), text("gold"))]),
        revision: Revision::FIRST,
        created_at: at("2019-01-01T00:00:00Z"),
        updated_at: at("2019-01-01T00:00:00Z"),
    }
}

fn entry(shown: Option<FirstShown>, active_since: Option<Timestamp>) -> LedgerEntry {
    LedgerEntry {
        rollout: text("two-step"),
        product: text("kasa"),
        shown,
        active_since,
        marks: LadderMarks::default(),
    }
}

fn shown(revision: i64, wave: Option<u32>) -> FirstShown {
    FirstShown { at: at("2026-03-02T10:00:06.5Z"), revision: Revision(revision), wave: wave.map(Ordinal) }
}

fn product(key: &str) -> Product {
    let link_url = text::<LinkUrl>("https://kasa.example/confirm");
    let settings = ProductSettings::new(link_url, MethodPolicy::allowing([Method::Totp]));
    let at = at("2026-03-01T09:00:00Z");
    Product {
        key: text(key),
        title: text("Kasa"),
        settings,
        revision: Revision::FIRST,
        created_at: at,
        updated_at: at,
    }
}

/// What Explain says of the account at kasa.
struct Told {
    summary: String,
    rules: Vec<(Rule, bool, String)>,
}

fn tell(rollouts: &[Rollout], standing: &Standing) -> Told {
    let (product, now) = (product("kasa"), at("2026-03-02T12:00:00Z"));
    let Explanation { summary, rules, .. } = explain(&product, rollouts, standing, now);
    let rules = rules.into_iter().map(|asked| (asked.rule, asked.holds, asked.sentence));
    Told { summary, rules: rules.collect() }
}

impl Told {
    /// Whether each question of the rule held, and its sentence.
    fn of(&self, rule: Rule) -> Vec<(bool, &str)> {
        let asked = self.rules.iter().filter(|(asked, ..)| *asked == rule);
        asked.map(|(_, holds, sentence)| (*holds, sentence.as_str())).collect()
    }
}

/// Compares what the rollout says for the rule.
#[track_caller]
fn says(rollout: &Rollout, standing: &Standing, rule: Rule, expected: &[(bool, &str)]) {
    assert_eq!(tell(std::slice::from_ref(rollout), standing).of(rule), expected);
}

/// A rollout with one wave for the audience, which has started.
fn for_audience(audience: Audience) -> Rollout {
    let wave = Wave { audience: Some(audience), ..wave(1, "some", 1_000_000, WaveState::Live) };
    Rollout { waves: vec![wave], ..rollout() }
}
