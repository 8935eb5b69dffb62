//! A preview as people read it: a table for each instant, and the accounts that were named.

use std::fmt::Write as _;

use tidegate_proto as proto;

use crate::output::{columns, instant, plain};

type Read = fn(&proto::ProductPreview) -> &Option<proto::AccountSample>;

/// What is told of reach, and what of ladders.
const REACH: [(&str, Read); 3] = [
    ("newly reached", |at| &at.enter),
    ("of these, without a verified address", |at| &at.enter_missing),
    ("no longer reached", |at| &at.leave),
];
/// Of a rollout of a method.
const ADVISED: (&str, Read) = ("newly reached, and advised to add a better method", |at| &at.advised);
const LADDER: [(&str, Read); 7] = [
    ("more is required than before", |at| &at.become_required),
    ("of these, asked at once", |at| &at.enforced),
    ("of these, still have time (grace, or exempted)", |at| &at.in_grace),
    ("of these, have two-step already", |at| &at.required_on),
    ("of these, without a verified address", |at| &at.required_missing),
    ("of these, cannot sign in (no way to set up)", |at| &at.locked_out),
    ("less is required than before", |at| &at.cease_required),
];
/// The counts of accounts of which more or less is required are no difference of the two numbers above them.
const MORE_OR_LESS: &str = "more is required: two-step is required of an account of which it was not, or a stronger second \
                            step, or already now and not only later; less is required: the opposite\n";

pub fn table(preview: &proto::RolloutPreview) -> String {
    let now = proto::PreviewedInstant { at_time: preview.count_time, products: preview.products.clone() };
    let mut text = String::new();
    for (place, told) in std::iter::once(&now).chain(&preview.instants).enumerate() {
        let at = instant(told.at_time.as_ref());
        let _ = writeln!(text, "{}", if place == 0 { format!("now, {at}") } else { format!("at {at}") });
        text += &at_once(&told.products, preview.account_count);
        text.push('\n');
    }
    let of = match preview.revision {
        0 => "a rollout that does not exist yet".to_owned(),
        revision => format!("revision {revision}"),
    };
    let _ = writeln!(text, "of {}; {of}", counted_accounts(preview.account_count));
    text
}

fn at_once(products: &[proto::ProductPreview], accounts: i64) -> String {
    let any_ladder = products
        .iter()
        .any(|at| at.required_before_count > 0 || at.required_after_count > 0 || !at.conflicts.is_empty());
    let header: Vec<_> =
        std::iter::once("accounts").chain(products.iter().map(|at| at.product.as_str())).collect();
    let moved = |name: &str, before: fn(&proto::ProductPreview) -> (i64, i64)| {
        let counts = products.iter().map(before).map(|(before, after)| format!("{before} -> {after}"));
        std::iter::once(name.to_owned()).chain(counts).collect::<Vec<_>>()
    };
    let counted = |(name, read): (&str, Read)| {
        let counts = products.iter().map(|at| count(read(at).as_ref()).to_string());
        std::iter::once(format!("  {name}")).chain(counts).collect::<Vec<_>>()
    };
    let mut rows = vec![moved("reached", |at| (at.before_count, at.after_count))];
    rows.extend(REACH.map(counted));
    if products.iter().any(|at| count(at.advised.as_ref()) > 0) {
        rows.push(counted(ADVISED));
    }
    if any_ladder {
        rows.push(moved("two-step is required of", |at| (at.required_before_count, at.required_after_count)));
        rows.extend(LADDER.map(counted));
    }
    let mut text = columns(&header, rows);
    if products.iter().any(|at| count(at.become_required.as_ref()) + count(at.cease_required.as_ref()) > 0) {
        text += MORE_OR_LESS;
    }
    for at in products {
        text += &unchanged(at, accounts);
    }
    for at in products {
        for conflict in at.conflicts.iter().filter(|conflict| conflict.account_count > 0) {
            let _ = writeln!(
                text,
                "{}: `{}` demands something else of {}; the stricter demand counts, for {} of them that of `{1}`",
                at.product,
                plain(&conflict.rollout),
                counted_accounts(conflict.account_count),
                conflict.decides_count
            );
        }
        for (name, read) in REACH.iter().chain([&ADVISED]).chain(&LADDER) {
            let Some(sample) = read(at).as_ref().filter(|sample| !sample.account_ids.is_empty()) else {
                continue;
            };
            let _ = writeln!(text, "{}: {name}: {}", at.product, sample.account_ids.join(", "));
        }
    }
    text
}

/// Why the number of reached accounts stays as it is, where it is not zero.
fn unchanged(at: &proto::ProductPreview, accounts: i64) -> String {
    let moves = count(at.enter.as_ref()) + count(at.leave.as_ref());
    if moves > 0 || at.before_count == 0 || at.before_count != at.after_count {
        return String::new();
    }
    let whom =
        if at.before_count == accounts { "every account" } else { "every account that this would reach" };
    format!(
        "{}: nobody is newly reached: {whom} is reached already, by this rollout or another\n",
        at.product
    )
}

fn counted_accounts(count: i64) -> String {
    if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") }
}

fn count(sample: Option<&proto::AccountSample>) -> i64 {
    sample.map_or(0, |sample| sample.count)
}
