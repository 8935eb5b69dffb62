//! A preview as people read it: a table for each instant, and the accounts that were named.

use std::fmt::Write as _;

use tidegate_proto as proto;

use crate::output::{columns, instant, plain};

type Read = fn(&proto::ProductPreview) -> &Option<proto::AccountSample>;

/// What is told of reach, and what of ladders.
const REACH: [(&str, Read); 3] = [
    ("newly reached", |at| &at.enter),
    ("of these without a verified address", |at| &at.enter_missing),
    ("no longer reached", |at| &at.leave),
];
const LADDER: [(&str, Read); 7] = [
    ("becomes required of", |at| &at.become_required),
    ("of these enforced at once", |at| &at.enforced),
    ("of these in grace", |at| &at.in_grace),
    ("of these with two-step on already", |at| &at.required_on),
    ("of these without a verified address", |at| &at.required_missing),
    ("of these without a way in", |at| &at.locked_out),
    ("no longer required of", |at| &at.cease_required),
];

pub fn table(preview: &proto::RolloutPreview) -> String {
    let now = proto::PreviewedInstant { at_time: preview.count_time, products: preview.products.clone() };
    let mut text = String::new();
    for (place, told) in std::iter::once(&now).chain(&preview.instants).enumerate() {
        let at = instant(told.at_time.as_ref());
        let _ = writeln!(text, "{}", if place == 0 { format!("now, {at}") } else { format!("at {at}") });
        text += &at_once(&told.products);
        text.push('\n');
    }
    let of = match preview.revision {
        0 => "a rollout that does not exist yet".to_owned(),
        revision => format!("revision {revision}"),
    };
    let _ = writeln!(text, "of {} accounts; {of}", preview.account_count);
    text
}

fn at_once(products: &[proto::ProductPreview]) -> String {
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
    if any_ladder {
        rows.push(moved("required", |at| (at.required_before_count, at.required_after_count)));
        rows.extend(LADDER.map(counted));
    }
    let mut text = columns(&header, rows);
    for at in products {
        for conflict in at.conflicts.iter().filter(|conflict| conflict.account_count > 0) {
            let _ = writeln!(
                text,
                "{}: `{}` demands something else of {} accounts; the stricter demand counts, for {} of them that of `{1}`",
                at.product,
                plain(&conflict.rollout),
                conflict.account_count,
                conflict.decides_count
            );
        }
        for (name, read) in REACH.iter().chain(&LADDER) {
            let Some(sample) = read(at).as_ref().filter(|sample| !sample.account_ids.is_empty()) else {
                continue;
            };
            let _ = writeln!(text, "{}: {name}: {}", at.product, sample.account_ids.join(", "));
        }
    }
    text
}

fn count(sample: Option<&proto::AccountSample>) -> i64 {
    sample.map_or(0, |sample| sample.count)
}
