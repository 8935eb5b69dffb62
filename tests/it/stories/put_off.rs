//! Required two-step, as its owner and support meet it.

use proto::Rung;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    exemptions::{end, exempt, extend, list},
    ladders::{Setting, days, everybody, phase},
    owner::Device,
    postponements::postpone,
    reminders::{programme, remind_once},
    skips::{show, skip},
    story::tell,
};

#[tokio::test]
async fn an_owner_is_told_skips_and_puts_off() {
    tell("ladders/owner", async |server| {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let app = it.app.aloud();
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        let grace = Some(proto::Grace { days: 45, skips: 3, ..Default::default() });
        let required = vec![phase(None, Rung::Required)];
        let rule = proto::LadderRule { grace, postponement: days(7), ..everybody(required) };
        it.rollout.set_ladder(vec![proto::LadderRule { reminder_days: vec![0, 30], ..rule }]).await;
        server.transcript.note("the app shows the date by itself");
        app.ok(show(&session)).await;
        remind_once(&server).await;
        server.mail_to(&ann.email).await;
        app.ok(skip(&session)).await;
        server.pass(Span::days(30));
        remind_once(&server).await;
        server.mail_to(&ann.email).await;
        server.pass(Span::days(16));
        let begun = app.begin(&ann, "rmm", &Device::new("laptop")).await;
        app.ok(proto::GetTwoStepStatusRequest { subject: begun.subject() }).await;
        app.ok(postpone(&begun)).await;
        app.finish(&begun, &Device::new("laptop")).await.unwrap();
        server.mail_to(&ann.email).await;
    })
    .await;
}

#[tokio::test]
async fn support_exempts_and_extends() {
    tell("ladders/support", async |server| {
        let it = Setting::open(&server).await;
        let (ann, bob) = (it.admin.person("ann").await, it.admin.person("bob").await);
        let support = server.held("support", Role::Support, "Sue").await;
        it.rollout.set_ladder(vec![programme(&[])]).await;
        it.app.sign_in(&bob, "rmm", &Device::new("laptop")).await;
        support.ok(exempt(&ann, server.now().plus(Span::days(60)))).await;
        support.ok(extend(&bob, 14)).await;
        support.ok(list()).await;
        server.pass(Span::days(1));
        support.ok(end(&ann)).await;
        support.ok(list()).await;
    })
    .await;
}
