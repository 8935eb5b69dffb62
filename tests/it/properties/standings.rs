//! Standings of accounts, also impossible ones.

use proptest::{
    bool,
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use tidegate_core::{
    AccountId, Buckets, Customer, CustomerId, CustomerKey, FirstShown, Labels, LedgerEntry, Method, Ordinal,
    Revision, Standing,
};
use uuid::Uuid;

use super::{
    PRODUCTS,
    crowd::LABEL,
    questions::{ROLLOUTS, instant, products},
    rules::marks,
    steps::CUSTOMERS,
};

pub(super) const ACCOUNTS: &[u128] = &[1, 2, 3];

pub(super) fn account(number: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn customer_key(key: &str) -> CustomerKey {
    key.parse().unwrap()
}

pub(super) fn standing() -> impl Strategy<Value = Standing> {
    let said = (option::of(country()), labels(), option::of(customer()), products());
    let methods = subsequence(&[Method::Totp, Method::RecoveryCodes][..], 0..=2);
    let all = (select(ACCOUNTS), instant(), said, bool::ANY, methods, option::of(instant()), ledger());
    all.prop_map(|(number, created_at, said, email_verified, methods, two_step_since, ledger)| {
        let (country, labels, customer, interest) = said;
        Standing {
            account: account(number),
            created_at,
            country: country.map(|name| name.parse().unwrap()),
            labels,
            email_verified,
            customer,
            methods,
            two_step_since,
            ledger,
            interest,
            buckets: Buckets::new(),
        }
    })
}

fn country() -> impl Strategy<Value = &'static str> {
    select(&["DE", "FR", "US"][..])
}

fn labels() -> impl Strategy<Value = Labels> {
    let text = option::of(select(&["gold", "free"][..]));
    text.prop_map(|text| {
        text.map(|text| (LABEL.parse().unwrap(), text.parse().unwrap())).into_iter().collect()
    })
}

fn customer() -> impl Strategy<Value = Customer> {
    let all = (select(&CUSTOMERS[..]), any::<u128>(), option::of(country()), labels(), instant());
    all.prop_map(|(key, id, country, labels, created_at)| Customer {
        id: CustomerId::from_uuid(Uuid::from_u128(id)),
        key: customer_key(key),
        title: "Customer".parse().unwrap(),
        country: country.map(|name| name.parse().unwrap()),
        labels,
        revision: Revision::FIRST,
        created_at,
        updated_at: created_at,
    })
}

fn shown() -> impl Strategy<Value = FirstShown> {
    let all = (instant(), 0..9_i64, option::of(1..5_u32));
    all.prop_map(|(at, revision, wave)| FirstShown {
        at,
        revision: Revision(revision),
        wave: wave.map(Ordinal),
    })
}

fn entry((rollout, product): (&'static str, &'static str)) -> impl Strategy<Value = LedgerEntry> {
    let all = (option::of(shown()), option::weighted(0.3, instant()), marks());
    all.prop_map(move |(shown, active_since, marks)| {
        let (rollout, product) = (rollout.parse().unwrap(), product.parse().unwrap());
        LedgerEntry { rollout, product, shown, active_since, marks }
    })
}

fn ledger() -> impl Strategy<Value = Vec<LedgerEntry>> {
    let of = |rollout: &'static str| PRODUCTS.iter().map(move |product| (rollout, *product));
    let pairs: Vec<_> = ROLLOUTS.iter().flat_map(|rollout| of(rollout)).collect();
    let some = vec(proptest::sample::select(pairs), 0..6);
    some.prop_flat_map(|mut pairs| {
        pairs.sort_unstable();
        pairs.dedup();
        pairs.into_iter().map(entry).collect::<Vec<_>>()
    })
}
