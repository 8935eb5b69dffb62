//! What owners and support are refused where a ladder asks, or does not.

use proto::Rung;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    demands,
    exemptions::{end, exempt, extend},
    ladders::{Setting, days, everybody, phase},
    owner::Device,
    postponements::postpone,
    skips::skip,
    story::tell,
};

#[tokio::test]
async fn what_a_ladder_does_not_give() {
    tell("refusals/ladder_verbs", async |server| {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let (app, support) = (it.app.aloud(), server.held("support", Role::Support, "Sue").await);
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        let soon = server.now().plus(Span::days(1));
        server.transcript.note("there is no ladder");
        app.refused(skip(&session)).await;
        support.refused(exempt(&ann, soon)).await;
        let grace = Some(proto::Grace { skips: 2, ..Default::default() });
        let required = vec![phase(None, Rung::Required)];
        let rule = proto::LadderRule { grace, postponement: days(7), ..everybody(required.clone()) };
        it.rollout.set_ladder(vec![rule.clone()]).await;
        server.transcript.note("required after two skips");
        it.app.ok(skip(&session)).await;
        app.refused(skip(&session)).await;
        server.pass(Span::days(1));
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        it.app.ok(skip(&session)).await;
        app.refused(skip(&session)).await;
        support.refused(end(&ann)).await;
        for _ in 0..3 {
            support.quiet().ok(extend(&ann, 30)).await;
        }
        support.refused(extend(&ann, 1)).await;
        server.pass(Span::days(91));
        server.transcript.note("demanded, and put off once");
        let begun = it.begin(&ann).await;
        let other = it.app.begin(&ann, "rmm", &Device::new("phone")).await;
        it.app.ok(postpone(&begun)).await;
        app.refused(postpone(&other)).await;
        server.pass(Span::days(7));
        app.refused(postpone(&it.begin(&ann).await)).await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Locked)])]).await;
        server.transcript.note("locked");
        app.refused(postpone(&it.begin(&ann).await)).await;
        support.refused(exempt(&ann, server.now().plus(Span::days(1)))).await;
        support.refused(extend(&ann, 1)).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_ladder_keeps_a_product_from() {
    tell("refusals/ladder_policy", async |server| {
        let it = demands::open(&server).await;
        it.rollout.set_ladder(vec![demands::strict()]).await;
        let weaker = demands::methods(&it.admin, &[proto::Method::Totp]).await;
        it.admin.aloud().refused(weaker).await;
    })
    .await;
}
