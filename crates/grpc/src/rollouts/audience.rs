//! Audiences on the wire, both ways.

use std::collections::BTreeSet;

use tidegate_core::{Attribute, Audience, Country, During, Label, LabelText, Method, Test, Word};
use tidegate_proto::{self as proto, audience::Kind};

use crate::{
    form::{self, Form},
    nearest::nearest,
    render::timestamp,
};

const MAX_DEPTH: usize = 8;
const MAX_NODES: usize = 100;
const MAX_VALUES: usize = 1_000;

/// How many nodes and values the audience may still have.
struct Room {
    nodes: usize,
    values: usize,
}

/// Absent means every account.
pub(super) fn read(wire: Option<proto::Audience>, form: &mut Form) -> Option<Option<Audience>> {
    let Some(wire) = wire else { return Some(None) };
    let mut room = Room { nodes: MAX_NODES, values: MAX_VALUES };
    form.within("audience", |form| tree(wire, form, MAX_DEPTH, &mut room)).map(Some)
}

fn tree(wire: proto::Audience, form: &mut Form, deep: usize, room: &mut Room) -> Option<Audience> {
    if deep == 0 || room.nodes == 0 {
        return form.note("kind", format!("must be at most {MAX_DEPTH} deep and have {MAX_NODES} nodes"));
    }
    room.nodes -= 1;
    match wire.kind {
        None => form.note("kind", "must be all, any, not or test"),
        Some(Kind::All(parts)) => list("all", parts, form, deep, room).map(Audience::All),
        Some(Kind::Any(parts)) => list("any", parts, form, deep, room).map(Audience::Any),
        Some(Kind::Not(part)) => {
            let part = form.within("not", |form| tree(*part, form, deep - 1, room))?;
            Some(Audience::Not(Box::new(part)))
        }
        Some(Kind::Test(one)) => form.within("test", |form| test(one, form, room)).map(Audience::Test),
    }
}

fn list(
    field: &str,
    parts: proto::AudienceList,
    form: &mut Form,
    deep: usize,
    room: &mut Room,
) -> Option<Vec<Audience>> {
    if parts.audiences.is_empty() {
        return form.note(field, "must have at least one");
    }
    let mut read = Vec::new();
    for (place, part) in parts.audiences.into_iter().enumerate() {
        read.push(
            form.within(&format!("{field}.audiences[{place}]"), |form| tree(part, form, deep - 1, room)),
        );
    }
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    match Audience::contradiction(&read).filter(|_| field == "all") {
        Some(attribute) => form
            .note(field, format!("must not ask what no account can be, all at once: {}", attribute.as_str())),
        None => Some(read),
    }
}

fn test(wire: proto::AttributeTest, form: &mut Form, room: &mut Room) -> Option<Test> {
    let Ok(attribute) = Attribute::parse(&wire.attribute) else {
        let known = Attribute::ALL.iter().map(|attribute| attribute.as_str());
        let nearest = nearest(&wire.attribute, known.clone());
        let nearest = nearest.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        let of = |whose: &str| {
            let names = known.clone().filter_map(|known| known.strip_prefix(whose));
            names.collect::<Vec<_>>().join(", ")
        };
        let (account, customer) = (of("account."), of("customer."));
        let what = format!("must be account.{{{account}}} or customer.{{{customer}}}{nearest}");
        return form.note_as(form::Kind::Attribute, "attribute", what);
    };
    let Some(left) = room.values.checked_sub(wire.any_of.len()) else {
        return form.note("any_of", format!("must be at most {MAX_VALUES} in the whole audience"));
    };
    room.values = left;
    superfluous(attribute, &wire, form)?;
    Some(match attribute {
        Attribute::AccountCreated => Test::AccountCreated(during(&wire, form)?),
        Attribute::AccountCountry => Test::AccountCountry(countries(&wire, form)?),
        Attribute::AccountLabel => Test::AccountLabel(label(&wire, form)?),
        Attribute::AccountEmailVerified => Test::AccountEmailVerified,
        Attribute::AccountMethod => Test::AccountMethod(methods(&wire, form)?),
        Attribute::AccountInterest => Test::AccountInterest(values(&wire, form)?),
        Attribute::CustomerKey => Test::CustomerKey(values(&wire, form)?),
        Attribute::CustomerCreated => Test::CustomerCreated(during(&wire, form)?),
        Attribute::CustomerCountry => Test::CustomerCountry(countries(&wire, form)?),
        Attribute::CustomerLabel => Test::CustomerLabel(label(&wire, form)?),
    })
}

/// Refuses a field that the attribute does not use. Ignoring it would hide a mistake in the
/// audience.
fn superfluous(attribute: Attribute, wire: &proto::AttributeTest, form: &mut Form) -> Option<()> {
    use Attribute as A;
    let labels = matches!(attribute, A::AccountLabel | A::CustomerLabel);
    let times = matches!(attribute, A::AccountCreated | A::CustomerCreated);
    let values = !times && attribute != A::AccountEmailVerified;
    let given = [
        ("label", labels || wire.label.is_empty()),
        ("any_of", values || wire.any_of.is_empty()),
        ("from_time", times || wire.from_time.is_none()),
        ("before_time", times || wire.before_time.is_none()),
    ];
    let wrong: Vec<_> = given.into_iter().filter(|(_, fine)| !fine).collect();
    for (field, _) in &wrong {
        form.note::<()>(field, format!("must not be given with {}", attribute.as_str()));
    }
    wrong.is_empty().then_some(())
}

fn values<T>(wire: &proto::AttributeTest, form: &mut Form) -> Option<BTreeSet<T>>
where
    T: Ord + std::str::FromStr<Err: std::fmt::Display>,
{
    Some(form.texts::<T>("any_of", &wire.any_of)?.into_iter().collect())
}

/// A code that is not assigned would look right, and match no account.
fn countries(wire: &proto::AttributeTest, form: &mut Form) -> Option<BTreeSet<Country>> {
    let countries = form.texts::<Country>("any_of", &wire.any_of)?;
    let mut read = BTreeSet::new();
    for (place, country) in countries.into_iter().enumerate() {
        if country.is_assigned() {
            read.insert(country);
            continue;
        }
        let instead = country.instead().map(|code| format!("; did you mean {code}?")).unwrap_or_default();
        let what = format!("must be a code that ISO 3166-1 assigns, not {}{instead}", country.as_str());
        form.note::<()>(&format!("any_of[{place}]"), what);
    }
    (read.len() == wire.any_of.iter().collect::<BTreeSet<_>>().len()).then_some(read)
}

fn label(wire: &proto::AttributeTest, form: &mut Form) -> Option<Label> {
    let name = form.text("label", &wire.label);
    let any_of = values::<LabelText>(wire, form);
    Some(Label { name: name?, any_of: any_of? })
}

fn methods(wire: &proto::AttributeTest, form: &mut Form) -> Option<BTreeSet<Method>> {
    let mut methods = Vec::new();
    for (place, text) in wire.any_of.iter().enumerate() {
        methods.push(match Method::parse(text) {
            Ok(method) if !matches!(method, Method::Password | Method::EmailCode) => Some(method),
            _ => form.note(&format!("any_of[{place}]"), "must be totp, webauthn or recovery_codes"),
        });
    }
    methods.into_iter().collect()
}

fn during(wire: &proto::AttributeTest, form: &mut Form) -> Option<During> {
    match form.times(("from_time", wire.from_time), ("before_time", wire.before_time))? {
        (None, None) => form.note("from_time", "must be given when before_time is not"),
        (from, before) => Some(During { from, before }),
    }
}

pub(super) fn audience(audience: Audience) -> proto::Audience {
    let list = |parts: Vec<Audience>| proto::AudienceList {
        audiences: parts.into_iter().map(self::audience).collect(),
    };
    let kind = match audience {
        Audience::All(parts) => Kind::All(list(parts)),
        Audience::Any(parts) => Kind::Any(list(parts)),
        Audience::Not(part) => Kind::Not(Box::new(self::audience(*part))),
        Audience::Test(test) => Kind::Test(attribute_test(test)),
    };
    proto::Audience { kind: Some(kind) }
}

fn attribute_test(test: Test) -> proto::AttributeTest {
    let mut wire =
        proto::AttributeTest { attribute: test.attribute().as_str().to_owned(), ..Default::default() };
    match test {
        Test::AccountCreated(during) | Test::CustomerCreated(during) => {
            wire.from_time = during.from.map(timestamp);
            wire.before_time = during.before.map(timestamp);
        }
        Test::AccountCountry(countries) | Test::CustomerCountry(countries) => {
            wire.any_of = countries.into_iter().map(String::from).collect();
        }
        Test::AccountLabel(label) | Test::CustomerLabel(label) => {
            wire.label = label.name.into();
            wire.any_of = label.any_of.into_iter().map(String::from).collect();
        }
        Test::AccountEmailVerified => {}
        Test::AccountMethod(methods) => {
            wire.any_of = methods.into_iter().map(|method| method.as_str().to_owned()).collect();
        }
        Test::AccountInterest(products) => {
            wire.any_of = products.into_iter().map(String::from).collect();
        }
        Test::CustomerKey(keys) => wire.any_of = keys.into_iter().map(String::from).collect(),
    }
    wire
}
