//! The model's own audience of a wave: a tree of tests on facts, which converts to the code's types and to
//! messages.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use tidegate_core::{Audience, During, Label, Test, Timestamp};
use tidegate_proto as proto;

use super::PRODUCTS;

/// What is known of an account, by attribute. Instants are Unix seconds.
pub(super) type Facts = BTreeMap<&'static str, BTreeSet<String>>;

#[derive(Debug, Clone)]
pub(super) enum Crowd {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Ask),
}

#[derive(Debug, Clone)]
pub(super) struct Ask {
    attribute: &'static str,
    any_of: Vec<&'static str>,
    from: Option<i64>,
    before: Option<i64>,
}

/// The attributes that can be tested, and their values.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("account.created", &[]),
    ("account.country", &["DE", "FR"]),
    ("account.label", &["gold", "free"]),
    ("account.email_verified", &[]),
    ("account.method", &["totp", "recovery_codes"]),
    ("account.interest", PRODUCTS),
    ("customer.key", &["acme", "bolt"]),
    ("customer.created", &[]),
    ("customer.country", &["DE", "FR"]),
    ("customer.label", &["gold", "free"]),
];
pub(super) const LABEL: &str = "tier";

impl Crowd {
    pub(super) fn has(&self, facts: &Facts, product: &str) -> bool {
        match self {
            Self::All(parts) => !parts.iter().any(|part| !part.has(facts, product)),
            Self::Any(parts) => parts.iter().any(|part| part.has(facts, product)),
            Self::Not(part) => !part.has(facts, product),
            Self::Is(ask) => ask.holds(facts, product),
        }
    }

    pub(super) fn audience(&self) -> Audience {
        let each = |parts: &[Self]| parts.iter().map(Self::audience).collect();
        match self {
            Self::All(parts) => Audience::All(each(parts)),
            Self::Any(parts) => Audience::Any(each(parts)),
            Self::Not(part) => Audience::Not(Box::new(part.audience())),
            Self::Is(ask) => Audience::Test(ask.test()),
        }
    }

    pub(super) fn spoken(&self) -> proto::Audience {
        use proto::audience::Kind;
        let each =
            |parts: &[Self]| proto::AudienceList { audiences: parts.iter().map(Self::spoken).collect() };
        let kind = match self {
            Self::All(parts) => Kind::All(each(parts)),
            Self::Any(parts) => Kind::Any(each(parts)),
            Self::Not(part) => Kind::Not(Box::new(part.spoken())),
            Self::Is(ask) => Kind::Test(ask.spoken()),
        };
        proto::Audience { kind: Some(kind) }
    }
}

impl Ask {
    fn holds(&self, facts: &Facts, product: &str) -> bool {
        let Some(known) = facts.get(self.attribute) else { return false };
        match self.attribute {
            "account.created" | "customer.created" => known.iter().any(|at| {
                let at: i64 = at.parse().unwrap();
                !(self.from.is_some_and(|from| at < from) || self.before.is_some_and(|before| at >= before))
            }),
            "account.interest" if self.any_of.is_empty() => known.contains(product),
            _ if self.any_of.is_empty() => !known.is_empty(),
            _ => self.any_of.iter().any(|value| known.contains(*value)),
        }
    }

    fn test(&self) -> Test {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        let during = During { from: self.from.map(at), before: self.before.map(at) };
        match self.attribute {
            "account.created" => Test::AccountCreated(during),
            "account.country" => Test::AccountCountry(self.values()),
            "account.label" => Test::AccountLabel(self.label()),
            "account.email_verified" => Test::AccountEmailVerified,
            "account.method" => {
                Test::AccountMethod(self.any_of.iter().map(|name| super::method(name)).collect())
            }
            "account.interest" => Test::AccountInterest(self.values()),
            "customer.key" => Test::CustomerKey(self.values()),
            "customer.created" => Test::CustomerCreated(during),
            "customer.country" => Test::CustomerCountry(self.values()),
            "customer.label" => Test::CustomerLabel(self.label()),
            other => panic!("{other}"),
        }
    }

    fn values<T: std::str::FromStr<Err: std::fmt::Debug> + Ord>(&self) -> BTreeSet<T> {
        self.any_of.iter().map(|value| value.parse().unwrap()).collect()
    }

    fn label(&self) -> Label {
        Label { name: LABEL.parse().unwrap(), any_of: self.values() }
    }

    fn spoken(&self) -> proto::AttributeTest {
        let at = |seconds: i64| prost_types::Timestamp { seconds, nanos: 0 };
        let label = if matches!(self.attribute, "account.label" | "customer.label") { LABEL } else { "" };
        proto::AttributeTest {
            attribute: self.attribute.to_owned(),
            label: label.to_owned(),
            any_of: self.any_of.iter().map(ToString::to_string).collect(),
            from_time: self.from.map(at),
            before_time: self.before.map(at),
        }
    }
}

/// An instant near those at which accounts are created.
fn instant() -> impl Strategy<Value = i64> {
    (-3_i64..4).prop_map(|days| super::BEGINNING.unix_seconds() + days * 86_400)
}

fn ask() -> impl Strategy<Value = Crowd> {
    let which = proptest::sample::select(ATTRIBUTES);
    let asked = which.prop_flat_map(|(attribute, values)| {
        let any_of = subsequence(values, 0..=values.len());
        (Just(attribute), any_of, instant(), option::of(1_i64..7))
    });
    asked.prop_map(|(attribute, any_of, from, days)| {
        let before = days.map(|days| from + days * 86_400);
        let dated = matches!(attribute, "account.created" | "customer.created");
        Crowd::Is(Ask { attribute, any_of, from: dated.then_some(from), before: before.filter(|_| dated) })
    })
}

/// Trees of at most three levels; a list on the wire has at least one part.
pub(super) fn crowd() -> impl Strategy<Value = Crowd> {
    let crowd = ask().prop_recursive(2, 8, 3, |part| {
        prop_oneof![
            vec(part.clone(), 1..4).prop_map(Crowd::All),
            vec(part.clone(), 1..4).prop_map(Crowd::Any),
            part.prop_map(|part| Crowd::Not(Box::new(part))),
        ]
    });
    crowd.prop_filter("no account can be in it", |crowd| is_possible(&crowd.audience()))
}

/// The server refuses other audiences.
fn is_possible(audience: &Audience) -> bool {
    match audience {
        Audience::All(parts) => Audience::contradiction(parts).is_none() && parts.iter().all(is_possible),
        Audience::Any(parts) => parts.iter().all(is_possible),
        Audience::Not(part) => is_possible(part),
        Audience::Test(_) => true,
    }
}
