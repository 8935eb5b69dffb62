//! Each test of an audience, holding and not, asked as it is and negated.

use tidegate_core::{Country, During, Label, Test};

use super::*;

/// An account with every attribute.
fn known() -> Standing {
    Standing {
        country: Some(text("DE")),
        labels: Labels::from([(text("tier"), text("gold"))]),
        customer: Some(acme()),
        methods: vec![Method::Totp, Method::RecoveryCodes],
        interest: vec![text("kasa"), text("tapo")],
        ..standing(126_234)
    }
}

/// An account with a time of creation and nothing else.
fn unknown() -> Standing {
    Standing { email_verified: false, ..standing(126_234) }
}

fn told(audience: Audience, standing: &Standing) -> String {
    let rollout = for_audience(audience);
    let told = tell(&[rollout], standing);
    let sentence = told.of(Rule::Wave)[0].1;
    let (_, rest) = sentence.split_once("the audience (").unwrap();
    rest.rsplit_once("), ").unwrap().0.to_owned()
}

/// Compares what the test and its negation say of the account.
#[track_caller]
fn says_both(test: &Test, standing: &Standing, plain: &str, negated: &str) {
    let test = Audience::Test(test.clone());
    assert_eq!(told(test.clone(), standing), plain);
    let not = Audience::Not(Box::new(test));
    assert_eq!(told(not.clone(), standing), negated);
    assert_eq!(told(Audience::Not(Box::new(not)), standing), plain, "twice negated");
}

fn during(from: Option<&str>, before: Option<&str>) -> During {
    During { from: from.map(at), before: before.map(at) }
}

fn countries(countries: &[&str]) -> std::collections::BTreeSet<Country> {
    countries.iter().map(|country| text(country)).collect()
}

fn tier(any_of: &[&str]) -> Label {
    Label { name: text("tier"), any_of: any_of.iter().map(|value| text(value)).collect() }
}

#[test]
fn a_country() {
    let (one, some, any) = (countries(&["FR"]), countries(&["DE", "FR", "JP"]), countries(&[]));
    let test = Test::AccountCountry;
    says_both(&test(countries(&["DE"])), &known(), "country is DE: yes", "country is not DE: no");
    says_both(
        &test(one.clone()),
        &known(),
        "country is FR: no, the account's is DE",
        "country is not FR: yes, the account's is DE",
    );
    says_both(
        &test(one),
        &unknown(),
        "country is FR: no, the account's is not known",
        "country is not FR: yes, the account's is not known",
    );
    says_both(
        &test(some),
        &known(),
        "country is DE, FR or JP: yes, the account's is DE",
        "country is not DE, FR or JP: no, the account's is DE",
    );
    says_both(
        &test(any.clone()),
        &known(),
        "country is known: yes, the account's is DE",
        "country is not known: no, the account's is DE",
    );
    says_both(&test(any), &unknown(), "country is known: no", "country is not known: yes");
}

#[test]
fn a_label() {
    let test = Test::AccountLabel;
    says_both(&test(tier(&["gold"])), &known(), "label tier is 'gold': yes", "label tier is not 'gold': no");
    says_both(
        &test(tier(&["free"])),
        &known(),
        "label tier is 'free': no, the account's is 'gold'",
        "label tier is not 'free': yes, the account's is 'gold'",
    );
    says_both(
        &test(tier(&["free", "gold"])),
        &unknown(),
        "label tier is 'free' or 'gold': no, the account has no label tier",
        "label tier is not 'free' or 'gold': yes, the account has no label tier",
    );
    says_both(
        &test(tier(&[])),
        &known(),
        "label tier is set: yes, the account's is 'gold'",
        "label tier is not set: no, the account's is 'gold'",
    );
    says_both(&test(tier(&[])), &unknown(), "label tier is set: no", "label tier is not set: yes");
}

#[test]
fn a_verified_address() {
    let test = Test::AccountEmailVerified;
    says_both(&test, &known(), "email address is verified: yes", "email address is not verified: no");
    says_both(&test, &unknown(), "email address is verified: no", "email address is not verified: yes");
}

#[test]
fn a_date_of_creation() {
    let saw = "the account was created 2021-05-01 00:00 UTC";
    let (early, late) = ("2021-05-01T00:00:00Z", "2021-12-06T00:00:00Z");
    let cases = [
        (during(Some(late), None), "from 2021-12-06 00:00 UTC on", "no", "yes"),
        (during(Some(early), None), "from 2021-05-01 00:00 UTC on", "yes", "no"),
        (during(None, Some(late)), "before 2021-12-06 00:00 UTC", "yes", "no"),
        (during(None, Some(early)), "before 2021-05-01 00:00 UTC", "no", "yes"),
        (
            during(Some(early), Some(late)),
            "from 2021-05-01 00:00 UTC on and before 2021-12-06 00:00 UTC",
            "yes",
            "no",
        ),
        (during(None, None), "at any time", "yes", "no"),
    ];
    for (during, asked, plain, negated) in cases {
        let (plain, negated) =
            (format!("created {asked}: {plain}, {saw}"), format!("not created {asked}: {negated}, {saw}"));
        says_both(&Test::AccountCreated(during), &unknown(), &plain, &negated);
    }
    // One microsecond decides, and the sentence shows it.
    let just_before = Standing { created_at: at("2021-12-05T23:59:59.999999Z"), ..unknown() };
    says_both(
        &Test::AccountCreated(during(None, Some(late))),
        &just_before,
        "created before 2021-12-06 00:00 UTC: yes, the account was created 2021-12-05 23:59:59.999999 UTC",
        "not created before 2021-12-06 00:00 UTC: no, the account was created 2021-12-05 23:59:59.999999 UTC",
    );
}

#[test]
fn factors() {
    let test = |methods: &[Method]| Test::AccountMethod(methods.iter().copied().collect());
    let app = Standing { methods: vec![Method::Totp], ..unknown() };
    let (totp, codes) = (Method::Totp, Method::RecoveryCodes);
    says_both(
        &test(&[totp]),
        &app,
        "has an authenticator app: yes",
        "does not have an authenticator app: no",
    );
    says_both(
        &test(&[codes]),
        &app,
        "has recovery codes: no, the account has an authenticator app",
        "does not have recovery codes: yes, the account has an authenticator app",
    );
    says_both(
        &test(&[totp, codes]),
        &known(),
        "has an authenticator app or recovery codes: yes, the account has an authenticator app and recovery codes",
        "does not have an authenticator app or recovery codes: no, the account has an authenticator app and recovery codes",
    );
    says_both(
        &test(&[totp]),
        &unknown(),
        "has an authenticator app: no, the account has no second factor",
        "does not have an authenticator app: yes, the account has no second factor",
    );
    says_both(
        &test(&[]),
        &app,
        "has a second factor: yes, the account has an authenticator app",
        "does not have a second factor: no, the account has an authenticator app",
    );
    says_both(&test(&[]), &unknown(), "has a second factor: no", "does not have a second factor: yes");
    says_both(
        &test(&[Method::Password]),
        &unknown(),
        "has a password: no, the account has no second factor",
        "does not have a password: yes, the account has no second factor",
    );
}

#[test]
fn a_wish() {
    let test = |products: &[&str]| Test::AccountInterest(products.iter().map(|key| text(key)).collect());
    says_both(
        &test(&[]),
        &known(),
        "wished for two-step at kasa: yes",
        "did not wish for two-step at kasa: no",
    );
    says_both(
        &test(&[]),
        &unknown(),
        "wished for two-step at kasa: no",
        "did not wish for two-step at kasa: yes",
    );
    says_both(
        &test(&["deco", "tapo"]),
        &known(),
        "wished for two-step at deco or tapo: yes, the account wished for it at kasa and tapo",
        "did not wish for two-step at deco or tapo: no, the account wished for it at kasa and tapo",
    );
    says_both(
        &test(&["tapo"]),
        &unknown(),
        "wished for two-step at tapo: no, the account wished for it nowhere",
        "did not wish for two-step at tapo: yes, the account wished for it nowhere",
    );
}

#[test]
fn a_customer() {
    let test = |keys: &[&str]| Test::CustomerKey(keys.iter().map(|key| text(key)).collect());
    says_both(&test(&["acme"]), &known(), "customer is 'acme': yes", "customer is not 'acme': no");
    says_both(
        &test(&["bolt"]),
        &known(),
        "customer is 'bolt': no, the account's is 'acme'",
        "customer is not 'bolt': yes, the account's is 'acme'",
    );
    says_both(
        &test(&["bolt"]),
        &unknown(),
        "customer is 'bolt': no, the account has no customer",
        "customer is not 'bolt': yes, the account has no customer",
    );
    says_both(
        &test(&[]),
        &known(),
        "has a customer: yes, the account's is 'acme'",
        "does not have a customer: no, the account's is 'acme'",
    );
    says_both(&test(&[]), &unknown(), "has a customer: no", "does not have a customer: yes");
}

#[test]
fn what_is_known_of_the_customer() {
    let created = Test::CustomerCreated(during(None, Some("2021-12-06T00:00:00Z")));
    says_both(
        &created,
        &known(),
        "customer created before 2021-12-06 00:00 UTC: yes, the customer was created 2019-01-01 00:00 UTC",
        "not customer created before 2021-12-06 00:00 UTC: no, the customer was created 2019-01-01 00:00 UTC",
    );
    let country = Test::CustomerCountry(countries(&["DE"]));
    says_both(
        &country,
        &known(),
        "customer's country is DE: no, the customer's is FR",
        "customer's country is not DE: yes, the customer's is FR",
    );
    says_both(
        &Test::CustomerCountry(countries(&["FR"])),
        &known(),
        "customer's country is FR: yes",
        "customer's country is not FR: no",
    );
    let label = Test::CustomerLabel(tier(&["gold"]));
    says_both(
        &label,
        &known(),
        "customer's label tier is 'gold': yes",
        "customer's label tier is not 'gold': no",
    );
    let bare = Customer { country: None, labels: Labels::new(), ..acme() };
    let bare = Standing { customer: Some(bare), ..unknown() };
    says_both(
        &label,
        &bare,
        "customer's label tier is 'gold': no, the customer has no label tier",
        "customer's label tier is not 'gold': yes, the customer has no label tier",
    );
    says_both(
        &country,
        &bare,
        "customer's country is DE: no, the customer's is not known",
        "customer's country is not DE: yes, the customer's is not known",
    );
    for test in [created, country, label] {
        assert!(told(Audience::Test(test), &unknown()).ends_with(": no, the account has no customer"));
    }
}

#[test]
fn lists_of_tests_are_read_in_order_and_nested_ones_in_brackets() {
    let country = || Audience::Test(Test::AccountCountry(countries(&["DE"])));
    let label = || Audience::Test(Test::AccountLabel(tier(&["free"])));
    let verified = || Audience::Test(Test::AccountEmailVerified);
    let not = |part| Audience::Not(Box::new(part));
    let (de, free, mail) = (
        "country is DE: yes",
        "label tier is 'free': no, the account's is 'gold'",
        "email address is verified: yes",
    );
    let cases = [
        (Audience::All(vec![country(), label()]), format!("{de}; and {free}")),
        (Audience::Any(vec![country(), label()]), format!("{de}; or {free}")),
        (Audience::All(vec![country()]), de.to_owned()),
        (
            Audience::Any(vec![verified(), Audience::All(vec![country(), label()])]),
            format!("{mail}; or ({de}; and {free})"),
        ),
        (
            Audience::All(vec![country(), not(Audience::Any(vec![label(), verified()]))]),
            format!("{de}; and not ({free}; or {mail})"),
        ),
        (not(Audience::All(vec![country(), label()])), format!("not ({de}; and {free})")),
        (not(Audience::Any(vec![verified()])), "email address is not verified: no".to_owned()),
        (Audience::All(vec![verified(), not(country())]), format!("{mail}; and country is not DE: no")),
        (Audience::All(vec![]), "nothing is asked: yes".to_owned()),
        (Audience::Any(vec![]), "nothing is enough: no".to_owned()),
    ];
    for (audience, sentence) in cases {
        assert_eq!(told(audience, &known()), sentence);
    }
}
