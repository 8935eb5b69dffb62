//! Audiences that no account can be in, because two tests of one attribute exclude each other. Only what is plain is
//! found: the parts of one `all`, and of those nested in it.

use std::collections::BTreeSet;

use crate::{Attribute, Audience, During, Test};

impl Audience {
    /// An attribute whose tests exclude each other, so that no account fulfils all the parts.
    pub fn contradiction(parts: &[Self]) -> Option<Attribute> {
        let (mut held, mut denied) = (Vec::new(), Vec::new());
        collect(parts, &mut held, &mut denied);
        for (place, one) in held.iter().enumerate() {
            let excluded = denied.iter().any(|other| implies(one, other));
            let others = held.iter().skip(place + 1);
            if excluded || others.clone().any(|other| exclude(one, other)) {
                return Some(one.attribute());
            }
        }
        None
    }
}

fn collect<'a>(parts: &'a [Audience], held: &mut Vec<&'a Test>, denied: &mut Vec<&'a Test>) {
    for part in parts {
        match part {
            Audience::All(parts) => collect(parts, held, denied),
            Audience::Test(test) => held.push(test),
            Audience::Not(part) => {
                if let Audience::Test(test) = part.as_ref() {
                    denied.push(test);
                }
            }
            Audience::Any(_) => {}
        }
    }
}

/// Whether no account passes both: an account has one country, customer and time of creation, and one value of a label.
fn exclude(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::AccountCountry(one), Test::AccountCountry(other))
        | (Test::CustomerCountry(one), Test::CustomerCountry(other)) => disjoint(one, other),
        (Test::CustomerKey(one), Test::CustomerKey(other)) => disjoint(one, other),
        (Test::AccountLabel(one), Test::AccountLabel(other))
        | (Test::CustomerLabel(one), Test::CustomerLabel(other)) => {
            one.name == other.name && disjoint(&one.any_of, &other.any_of)
        }
        (Test::AccountCreated(one), Test::AccountCreated(other))
        | (Test::CustomerCreated(one), Test::CustomerCreated(other)) => {
            ends_before(*one, *other) || ends_before(*other, *one)
        }
        _ => false,
    }
}

/// An empty set asks whether there is any value.
fn disjoint<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
    !one.is_empty() && !other.is_empty() && one.is_disjoint(other)
}

fn ends_before(one: During, other: During) -> bool {
    matches!((one.before, other.from), (Some(before), Some(from)) if before <= from)
}

/// Whether every account that passes the first passes the second.
fn implies(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::AccountCountry(one), Test::AccountCountry(other))
        | (Test::CustomerCountry(one), Test::CustomerCountry(other)) => within(one, other),
        (Test::CustomerKey(one), Test::CustomerKey(other)) => within(one, other),
        (Test::AccountMethod(one), Test::AccountMethod(other)) => within(one, other),
        (Test::AccountLabel(one), Test::AccountLabel(other))
        | (Test::CustomerLabel(one), Test::CustomerLabel(other)) => {
            one.name == other.name && within(&one.any_of, &other.any_of)
        }
        _ => one == other,
    }
}

fn within<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
    other.is_empty() || (!one.is_empty() && one.is_subset(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Label, Timestamp};

    fn country(codes: &[&str]) -> Audience {
        Audience::Test(Test::AccountCountry(codes.iter().map(|code| code.parse().unwrap()).collect()))
    }

    fn plan(name: &str, values: &[&str]) -> Audience {
        let any_of = values.iter().map(|value| value.parse().unwrap()).collect();
        Audience::Test(Test::AccountLabel(Label { name: name.parse().unwrap(), any_of }))
    }

    fn created(from: Option<i64>, before: Option<i64>) -> Audience {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        Audience::Test(Test::AccountCreated(During { from: from.map(at), before: before.map(at) }))
    }

    fn not(part: Audience) -> Audience {
        Audience::Not(Box::new(part))
    }

    #[test]
    fn tests_that_exclude_each_other_are_found() {
        let cases = [
            (vec![country(&["DE"]), country(&["FR"])], Attribute::AccountCountry),
            (vec![country(&["DE"]), Audience::All(vec![country(&["FR", "AT"])])], Attribute::AccountCountry),
            (vec![country(&["DE"]), not(country(&["DE", "FR"]))], Attribute::AccountCountry),
            (vec![country(&["DE"]), not(country(&[]))], Attribute::AccountCountry),
            (vec![plan("plan", &["pro"]), plan("plan", &["free"])], Attribute::AccountLabel),
            (vec![created(None, Some(5)), created(Some(5), None)], Attribute::AccountCreated),
            (
                vec![
                    Audience::Test(Test::AccountEmailVerified),
                    not(Audience::Test(Test::AccountEmailVerified)),
                ],
                Attribute::AccountEmailVerified,
            ),
        ];
        for (parts, attribute) in cases {
            assert_eq!(Audience::contradiction(&parts), Some(attribute), "{parts:?}");
        }
    }

    #[test]
    fn tests_that_an_account_may_pass_are_not() {
        let method = |method| Audience::Test(Test::AccountMethod([method].into()));
        let cases = [
            vec![],
            vec![country(&["DE", "FR"]), country(&["FR"])],
            vec![country(&[]), country(&["FR"])],
            vec![country(&["DE", "FR"]), not(country(&["DE"]))],
            vec![plan("plan", &["pro"]), plan("tier", &["free"])],
            vec![created(None, Some(6)), created(Some(5), None)],
            vec![method(crate::Method::Totp), method(crate::Method::WebAuthn)],
            vec![Audience::Any(vec![country(&["DE"]), country(&["FR"])])],
        ];
        for parts in cases {
            assert_eq!(Audience::contradiction(&parts), None, "{parts:?}");
        }
    }
}
