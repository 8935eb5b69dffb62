//! A manager leads owners from codes by SMS to an authenticator app.

use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    ladders::{everybody, phase},
    manage::{Managed, draft},
    method_moves::from_sms,
    owner::Device,
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn a_better_method_is_advised() {
    tell("method_moves/1_advised", async |server| {
        let kasa = Kasa::by_sms(&server).await;
        let owner = kasa.sms_owner("ann").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let end = proto::LocalTime {
            local: "2026-06-01T09:00".into(),
            zone: "Europe/Berlin".into(),
            ..Default::default()
        };
        let create = proto::CreateRolloutRequest {
            key: "to-app".into(),
            title: "To the app".into(),
            products: vec!["kasa".into()],
            waves: vec![draft("everybody", 1_000_000, &[])],
            method: Some(proto::MethodMove { end_local: Some(end), ..from_sms() }),
            ..Default::default()
        };
        let rollout = Managed::new(&manager, &manager.ok(create).await.rollout.unwrap());
        rollout.set_ladder_refused(vec![everybody(vec![phase(None, proto::Rung::Nudge)])]).await;
        rollout.quiet().start().await;
        let app = server.actor("app", Role::Frontend).await;
        let (begun, challenge, code) = kasa.texted(&owner, "tablet").await;
        app.answer(&begun, &challenge, &code).await;
        app.finish(&begun, &Device::new("tablet")).await.unwrap();
    })
    .await;
}
