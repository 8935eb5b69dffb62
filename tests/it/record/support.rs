//! What support does, and what it and owners do with a ladder.

use tidegate_core::Span;
use tidegate_proto as proto;

use super::Watched;
use crate::owner::Device;

/// Support takes an account through all its states, and exports it.
pub async fn cases(watched: &Watched) {
    let w = watched;
    w.operator.person("held").await;
    let (account, product, reason) = ("held".to_owned(), "kasa".to_owned(), "ticket 8".to_owned());
    macro_rules! cases {
        ($($request:ident)+) => { $({
            let (account, product, reason) = (account.clone(), product.clone(), reason.clone());
            w.call(proto::$request { account, product, reason, ..Default::default() }).await;
        })+ };
    }
    cases! {
        IssueAccessPassRequest
        SuspendAccountRequest
        LockdownAccountRequest
        ReactivateAccountRequest
        DeleteAccountRequest
        UndeleteAccountRequest
    }
    w.server.clock.advance(Span::minutes(1));
    cases! { ResetFactorsRequest }
    let before = w.events().await;
    w.operator.stream(proto::ExportAccountRequest { account, reason }).await.unwrap().one().await;
    w.check("ExportAccount", w.events().await - before);
}

/// What owners and support do with a ladder.
pub async fn climb(w: &Watched) {
    w.operator.product("rmm").await;
    let person = w.operator.person("climber").await;
    let rollout = w.operator.rollout("two-step-rmm", &["rmm"], &[]).await;
    let managed = crate::manage::Managed::new(&w.operator, &rollout);
    let rule = |rung, grace| proto::LadderRule {
        grace: Some(grace),
        postponement: crate::ladders::days(7),
        ..crate::ladders::everybody(vec![crate::ladders::phase(None, rung)])
    };
    managed.set_ladder(vec![]).await;
    let session = w.operator.sign_in(&person, "rmm", &Device::new("phone-1")).await;
    let skips = proto::Grace { skips: 1, ..Default::default() };
    managed.set_ladder(vec![rule(proto::Rung::Required, skips)]).await;
    w.call(crate::skips::show(&session)).await;
    let before = w.events().await;
    w.operator.ok(crate::skips::show(&session)).await;
    assert_eq!(w.events().await, before, "what changed nothing leaves nothing");
    w.call(crate::skips::skip(&session)).await;
    let names = || (person.id.clone(), rollout.key.clone(), "rmm".to_owned(), "ticket 9".to_owned());
    let (account, rollout_, product, reason) = names();
    let days = 1;
    let more = proto::ExtendDeadlineRequest {
        account,
        rollout: rollout_,
        product,
        reason,
        days,
        ..Default::default()
    };
    w.call(more).await;
    let (account, rollout_, product, reason) = names();
    let until_time = Some(crate::test_server::timestamp(w.server.now().plus(Span::days(1))));
    let free = proto::ExemptRequest {
        account,
        rollout: rollout_,
        product,
        reason,
        until_time,
        ..Default::default()
    };
    w.call(free).await;
    w.call(proto::ListExemptionsRequest { rollout: rollout.key.clone(), ..Default::default() }).await;
    let (account, rollout_, product, reason) = names();
    w.call(proto::EndExemptionRequest { account, rollout: rollout_, product, reason, ..Default::default() })
        .await;
    managed.set_ladder(vec![rule(proto::Rung::Required, proto::Grace::default())]).await;
    w.server.clock.advance(Span::days(2));
    let begun = w.operator.begin(&person, "rmm", &Device::new("phone-1")).await;
    w.call(crate::postponements::postpone(&begun)).await;
}
