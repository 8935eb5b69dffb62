//! One test of an account or its customer: what it asks, and what it saw.

use std::{collections::BTreeSet, fmt::Display};

use tidegate_core::{Customer, During, Label, Labels, Method, ProductKey, Standing, Test};

use super::{
    audience::Sense,
    phrases::{all_of, any_of, exact_instant, quoted},
};

/// What is asked, or its contrary: `country is DE or FR`, `country is not DE or FR`.
pub fn asked(test: &Test, product: &ProductKey, sense: Sense) -> String {
    let is = |what: &str, value: &str| match sense {
        Sense::Plain => format!("{what} is {value}"),
        Sense::Negated => format!("{what} is not {value}"),
    };
    let has = |what: &str| match sense {
        Sense::Plain => format!("has {what}"),
        Sense::Negated => format!("does not have {what}"),
    };
    let created = |what: &str, during: &During| match sense {
        Sense::Plain => format!("{what} {}", within(*during)),
        Sense::Negated => format!("not {what} {}", within(*during)),
    };
    let labelled = |whose: &str, label: &Label| {
        let what = format!("{whose}label {}", label.name);
        if label.any_of.is_empty() {
            is(&what, "set")
        } else {
            is(&what, &any_of(label.any_of.iter().map(quoted)))
        }
    };
    let wished = |at: &str| match sense {
        Sense::Plain => format!("wished for two-step at {at}"),
        Sense::Negated => format!("did not wish for two-step at {at}"),
    };
    match test {
        Test::AccountCreated(during) => created("created", during),
        Test::AccountCountry(set) => is("country", &plain_or(set, "known")),
        Test::AccountLabel(label) => labelled("", label),
        Test::AccountEmailVerified => is("email address", "verified"),
        Test::AccountMethod(set) if set.is_empty() => has("a second factor"),
        Test::AccountMethod(set) => has(&any_of(set.iter().copied().map(factor))),
        Test::AccountInterest(set) => wished(&plain_or(set, product.as_str())),
        Test::CustomerKey(set) if set.is_empty() => has("a customer"),
        Test::CustomerKey(set) => is("customer", &any_of(set.iter().map(quoted))),
        Test::CustomerCreated(during) => created("customer created", during),
        Test::CustomerCountry(set) => is("customer's country", &plain_or(set, "known")),
        Test::CustomerLabel(label) => labelled("customer's ", label),
    }
}

/// The value that was seen, unless the answer alone tells it.
pub fn seen(test: &Test, standing: &Standing) -> Option<String> {
    let customer = standing.customer.as_ref();
    let no_customer = || Some("the account has no customer".to_owned());
    match test {
        Test::AccountCreated(_) => {
            Some(format!("the account was created {}", exact_instant(standing.created_at)))
        }
        Test::AccountCountry(set) => value(set, standing.country.as_ref(), "account", ToString::to_string),
        Test::AccountLabel(one) => label(one, &standing.labels, "account"),
        Test::AccountEmailVerified => None,
        Test::AccountMethod(set) => methods(set, &standing.methods),
        Test::AccountInterest(set) if set.is_empty() => None,
        Test::AccountInterest(_) => {
            let at = standing.interest.iter().map(ToString::to_string);
            Some(match at.len() {
                0 => "the account wished for it nowhere".to_owned(),
                _ => format!("the account wished for it at {}", all_of(at)),
            })
        }
        Test::CustomerKey(set) => match customer {
            Some(customer) => value(set, Some(&customer.key), "account", |key| quoted(key)),
            None if set.is_empty() => None,
            None => no_customer(),
        },
        Test::CustomerCreated(_) => customer.map_or_else(no_customer, |customer| {
            Some(format!("the customer was created {}", exact_instant(customer.created_at)))
        }),
        Test::CustomerCountry(set) => customer.map_or_else(no_customer, |customer: &Customer| {
            value(set, customer.country.as_ref(), "customer", ToString::to_string)
        }),
        Test::CustomerLabel(one) => {
            customer.map_or_else(no_customer, |customer| label(one, &customer.labels, "customer"))
        }
    }
}

fn within(during: During) -> String {
    let (from, before) = (during.from.map(exact_instant), during.before.map(exact_instant));
    match (from, before) {
        (None, None) => "at any time".to_owned(),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(before)) => format!("before {before}"),
        (Some(from), Some(before)) => format!("from {from} on and before {before}"),
    }
}

fn plain_or<T: Display>(set: &BTreeSet<T>, empty: &str) -> String {
    if set.is_empty() { empty.to_owned() } else { any_of(set.iter().map(ToString::to_string)) }
}

/// `None` where the answer tells the value: a yes to the only value, or a no to whether there is
/// any.
fn value<T: Ord>(
    asked: &BTreeSet<T>,
    seen: Option<&T>,
    whose: &str,
    words: impl Fn(&T) -> String,
) -> Option<String> {
    match seen {
        Some(seen) if asked.len() == 1 && asked.contains(seen) => None,
        Some(seen) => Some(format!("the {whose}'s is {}", words(seen))),
        None if asked.is_empty() => None,
        None => Some(format!("the {whose}'s is not known")),
    }
}

fn label(asked: &Label, labels: &Labels, whose: &str) -> Option<String> {
    let seen = labels.get(&asked.name);
    if seen.is_none() && !asked.any_of.is_empty() {
        return Some(format!("the {whose} has no label {}", asked.name));
    }
    value(&asked.any_of, seen, whose, |text| quoted(text))
}

fn methods(asked: &BTreeSet<Method>, seen: &[Method]) -> Option<String> {
    match seen {
        [] if asked.is_empty() => None,
        [] => Some("the account has no second factor".to_owned()),
        [only] if asked.len() == 1 && asked.contains(only) => None,
        some => Some(format!("the account has {}", all_of(some.iter().copied().map(factor)))),
    }
}

fn factor(method: Method) -> String {
    let words = match method {
        Method::Password => "a password",
        Method::Totp => "an authenticator app",
        Method::RecoveryCodes => "recovery codes",
        Method::EmailCode => "codes by mail",
        Method::WebAuthn => "a security key",
        Method::Push => "push prompts",
        Method::DeviceCode => "codes on a device",
        Method::SmsCode => "codes by SMS",
    };
    words.to_owned()
}
