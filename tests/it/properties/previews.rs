//! A preview equals what the change then does, in histories of rollouts and accounts.

use std::collections::{BTreeMap, BTreeSet};

use proto::preview_rollout_request::Change;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::{
    PRODUCTS,
    model::Model,
    served::{HISTORIES, story},
    steps::{Step, Verb},
    vendor::{Vendor, draft},
    world::KEYS,
};
use crate::{
    manage::{mask, whole_wave},
    previews::preview,
    test_server::TestServer,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_equals_what_the_change_does_sqlite() {
    all(&TestServer::sqlite().await, &TestServer::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_41_a_preview_equals_what_the_change_does_postgres() {
    all(&TestServer::postgres().await, &TestServer::postgres().await).await;
}
