//! The moves of a history with ladders: their dates are quarters of a day, close together, so that they meet.

use proptest::{
    bool,
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use tidegate_core::{Grace, LadderRule, Phase, Requirement, Rung, Skips, Span, Timestamp, Word as _};
use tidegate_proto as proto;

use super::{
    BEGINNING, PRODUCTS,
    crowd::{Crowd, crowd},
    steps::{self, APPROVERS, Beginning, Deed, PEOPLE, Product, ROLLOUTS, Step, Verb},
};
use crate::test_server::timestamp;

pub(super) const QUARTER: Span = Span::hours(6);
pub(super) const DAY: i64 = 4;

/// So many quarters after the beginning.
pub(super) fn at(quarter: i64) -> Timestamp {
    BEGINNING.plus(quarters(quarter))
}

pub(super) fn quarters(count: i64) -> Span {
    Span::from_micros(QUARTER.micros() * count)
}

/// Each takes a quarter of a day, except a wait.
#[derive(Debug, Clone)]
pub(super) enum Move {
    Step(Step),
    /// Without rules: removes it.
    SetLadder(usize, Vec<DraftedRule>),
    /// The same rules, with another grace.
    Regrace(usize, GraceDraft),
    Wait(i64),
    Act(usize, Product, Act),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// With the password alone. Without a requirement it completes, and the account is told.
    SignIn,
    Skip,
    /// Signs in and sets two-step up, in the sign-in where it waits for that.
    Enroll,
    /// In a sign-in that waits for an enrollment.
    Postpone,
    /// From the ladder of the rollout, for so many quarters.
    Exempt(usize, i64),
    EndExemption(usize),
    /// By so many days.
    Extend(usize, u32),
}

/// Dates are quarters from the instant at which the ladder is set.
#[derive(Debug, Clone)]
pub(super) struct DraftedRule {
    crowd: Option<Crowd>,
    products: Vec<Product>,
    within_waves: bool,
    phases: Vec<(i64, Rung)>,
    demands: Requirement,
    grace: GraceDraft,
    postponement: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct GraceDraft {
    days: Option<u32>,
    /// Quarters after the first phase that demands something.
    cap: Option<i64>,
    skips: Option<(u32, i64)>,
}

/// Dates are quarters from the beginning.
#[derive(Debug, Clone)]
pub(super) struct PlainRule {
    pub(super) crowd: Option<Crowd>,
    pub(super) products: Vec<Product>,
    pub(super) within_waves: bool,
    pub(super) phases: Vec<(i64, Rung)>,
    pub(super) demands: Requirement,
    pub(super) days: Option<u32>,
    pub(super) cap: Option<i64>,
    pub(super) skips: Option<(u32, i64)>,
    pub(super) postponement: Option<i64>,
}

impl DraftedRule {
    pub(super) fn set_at(&self, now: i64) -> PlainRule {
        let phases = self.phases.iter().map(|(quarter, rung)| (now + quarter, *rung)).collect();
        let rule = PlainRule {
            crowd: self.crowd.clone(),
            products: self.products.clone(),
            within_waves: self.within_waves,
            phases,
            demands: self.demands,
            days: None,
            cap: None,
            skips: None,
            postponement: self.postponement,
        };
        rule.with(self.grace)
    }
}

impl PlainRule {
    pub(super) fn with(self, grace: GraceDraft) -> Self {
        let cap = grace.cap.zip(self.demanding()).filter(|_| grace.days.is_some());
        let cap = cap.map(|(after, from)| from + after);
        Self { days: grace.days, cap, skips: grace.skips, ..self }
    }

    /// When the first phase begins that demands something.
    pub(super) fn demanding(&self) -> Option<i64> {
        self.phases.iter().find(|(_, rung)| *rung >= Rung::Required).map(|(from, _)| *from)
    }

    pub(super) fn written(&self) -> LadderRule {
        let phase = |(from, rung): &(i64, Rung)| Phase { from: at(*from), planned: None, rung: *rung };
        let skips = |(count, spacing)| Skips { count, spacing: quarters(spacing) };
        LadderRule {
            title: "rule".parse().unwrap(),
            audience: self.crowd.as_ref().map(Crowd::audience),
            products: self.products.iter().map(|name| name.parse().unwrap()).collect(),
            within_waves: self.within_waves,
            phases: self.phases.iter().map(phase).collect(),
            demands: self.demands,
            grace: Grace { days: self.days, cap: self.cap.map(at), skips: self.skips.map(skips) },
            postponement: self.postponement.map(quarters),
            reminders: Vec::new(),
        }
    }

    /// `begins`: when the history of the server began.
    pub(super) fn spoken(&self, begins: Timestamp) -> proto::LadderRule {
        let at = |quarter: i64| Some(timestamp(begins.plus(quarters(quarter))));
        let long = |count: i64| Some(prost_types::Duration { seconds: count * 6 * 3600, nanos: 0 });
        let phase = |(from, rung): &(i64, Rung)| proto::LadderPhase {
            from_time: at(*from),
            rung: spoken_rung(*rung).into(),
            ..Default::default()
        };
        proto::LadderRule {
            title: "rule".into(),
            audience: self.crowd.as_ref().map(Crowd::spoken),
            products: self.products.iter().map(ToString::to_string).collect(),
            within_waves: self.within_waves,
            phases: self.phases.iter().map(phase).collect(),
            demands: match self.demands {
                Requirement::Aal2 => proto::Requirement::Aal2,
                _ => proto::Requirement::SecondStep,
            }
            .into(),
            grace: Some(proto::Grace {
                days: self.days.unwrap_or_default(),
                cap_time: self.cap.and_then(at),
                skips: self.skips.map_or(0, |(count, _)| count),
                skip_spacing: self.skips.and_then(|(_, spacing)| long(spacing)),
            }),
            postponement: self.postponement.and_then(long),
            ..Default::default()
        }
    }
}

pub(super) const fn spoken_rung(rung: Rung) -> proto::Rung {
    match rung {
        Rung::Optional => proto::Rung::Optional,
        Rung::Nudge => proto::Rung::Nudge,
        Rung::Required => proto::Rung::Required,
        Rung::Locked => proto::Rung::Locked,
    }
}

/// Histories begin with a ladder, and most of them with a wave.
pub(super) fn climbs() -> impl Strategy<Value = (Beginning, Vec<Move>)> {
    let first = (steps::first_waves(0..3), which(), ladder());
    (steps::beginning(), first, vec(a_move(), 10..36)).prop_map(
        |(beginning, (waves, which, ladder), moves)| {
            let waves = waves.into_iter().map(Move::Step);
            let all = std::iter::once(Move::SetLadder(which, ladder)).chain(waves).chain(moves);
            (beginning, all.collect())
        },
    )
}

pub(super) fn a_move() -> impl Strategy<Value = Move> {
    let held = prop_oneof![
        2 => Just(Verb::Pause),
        3 => Just(Verb::Resume),
        2 => Just(Verb::Stop),
        4 => select(APPROVERS).prop_map(Verb::ClearStop),
        2 => (0..2_usize).prop_map(|to| Verb::RollBack(to, Vec::new())),
        1 => Just(Verb::Advance),
    ];
    let held = (which(), held).prop_map(|(which, verb)| Move::Step(Step::Rollout(which, verb)));
    // Apps are told what to show by sign-ins alone.
    let told = |step: &Step| matches!(step, Step::Account(_, Deed::Show(_) | Deed::SignIn(_)));
    let step = steps::step().prop_filter("another move", move |step| !told(step)).prop_map(Move::Step);
    let ladder = prop_oneof![1 => Just(Vec::new()), 3 => ladder()];
    prop_oneof![
        3 => step,
        5 => held,
        2 => (which(), ladder).prop_map(|(which, rules)| Move::SetLadder(which, rules)),
        1 => (which(), grace()).prop_map(|(which, grace)| Move::Regrace(which, grace)),
        4 => (1..12_i64).prop_map(Move::Wait),
        9 => (who(), product(), act()).prop_map(|(who, product, act)| Move::Act(who, product, act)),
    ]
}

fn who() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..PEOPLE, 3 => 1..3_usize]
}

fn product() -> impl Strategy<Value = Product> {
    prop_oneof![2 => Just(PRODUCTS[0]), 1 => select(PRODUCTS)]
}

fn which() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(0), 1 => 0..ROLLOUTS]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::SignIn),
        4 => Just(Act::Skip),
        1 => Just(Act::Enroll),
        4 => Just(Act::Postpone),
        3 => (which(), 1..30_i64).prop_map(|(which, long)| Act::Exempt(which, long)),
        5 => which().prop_map(Act::EndExemption),
        2 => (which(), 1..6_u32).prop_map(|(which, days)| Act::Extend(which, days)),
    ]
}

pub(super) fn ladder() -> impl Strategy<Value = Vec<DraftedRule>> {
    vec(rule(), 1..=2)
}

fn rule() -> impl Strategy<Value = DraftedRule> {
    let products = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(PRODUCTS, 1..=2)];
    let is_for = (option::weighted(0.3, crowd()), products, bool::weighted(0.2));
    let demands = select(&[Requirement::SecondStep, Requirement::SecondStep, Requirement::Aal2][..]);
    let all = (is_for, phases(), demands, grace(), option::of(1..16_i64));
    all.prop_map(|((crowd, products, within_waves), phases, demands, grace, postponement)| {
        let postpones = phases.iter().any(|(_, rung)| *rung == Rung::Required);
        let postponement = postponement.filter(|_| postpones);
        DraftedRule { crowd, products, within_waves, phases, demands, grace, postponement }
    })
}

fn phases() -> impl Strategy<Value = Vec<(i64, Rung)>> {
    let rungs = prop_oneof![
        1 => subsequence(Rung::ALL, 1..=3),
        2 => Just(vec![Rung::Nudge, Rung::Required]),
        1 => Just(vec![Rung::Required]),
    ];
    (rungs, vec(0..20_i64, 3)).prop_map(|(rungs, mut quarters)| {
        quarters.sort_unstable();
        let apart = (0..).zip(quarters).map(|(place, quarter): (i64, i64)| quarter + place);
        apart.zip(rungs).collect()
    })
}

fn grace() -> impl Strategy<Value = GraceDraft> {
    let skips = option::weighted(0.4, (1..3_u32, 1..8_i64));
    let all = (option::weighted(0.6, 1..6_u32), option::weighted(0.4, 0..24_i64), skips);
    all.prop_map(|(days, cap, skips)| GraceDraft { days, cap, skips })
}
