//! Changes of a rollout that are refused. Each refusal has its own reason, and lists everything that is
//! wrong.

use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    audiences::{all, has, not},
    manage::{Managed, draft, named},
    story::tell,
};

#[tokio::test]
async fn a_started_wave_is_not_changed() {
    tell("refusals/waves", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let created = operator.rollout("two-step", &["kasa"], &[500_000, 600_000]).await;
        let rollout = Managed::new(&server.actor("manager", Role::RolloutManager).await, &created);
        rollout.pause_refused().await;
        rollout.roll_back_refused(0).await;
        rollout.clear_refused(&server.held("approver", Role::RolloutApprover, "Bob").await).await;
        rollout.quiet().start().await;
        rollout.update_wave_refused(1, "less", 499_999).await;
        rollout.update_wave_refused(1, "more", 500_001).await;
        rollout.remove_wave_refused(1).await;
        rollout.remove_wave_refused(3).await;
        rollout.update_wave_refused(3, "third", 0).await;
        rollout.hold_out_refused(1).await;
        rollout.roll_back_refused(1).await;
        server.transcript.note("a revision that had another first wave");
        rollout.quiet().roll_back(0).await;
        rollout.quiet().update_wave(1, "a little", 1_000).await;
        rollout.quiet().start().await;
        rollout.revert_refused(1).await;
        let (key, etag) = (rollout.key.clone(), "r1".to_owned());
        rollout
            .manager
            .refused(proto::RemoveWaveRequest { rollout: key, etag, ordinal: 2, ..Default::default() })
            .await;
        server.transcript.note("nothing was changed");
        rollout.manager.ok(proto::GetRolloutRequest { rollout: rollout.key.clone() }).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_named_must_exist() {
    tell("refusals/names", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.person("ann").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let create = |waves: Vec<proto::WaveDraft>| proto::CreateRolloutRequest {
            key: "two-step".into(),
            title: "Two-step".into(),
            products: vec!["kasa".into()],
            waves,
            ..Default::default()
        };
        let aimed = |audience| proto::WaveDraft { audience: Some(audience), ..draft("wave", 1_000, &[]) };
        manager.refused(create(vec![draft("deco", 1, &["kasa", "deco"]), draft("vigi", 1, &["vigi"])])).await;
        manager.refused(create(vec![aimed(not(has("customer.key", &["acme"])))])).await;
        let allow = Some(named(&["ann", "bob"]));
        let deny =
            Some(proto::NamedAccounts { accounts: vec!["cat".into()], customers: vec!["acme".into()] });
        manager.refused(proto::CreateRolloutRequest { allow, deny, ..create(vec![]) }).await;
        manager.refused(create(vec![draft("much", 1_000_001, &[]), draft("more", u32::MAX, &[])])).await;
        let odd = all(vec![has("account.age", &["18"]), not(has("acount.country", &["DE"]))]);
        manager.refused(create(vec![aimed(odd.clone())])).await;
        manager.refused(create(vec![aimed(odd), draft("much", 1_000_001, &[])])).await;
        manager.refused(create(vec![aimed(has("account.country", &["Germany"]))])).await;
        let ninety_nine: Vec<_> = (1..=100).map(|_| draft("wave", 0, &[])).collect();
        let full = manager.quiet().ok(create(ninety_nine)).await.rollout.unwrap();
        Managed::new(&manager, &full).add_wave_refused("one more", 0, &[]).await;
        let admin = server.actor("admin", Role::Admin).await;
        let account = proto::CreateAccountRequest {
            external_id: "bob".into(),
            customer: "acme".into(),
            ..Default::default()
        };
        admin.refused(account).await;
    })
    .await;
}
