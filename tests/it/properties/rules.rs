//! Ladders, what happened between an account and them, and the times in which a rollout was held. Their instants are close
//! together, so that they meet.

use proptest::{
    bool,
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use tidegate_core::{
    Grace, Hold, LadderMarks, LadderRule, Phase, Requirement, Rung, Skips, Span, Timestamp, Word as _,
};

use super::{crowd::crowd, questions::products};

/// How far the instants reach from the beginning.
const DAYS: i64 = 40;

/// An instant at a quarter of a day.
pub(super) fn near() -> impl Strategy<Value = Timestamp> {
    (0..DAYS * 4).prop_map(|quarter| super::BEGINNING.plus(Span::hours(6 * quarter)))
}

pub(super) fn ladder() -> impl Strategy<Value = Vec<LadderRule>> {
    prop_oneof![1 => Just(Vec::new()), 3 => vec(rule(), 1..=5)].prop_map(|mut rules| {
        for (rule, place) in rules.iter_mut().zip(1..) {
            rule.title = format!("rule {place}").parse().unwrap();
        }
        rules
    })
}

fn rule() -> impl Strategy<Value = LadderRule> {
    let demands = select(&[Requirement::SecondStep, Requirement::Aal2, Requirement::Aal2Phr][..]);
    // Rules for all accounts at all products are rare, or no rule after them is ever asked.
    let is_for = (option::weighted(0.7, crowd()), products(), bool::weighted(0.2));
    let all = (is_for, phases(), demands, grace(), option::of(1..10_i64));
    all.prop_map(|((crowd, products, within_waves), phases, demands, grace, postponement)| LadderRule {
        title: "rule".parse().unwrap(),
        audience: crowd.map(|crowd| crowd.audience()),
        products,
        within_waves,
        phases,
        demands,
        grace,
        postponement: postponement.map(Span::days),
        reminders: Vec::new(),
    })
}

/// One to three, by time, each stricter than the one before.
fn phases() -> impl Strategy<Value = Vec<Phase>> {
    (subsequence(Rung::ALL, 1..=3), vec(near(), 3)).prop_map(|(rungs, mut instants)| {
        instants.sort_unstable();
        let apart = |(place, at): (i64, Timestamp)| at.plus(Span::hours(place));
        let instants = (0..).zip(instants).map(apart);
        rungs.into_iter().zip(instants).map(|(rung, from)| Phase { from, planned: None, rung }).collect()
    })
}

fn grace() -> impl Strategy<Value = Grace> {
    let skips =
        (0..4_u32, 1..100_i64).prop_map(|(count, hours)| Skips { count, spacing: Span::hours(hours) });
    let days = option::weighted(0.7, 0..20_u32);
    (days, option::of(near()), option::weighted(0.4, skips)).prop_map(|(days, cap, skips)| {
        let cap = cap.filter(|_| days.is_some());
        Grace { days, cap, skips }
    })
}

pub(super) fn marks() -> impl Strategy<Value = LadderMarks> {
    let told = (option::weighted(0.7, near()), option::weighted(0.2, near()));
    let skips = (0..4_u32, option::of(near()));
    let put_off = (option::weighted(0.3, near()), option::weighted(0.3, near()));
    let by_support = (prop_oneof![2 => Just(0), 1 => 1..200_i64], option::weighted(0.3, near()));
    (told, skips, put_off, by_support).prop_map(|(told, skips, put_off, by_support)| LadderMarks {
        told_at: told.0,
        required_since: told.1,
        skips: skips.0,
        skipped_at: skips.1.filter(|_| skips.0 > 0),
        overdue_at: put_off.0,
        postponed_until: put_off.1,
        extension: Span::hours(by_support.0),
        exempt_until: by_support.1,
    })
}

/// In order, and apart from each other.
pub(super) fn holds() -> impl Strategy<Value = Vec<Hold>> {
    vec(near(), 0..5).prop_map(|mut ends| {
        ends.sort_unstable();
        ends.dedup();
        ends.chunks_exact(2).map(|ends| Hold { from: ends[0], until: ends[1] }).collect()
    })
}
