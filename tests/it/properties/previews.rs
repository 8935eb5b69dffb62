//! A preview equals what the change then does, in histories of rollouts and accounts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::vec,
    prelude::*,
    sample::subsequence,
    strategy::ValueTree as _,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use proto::preview_rollout_request::Change;
use tidegate_core::{Span, Timestamp};
use tidegate_proto as proto;

use super::{
    PRODUCTS,
    model::Model,
    served::{HISTORIES, story},
    steps::{Draft, Step, Verb},
    vendor::{Vendor, draft},
    world::KEYS,
};
use crate::{
    manage::{mask, whole_wave},
    previews::preview,
    test_server::{TestServer, timestamp},
};

/// Accounts by product: those that are reached, and those that miss what the first enrollment needs.
type ReachedAt = BTreeMap<&'static str, (BTreeSet<String>, BTreeSet<String>)>;

async fn reached(vendor: &Vendor) -> ReachedAt {
    let items = Model::everywhere().map(|(who, product)| proto::EvaluationItem {
        product: product.to_owned(),
        account: vendor.people[who].id.clone(),
    });
    let answer = vendor.operator.ok(proto::BatchEvaluateRequest { items: items.collect() }).await;
    let mut reached: ReachedAt =
        PRODUCTS.iter().map(|product| (*product, (BTreeSet::new(), BTreeSet::new()))).collect();
    for ((who, product), result) in Model::everywhere().zip(answer.results) {
        let Some(proto::evaluation_result::Result::Decision(decision)) = result.result else { panic!() };
        let (visible, missing) = reached.get_mut(product).unwrap();
        let id = &vendor.people[who].id;
        visible.extend(decision.visible.then(|| id.clone()));
        missing.extend((!decision.missing.is_empty()).then(|| id.clone()));
    }
    reached
}

fn planned(vendor: &Vendor, verb: &Verb) -> Option<Change> {
    let number = |place: &usize| u32::try_from(*place).unwrap();
    let update = |path: &str, names| {
        let (allow, deny) = (Some(vendor.named(names)), Some(vendor.named(names)));
        let update_mask = mask(path);
        Change::Update(proto::PlannedUpdate { allow, deny, update_mask, ..Default::default() })
    };
    Some(match verb {
        Verb::Start => Change::Start(true),
        Verb::Advance => Change::Advance(true),
        Verb::Stop => Change::Stop(true),
        Verb::RollBack(to, at) if at.is_empty() => Change::RollBackToWave(number(to)),
        Verb::AddWave(wave) => Change::AddWave(draft(wave)),
        Verb::UpdateWave(place, wave) => Change::UpdateWave(proto::PlannedWaveUpdate {
            ordinal: number(place),
            wave: Some(draft(wave)),
            update_mask: whole_wave(),
        }),
        Verb::Allow(names) => update("allow", names),
        Verb::Deny(names) => update("deny", names),
        Verb::RemoveWave(_)
        | Verb::RollBack(..)
        | Verb::Archive
        | Verb::Unarchive
        | Verb::Pause
        | Verb::Resume
        | Verb::ClearStop(_) => return None,
    })
}

/// What is decided of the accounts at one product at an instant.
#[derive(Default)]
struct Foreseen {
    visible: BTreeSet<String>,
    required: BTreeSet<String>,
    /// What ladders demand at the latest from the deadline on, and now.
    demands: BTreeMap<String, (i32, i32)>,
    enforced: BTreeSet<String>,
    missing: BTreeSet<String>,
    on: BTreeSet<String>,
}

/// Now, by Evaluate; or at another instant, by Explain, which sees the accounts as they are today too.
async fn foreseen(vendor: &Vendor, at: Option<Timestamp>) -> BTreeMap<&'static str, Foreseen> {
    let mut all: BTreeMap<&'static str, Foreseen> = BTreeMap::new();
    for (who, product) in Model::everywhere() {
        let (account, named) = (vendor.people[who].id.clone(), product.to_owned());
        let decision = match at {
            Some(at) => {
                let at_time = Some(timestamp(at));
                let request =
                    proto::ExplainRequest { product: named, account, at_time, ..Default::default() };
                vendor.operator.ok(request).await.decision
            }
            None => vendor.operator.ok(proto::EvaluateRequest { product: named, account }).await.decision,
        };
        let (decision, id, told) =
            (decision.unwrap(), &vendor.people[who].id, all.entry(product).or_default());
        let is = |holds: bool| holds.then(|| id.clone());
        told.visible.extend(is(decision.visible));
        told.missing.extend(is(!decision.missing.is_empty()));
        told.on.extend(is(decision.on));
        let ladder = decision.ladder.filter(|ladder| ladder.rung() >= proto::Rung::Required);
        let enforced = ladder.as_ref().is_some_and(|ladder| ladder.enforced);
        told.required.extend(is(ladder.is_some()));
        told.enforced.extend(is(enforced));
        let demands = ladder.map_or(0, |ladder| ladder.demands);
        told.demands.insert(id.clone(), (demands, if enforced { demands } else { 0 }));
    }
    all
}

fn compare_at(
    product: &proto::ProductPreview,
    (before, after): (&Foreseen, &Foreseen),
    met: &mut Met,
    when: &str,
) {
    let count = |count: i64| usize::try_from(count).unwrap();
    let ids = |sample: &Option<proto::AccountSample>| -> BTreeSet<String> {
        sample.as_ref().unwrap().account_ids.iter().cloned().collect()
    };
    let reached = (count(product.before_count), count(product.after_count));
    assert_eq!(reached, (before.visible.len(), after.visible.len()), "{when}");
    let required = (count(product.required_before_count), count(product.required_after_count));
    assert_eq!(required, (before.required.len(), after.required.len()), "{when}");
    let by = |holds: fn((i32, i32), (i32, i32)) -> bool| -> BTreeSet<String> {
        let pairs = after.demands.iter().filter(|(id, demands)| holds(before.demands[*id], **demands));
        pairs.map(|(id, _)| id.clone()).collect()
    };
    let (become_required, cease) = (by(|before, after| after > before), by(|before, after| after < before));
    let among = |set: &BTreeSet<String>| become_required.intersection(set).cloned().collect::<BTreeSet<_>>();
    let groups = [
        ("required", ids(&product.become_required), become_required.clone()),
        ("no longer required", ids(&product.cease_required), cease),
        ("enforced", ids(&product.enforced), among(&after.enforced)),
        ("in grace", ids(&product.in_grace), become_required.difference(&after.enforced).cloned().collect()),
        ("required, missing", ids(&product.required_missing), among(&after.missing)),
        ("required, on", ids(&product.required_on), among(&after.on)),
    ];
    for (name, told, decided) in groups {
        met.extend((!decided.is_empty()).then_some(name));
        assert_eq!(told, decided, "{when}: {name}");
    }
}

fn instant(at: prost_types::Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000)
}

/// A ladder near an instant, in days and hours; its product and audience are those of a wave.
#[derive(Debug, Clone)]
struct RuleDraft {
    wave: Draft,
    within_waves: bool,
    /// The rungs of the phases begin so many hours from now on.
    phases: Vec<(proto::Rung, i64)>,
    days: u32,
}

fn ladder_drafts() -> impl Strategy<Value = Vec<RuleDraft>> {
    use proto::Rung;
    let rungs = subsequence(&[Rung::Optional, Rung::Nudge, Rung::Required, Rung::Locked][..], 1..=3);
    let phases = (rungs, vec(1..200_i64, 3)).prop_map(|(rungs, mut hours)| {
        hours.sort_unstable();
        let apart = (0..).zip(hours).map(|(place, hours): (i64, i64)| hours + place);
        rungs.into_iter().zip(apart).collect()
    });
    let all = (super::steps::draft(), any::<bool>(), phases, prop_oneof![Just(0), Just(2_u32)]);
    vec(all, 1..=4).prop_map(|rules| {
        let rule = |(wave, within_waves, phases, days)| RuleDraft { wave, within_waves, phases, days };
        rules.into_iter().map(rule).collect()
    })
}

impl RuleDraft {
    fn rule(&self, now: Timestamp) -> proto::LadderRule {
        let wave = draft(&self.wave);
        let phase = |(rung, hours): &(proto::Rung, i64)| proto::LadderPhase {
            from_time: Some(timestamp(now.plus(Span::hours(*hours)))),
            rung: (*rung).into(),
            ..Default::default()
        };
        proto::LadderRule {
            title: "rule".into(),
            audience: wave.audience,
            products: wave.products,
            within_waves: self.within_waves,
            phases: self.phases.iter().map(phase).collect(),
            grace: Some(proto::Grace { days: self.days, ..Default::default() }),
            ..Default::default()
        }
    }
}

/// After a history: two ladders, one after the other, each previewed at all its dates, set, and watched until they are past.
async fn climb(server: &TestServer, number: u8) -> Met {
    let (beginning, steps) = story(number);
    let (vendor, mut model) = Vendor::open(server, &beginning).await;
    for step in &steps {
        server.clock.advance(Span::seconds(30));
        vendor.take(&mut model, step).await;
        model.take(step);
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]);
    let mut runner = TestRunner::new_with_rng(super::cases(1), rng);
    let mut met = Met::new();
    for turn in 0..6 {
        let which = turn % KEYS.len();
        let drafts = ladder_drafts().new_tree(&mut runner).unwrap().current();
        let rules: Vec<_> = drafts.iter().map(|draft| draft.rule(server.now())).collect();
        let change = Change::SetLadder(proto::PlannedLadder { rules: rules.clone() });
        let request = proto::PreviewRolloutRequest { all_dates: true, ..preview(KEYS[which], change) };
        let told = vendor.operator.preview(request).await;
        let mut instants = vec![server.now()];
        if let Ok(told) = &told {
            instants.extend(told.instants.iter().map(|told| instant(told.at_time.unwrap())));
        }
        let mut before = Vec::new();
        for at in &instants {
            before.push(foreseen(&vendor, Some(*at)).await);
        }
        let get = proto::GetRolloutRequest { rollout: KEYS[which].to_owned() };
        let etag = vendor.operator.ok(get).await.rollout.unwrap().etag;
        let set =
            proto::SetLadderRequest { rollout: KEYS[which].to_owned(), etag, rules, ..Default::default() };
        let told = match (told, vendor.operator.call(set).await) {
            (Ok(told), Ok(_)) => told,
            (Err(told), Err(done)) => {
                assert_eq!(told.name(), done.name(), "{drafts:?}");
                met.insert("refused");
                continue;
            }
            (told, done) => panic!("{drafts:?}: {told:?}, {done:?}"),
        };
        let now = proto::PreviewedInstant { products: told.products, ..Default::default() };
        for ((at, before), told) in
            instants.into_iter().zip(before).zip(std::iter::once(now).chain(told.instants))
        {
            let ahead = at.since(server.now());
            server.clock.advance(ahead);
            let after = foreseen(&vendor, None).await;
            for product in &told.products {
                let key = product.product.as_str();
                let when = format!("turn {turn} at {at}, {key}: {drafts:?}");
                compare_at(product, (&before[key], &after[key]), &mut met, &when);
            }
        }
    }
    met
}

/// What happened: a name for each case that a preview may tell.
type Met = BTreeSet<&'static str>;

fn compare(
    preview: &proto::RolloutPreview,
    before: &ReachedAt,
    after: &ReachedAt,
    met: &mut Met,
    when: &str,
) {
    let ids = |sample: &Option<proto::AccountSample>| -> BTreeSet<String> {
        let sample = sample.as_ref().unwrap();
        assert_eq!(usize::try_from(sample.count), Ok(sample.account_ids.len()), "{when}");
        sample.account_ids.iter().cloned().collect()
    };
    assert_eq!(preview.products.len(), PRODUCTS.len(), "{when}");
    for at in &preview.products {
        let ((before, _), (after, lacks)) = (&before[at.product.as_str()], &after[at.product.as_str()]);
        let counted = [at.before_count, at.after_count].map(|count| usize::try_from(count).unwrap());
        assert_eq!(counted, [before.len(), after.len()], "{when}");
        let enter: BTreeSet<_> = after.difference(before).cloned().collect();
        let leave: BTreeSet<_> = before.difference(after).cloned().collect();
        let missing: BTreeSet<_> = enter.intersection(lacks).cloned().collect();
        assert_eq!((ids(&at.enter), ids(&at.leave)), (enter.clone(), leave.clone()), "{when}");
        assert_eq!(ids(&at.enter_missing), missing, "{when}");
        for (name, group) in [("enter", enter), ("leave", leave), ("missing", missing)] {
            met.extend((!group.is_empty()).then_some(name));
        }
    }
}

async fn live(server: &TestServer, number: u8) -> Met {
    let (beginning, steps) = story(number);
    let (vendor, mut model) = Vendor::open(server, &beginning).await;
    let mut met = Met::new();
    for (place, step) in steps.iter().enumerate() {
        server.clock.advance(Span::seconds(30));
        let when = format!("{place}: {step:?}");
        let change = match step {
            Step::Rollout(which, verb) => planned(&vendor, verb).map(|change| (*which, verb, change)),
            Step::Account(..) => None,
        };
        let Some((which, verb, change)) = change else {
            vendor.take(&mut model, step).await;
            model.take(step);
            continue;
        };
        // A draft alone reaches nobody, so it is started with the change.
        let then_start = matches!(verb, Verb::AddWave(_) | Verb::UpdateWave(..));
        let request = proto::PreviewRolloutRequest { then_start, ..preview(KEYS[which], change) };
        let before = reached(&vendor).await;
        let told = vendor.operator.preview(request).await;
        let mut done = vendor.turn(which, verb).await;
        model.take(step);
        if then_start && done.is_ok() {
            let get = proto::GetRolloutRequest { rollout: KEYS[which].to_owned() };
            let waves = vendor.operator.ok(get).await.rollout.unwrap().waves;
            let next =
                if waves.iter().any(|wave| wave.start_time.is_some()) { Verb::Advance } else { Verb::Start };
            done = vendor.turn(which, &next).await;
            model.take(&Step::Rollout(which, next));
        }
        let after = reached(&vendor).await;
        match (told, done) {
            (Ok(told), Ok(())) => compare(&told, &before, &after, &mut met, &when),
            (Err(told), Err(done)) => {
                assert_eq!(told.name(), done.name(), "{when}");
                met.insert("refused");
            }
            (told, done) => panic!("{when}: {told:?}, {done:?}"),
        }
    }
    met
}

/// The first two histories in one server each; together they meet every case.
async fn all(server: &TestServer, other: &TestServer) {
    let mut met = live(server, HISTORIES[0]).await;
    met.extend(live(other, HISTORIES[1]).await);
    assert_eq!(met.into_iter().collect::<Vec<_>>(), ["enter", "leave", "missing", "refused"]);
}

async fn all_dates(server: &TestServer, other: &TestServer) {
    let mut met = climb(server, HISTORIES[2]).await;
    met.extend(climb(other, HISTORIES[3]).await);
    let wanted =
        ["required", "no longer required", "enforced", "in grace", "required, missing", "required, on"];
    let never: Vec<_> = wanted.iter().filter(|name| !met.contains(*name)).collect();
    assert!(never.is_empty(), "never met: {never:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_of_a_ladder_equals_what_it_does_at_each_date_sqlite() {
    all_dates(&TestServer::sqlite().await, &TestServer::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_of_a_ladder_equals_what_it_does_at_each_date_postgres() {
    all_dates(&TestServer::postgres().await, &TestServer::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_equals_what_the_change_does_sqlite() {
    all(&TestServer::sqlite().await, &TestServer::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_equals_what_the_change_does_postgres() {
    all(&TestServer::postgres().await, &TestServer::postgres().await).await;
}
