//! Whether a wave's audience includes an account.
//!
//! Every test has an answer. A test of an unknown value does not hold, so its `not` does. Tests
//! look at the standing only, never at the time.

use tidegate_core::{Audience, Label, Labels, ProductKey, Standing, Test, Timestamp};

/// `None`: all accounts.
pub fn holds(audience: Option<&Audience>, standing: &Standing, product: &ProductKey) -> bool {
    audience.is_none_or(|audience| tree(audience, standing, product))
}

fn tree(audience: &Audience, standing: &Standing, product: &ProductKey) -> bool {
    match audience {
        Audience::All(parts) => parts.iter().all(|part| tree(part, standing, product)),
        Audience::Any(parts) => parts.iter().any(|part| tree(part, standing, product)),
        Audience::Not(part) => !tree(part, standing, product),
        Audience::Test(test) => test_holds(test, standing, product),
    }
}

pub(crate) fn test_holds(test: &Test, standing: &Standing, product: &ProductKey) -> bool {
    let customer = standing.customer.as_ref();
    match test {
        Test::AccountCreated(during) => during.holds(standing.created_at),
        Test::AccountCountry(any_of) => any(any_of, standing.country.as_ref()),
        Test::AccountLabel(label) => labelled(label, &standing.labels),
        Test::AccountEmailVerified => standing.email_verified,
        Test::AccountMethod(any_of) if any_of.is_empty() => !standing.methods.is_empty(),
        Test::AccountMethod(any_of) => standing.methods.iter().any(|method| any_of.contains(method)),
        Test::AccountInterest(any_of) if any_of.is_empty() => standing.interest.contains(product),
        Test::AccountInterest(any_of) => standing.interest.iter().any(|at| any_of.contains(at)),
        Test::CustomerKey(any_of) => any(any_of, customer.map(|customer| &customer.key)),
        Test::CustomerCreated(during) => customer.is_some_and(|customer| during.holds(customer.created_at)),
        Test::CustomerCountry(any_of) => any(any_of, customer.and_then(|customer| customer.country.as_ref())),
        Test::CustomerLabel(label) => customer.is_some_and(|customer| labelled(label, &customer.labels)),
    }
}

/// Whether there is a value, and the set contains it or is empty.
fn any<T: Ord>(any_of: &std::collections::BTreeSet<T>, value: Option<&T>) -> bool {
    value.is_some_and(|value| any_of.is_empty() || any_of.contains(value))
}

/// The instants from which on the audience may answer otherwise of an account that is created then.
pub(crate) fn creation_dates(audience: &Audience) -> Vec<Timestamp> {
    match audience {
        Audience::All(parts) | Audience::Any(parts) => parts.iter().flat_map(creation_dates).collect(),
        Audience::Not(part) => creation_dates(part),
        Audience::Test(Test::AccountCreated(during)) => {
            during.from.into_iter().chain(during.before).collect()
        }
        Audience::Test(_) => Vec::new(),
    }
}

fn labelled(label: &Label, labels: &Labels) -> bool {
    any(&label.any_of, labels.get(&label.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidegate_core::{Buckets, Customer, During, Id, Method, Revision};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    /// An account with a time of creation and nothing else.
    fn bare() -> Standing {
        Standing {
            account: Id::from_uuid_bytes([1; 16]),
            created_at: at(10),
            country: None,
            labels: Labels::new(),
            email_verified: false,
            customer: None,
            methods: Vec::new(),
            two_step_since: None,
            ledger: Vec::new(),
            interest: Vec::new(),
            buckets: Buckets::new(),
        }
    }

    fn gold() -> Labels {
        Labels::from([("tier".parse().unwrap(), "gold".parse().unwrap())])
    }

    /// An account with every attribute.
    fn described() -> Standing {
        let customer = Customer {
            id: Id::from_uuid_bytes([2; 16]),
            key: "acme".parse().unwrap(),
            title: "Acme".parse().unwrap(),
            country: "FR".parse().ok(),
            labels: gold(),
            revision: Revision::FIRST,
            created_at: at(10),
            updated_at: at(10),
        };
        Standing {
            country: "DE".parse().ok(),
            labels: gold(),
            email_verified: true,
            customer: Some(customer),
            methods: vec![Method::Totp],
            interest: vec!["kasa".parse().unwrap()],
            ..bare()
        }
    }

    fn set<T: std::str::FromStr<Err: std::fmt::Debug> + Ord>(values: &[&str]) -> BTreeSet<T> {
        values.iter().map(|value| value.parse().unwrap()).collect()
    }

    fn label(any_of: &[&str]) -> Label {
        Label { name: "tier".parse().unwrap(), any_of: set(any_of) }
    }

    fn always() -> During {
        During { from: None, before: None }
    }

    /// Every test of a value that may be missing, with values and without.
    fn tests(
        country: &[&str],
        tier: &[&str],
        method: &[Method],
        product: &[&str],
        customer: &[&str],
    ) -> Vec<Test> {
        vec![
            Test::AccountCountry(set(country)),
            Test::AccountLabel(label(tier)),
            Test::AccountMethod(method.iter().copied().collect()),
            Test::AccountInterest(set(product)),
            Test::CustomerKey(set(customer)),
            Test::CustomerCountry(set(country)),
            Test::CustomerLabel(label(tier)),
        ]
    }

    fn asked(test: &Test, standing: &Standing) -> bool {
        holds(Some(&Audience::Test(test.clone())), standing, &"kasa".parse().unwrap())
    }

    #[test]
    fn an_empty_set_asks_whether_there_is_any() {
        for test in tests(&[], &[], &[], &[], &[]) {
            assert!(asked(&test, &described()) && !asked(&test, &bare()), "{test:?}");
        }
    }

    #[test]
    fn a_set_asks_for_one_of_its_values() {
        let met = tests(
            &["DE", "FR"],
            &["gold", "free"],
            &[Method::Totp, Method::RecoveryCodes],
            &["kasa"],
            &["acme"],
        );
        let other = tests(&["US"], &["free"], &[Method::RecoveryCodes], &["tapo"], &["bolt"]);
        for (met, other) in met.iter().zip(&other) {
            assert!(asked(met, &described()) && !asked(other, &described()), "{met:?}, {other:?}");
            assert!(!asked(met, &bare()), "{met:?}");
        }
    }

    #[test]
    fn not_holds_of_what_is_missing() {
        let mut all = tests(&["DE"], &["gold"], &[Method::Totp], &["kasa"], &["acme"]);
        all.extend([Test::AccountEmailVerified, Test::CustomerCreated(always())]);
        for test in all {
            let not = Audience::Not(Box::new(Audience::Test(test.clone())));
            let product = "kasa".parse().unwrap();
            assert!(holds(Some(&not), &bare(), &product), "{test:?}");
            assert!(!asked(&test, &bare()), "{test:?}");
        }
    }

    /// A wish for one product is none for another.
    #[test]
    fn interest_counts_at_the_product_that_is_decided_on() {
        let (here, wish) = (Audience::Test(Test::AccountInterest(BTreeSet::new())), described());
        assert!(holds(Some(&here), &wish, &"kasa".parse().unwrap()));
        assert!(!holds(Some(&here), &wish, &"tapo".parse().unwrap()));
    }

    #[test]
    fn times_are_half_open() {
        let during =
            |from: Option<i64>, before: Option<i64>| During { from: from.map(at), before: before.map(at) };
        let cases = [
            (during(None, None), true),
            (during(Some(10), None), true),
            (during(Some(11), None), false),
            (during(None, Some(10)), false),
            (during(None, Some(11)), true),
            (during(Some(10), Some(11)), true),
            (during(Some(10), Some(10)), false),
        ];
        for (during, held) in cases {
            assert_eq!(asked(&Test::AccountCreated(during), &bare()), held, "{during:?}");
            assert_eq!(asked(&Test::CustomerCreated(during), &described()), held, "{during:?}");
            assert!(!asked(&Test::CustomerCreated(during), &bare()), "{during:?}");
        }
    }

    #[test]
    fn all_of_nothing_holds_and_any_of_nothing_does_not() {
        let (product, bare) = ("kasa".parse().unwrap(), bare());
        assert!(holds(None, &bare, &product));
        assert!(holds(Some(&Audience::All(Vec::new())), &bare, &product));
        assert!(!holds(Some(&Audience::Any(Vec::new())), &bare, &product));
    }

    #[test]
    fn lists_combine_the_results_of_their_parts() {
        let (product, one) = ("kasa".parse().unwrap(), described());
        let (yes, no) = (Audience::All(Vec::new()), Audience::Any(Vec::new()));
        let mixed = vec![yes, no];
        assert!(!holds(Some(&Audience::All(mixed.clone())), &one, &product));
        assert!(holds(Some(&Audience::Any(mixed)), &one, &product));
    }
}
