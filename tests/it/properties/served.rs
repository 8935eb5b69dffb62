//! The same histories through the service: what the stage and a replica answer is what the plain model says,
//! and no verb of a rollout touches what is kept of accounts.

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use tidegate_core::{Span, Word as _};
use tidegate_proto as proto;

use super::{
    model::{Answer, Model},
    steps::{Beginning, Deed, Step, beginning, step},
    vendor::Vendor,
};
use crate::{actor::Actor, raw, stage::Stage};

const STEPS: usize = 25;

/// Each number is a history, always the same.
async fn live(stage: &Stage, number: u8) {
    let (beginning, steps) = story(number);
    let (vendor, mut model) = Vendor::open(stage, &beginning).await;
    let there = stage.replica().await;
    let elsewhere = stage.operator().at(there.channel.clone());
    for (place, step) in steps.iter().enumerate() {
        stage.clock.advance(Span::seconds(30));
        let is_verb = matches!(step, Step::Rollout(..));
        let before = if is_verb { Some((kept(stage).await, vendor.factors().await)) } else { None };
        let did = vendor.take(&mut model, step).await;
        assert_eq!(did, model.take(step), "{place}: {step:?}");
        if let Some(before) = before {
            assert_eq!((kept(stage).await, vendor.factors().await), before, "{place}: {step:?}");
        }
        agree(&vendor, &model, &stage.operator(), &format!("{place}: {step:?}")).await;
        if !stage.is_sqlite() {
            there.house.follow().await.unwrap();
            agree(&vendor, &model, &elsewhere, &format!("replica, {place}: {step:?}")).await;
        }
    }
    // A SQLite file has one owner: another one knows only what it reads when it begins.
    let late = stage.replica().await;
    agree(&vendor, &model, &stage.operator().at(late.channel.clone()), "a replica that begins").await;
}

fn story(number: u8) -> (Beginning, Vec<Step>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]);
    let mut runner = TestRunner::new_with_rng(super::cases(1), rng);
    // Switching off wants a proof by the factor; that has stories of its own.
    let out_of_reach = |step: &Step| matches!(step, Step::Account(_, Deed::SwitchOff(_) | Deed::Verified(_)));
    let steps = vec(step().prop_filter("told elsewhere", move |step| !out_of_reach(step)), STEPS);
    let begun = super::steps::first_waves(1..4);
    let (beginning, first, steps) = (beginning(), begun, steps).new_tree(&mut runner).unwrap().current();
    (beginning, first.into_iter().chain(steps).collect())
}

async fn agree(vendor: &Vendor, model: &Model, actor: &Actor, when: &str) {
    let items = Model::everywhere().map(|(who, product)| proto::EvaluationItem {
        product: product.to_owned(),
        account: vendor.people[who].id.clone(),
    });
    let answer = actor.ok(proto::BatchEvaluateRequest { items: items.collect() }).await;
    for ((who, product), result) in Model::everywhere().zip(answer.results) {
        let Some(proto::evaluation_result::Result::Decision(decision)) = result.result else { panic!() };
        assert_eq!(heard(&decision), model.answer(who, product), "{when}: {who} at {product}");
    }
}

fn heard(decision: &proto::Decision) -> Answer {
    let reason = decision.reason().as_str_name().trim_start_matches("DECISION_REASON_").to_lowercase();
    let reason = tidegate_core::Reason::ALL.iter().map(|reason| reason.as_str()).find(|word| *word == reason);
    let wave = usize::try_from(decision.wave).unwrap();
    Answer {
        reason: reason.unwrap(),
        visible: decision.visible,
        required: decision.requirement() == proto::Requirement::SecondStep,
        rollout: Some(decision.rollout.clone()).filter(|key| !key.is_empty()),
        wave: (reason == Some("wave")).then_some(wave),
    }
}

/// What is kept of accounts, counted, each at a place of its own in one number.
async fn kept(stage: &Stage) -> i64 {
    let counts = [
        "SELECT count(*) FROM factors",
        "SELECT count(*) FROM accounts WHERE two_step_since IS NOT NULL",
        "SELECT count(*) FROM ledger WHERE first_shown_at IS NOT NULL",
        "SELECT count(*) FROM ledger WHERE active_since IS NOT NULL",
        "SELECT count(*) FROM interest",
        "SELECT COALESCE(sum(shown_revision), 0) FROM ledger",
    ];
    let placed = (0_u32..).zip(counts).map(|(place, sql)| format!("({sql}) * {}", 100_i64.pow(place)));
    raw::count(stage, &format!("SELECT {}", placed.collect::<Vec<_>>().join(" + "))).await
}

on_both! {
    async fn inv_42_no_verb_touches_the_standing_first_history(stage) { live(&stage, 1).await }
    async fn inv_42_no_verb_touches_the_standing_second_history(stage) { live(&stage, 2).await }
    async fn inv_42_no_verb_touches_the_standing_third_history(stage) { live(&stage, 3).await }
}
