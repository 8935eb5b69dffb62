//! Rollouts as their managers see them.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{manage::ppm, story::tell};

#[tokio::test]
async fn a_rollout_is_drafted_started_and_advanced() {
    tell("rollouts/one", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let draft = manager.rollout("kasa-two-step", &["kasa", "tapo"], &[10_000]).await;
        let request = proto::AddWaveRequest {
            rollout: draft.key.clone(),
            etag: draft.etag.clone(),
            wave: Some(proto::WaveDraft {
                title: "Kasa".into(),
                edge: ppm(1_000_000),
                products: vec!["kasa".into()],
                ..Default::default()
            }),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            reason: "Kasa is ready".into(),
        };
        let longer = manager.ok(request.clone()).await.rollout.unwrap();
        assert_eq!(manager.ok(request).await.rollout.unwrap(), longer);
        server.pass(Span::days(1));
        let started = manager.start(&longer).await;
        server.pass(Span::days(7));
        manager.advance(&started).await;
        let approver = server.actor("approver", Role::RolloutApprover).await;
        approver.ok(proto::GetRolloutRequest { rollout: draft.key }).await;
        operator.rollout("tapo-two-step", &["tapo"], &[]).await;
        let first = approver.ok(proto::ListRolloutsRequest { page_size: 1, ..Default::default() }).await;
        approver
            .ok(proto::ListRolloutsRequest { page_token: first.next_page_token, ..Default::default() })
            .await;
    })
    .await;
}

on_both! {
    /// Rollouts are sorted by bytes, whatever the collation of the database.
    async fn rollouts_are_listed_by_key(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        for key in ["two2", "two-step", "twos"] {
            operator.rollout(key, &["kasa"], &[]).await;
        }
        let listed = operator.ok(proto::ListRolloutsRequest::default()).await.rollouts;
        let keys: Vec<_> = listed.into_iter().map(|rollout| rollout.key).collect();
        assert_eq!(keys, ["two-step", "two2", "twos"]);
    }

    /// Of rollouts that give equal answers, the first by key decides, on both engines (INV-41).
    async fn inv_41_equal_rollouts_have_an_order(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let ann = operator.person("ann").await;
        for key in ["two2", "two-step"] {
            operator.start(&operator.rollout(key, &["kasa"], &[1_000_000]).await).await;
        }
        let decision: proto::Decision = operator.evaluate(&ann, "kasa").await;
        assert_eq!(decision.rollout, "two-step");
    }
}
