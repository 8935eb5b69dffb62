//! A ladder and the method policy of its product never contradict each other, whichever of them changes; and a ladder comes
//! back with an earlier revision.

use proto::{Method, Rung, preview_rollout_request::Change};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    ladders::{Setting, everybody, phase},
    manage::{Managed, mask},
    previews::preview,
};

/// The product kasa, whose accounts may have a security key.
pub async fn open(server: &crate::test_server::TestServer) -> Setting {
    let it = Setting::at(server, "kasa").await;
    let party = proto::RelyingParty {
        id: "kasa.example".into(),
        origins: vec!["https://kasa.example".into()],
        models: vec![],
    };
    let settings = proto::ProductSettings { relying_party: Some(party), ..Default::default() };
    it.admin.ok(it.admin.change_product(settings, "settings.relying_party").await).await;
    it.admin.ok(methods(&it.admin, &[Method::Totp, Method::Webauthn]).await).await;
    it
}

pub async fn methods(admin: &Actor, methods: &[Method]) -> proto::UpdateProductRequest {
    let allowed_methods = methods.iter().map(|method| (*method).into()).collect();
    let settings = proto::ProductSettings { allowed_methods, ..Default::default() };
    admin.change_product(settings, "settings.allowed_methods").await
}

/// Requires a security key of everybody, from now on.
pub fn strict() -> proto::LadderRule {
    let demands = proto::Requirement::Aal2Phr.into();
    proto::LadderRule { demands, ..everybody(vec![phase(None, Rung::Required)]) }
}

on_both! {
    async fn inv_43_a_policy_that_no_account_could_meet_a_ladder_by_is_refused(server) {
        let it = open(&server).await;
        it.rollout.set_ladder(vec![strict()]).await;
        let refused = it.admin.refused(methods(&it.admin, &[Method::Totp]).await).await;
        assert_eq!(refused.name(), "METHOD_POLICY_FAILS_LADDER");
        assert_eq!(refused.violations.len(), 1);
        assert!(refused.violations[0].description.contains("`Everybody` of `two-step`"), "{refused:?}");
        // A second product comes in with its own policy.
        it.admin.product("tapo").await;
        let add = |etag: String| proto::UpdateRolloutRequest {
            rollout: "two-step".into(),
            etag,
            products: vec!["kasa".into(), "tapo".into()],
            update_mask: mask("products"),
            ..Default::default()
        };
        let refused = it.rollout.manager.refused(add(it.rollout.etag())).await;
        assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("LADDER_LOCKS_OUT", "rules[0].demands"));
        it.rollout.set_ladder(vec![]).await;
        it.admin.ok(methods(&it.admin, &[Method::Totp]).await).await;
        it.rollout.manager.ok(add(it.rollout.etag())).await;
    }

    async fn inv_43_a_ladder_and_a_policy_that_change_at_once_never_contradict_each_other(server) {
        let it = open(&server).await;
        let replica = server.replica().await;
        let manager = it.rollout.manager.at(replica.channel.clone());
        for _ in 0..8 {
            let stricter = proto::SetLadderRequest {
                rollout: "two-step".into(),
                etag: it.rollout.etag(),
                rules: vec![strict()],
                ..Default::default()
            };
            let weaker = methods(&it.admin, &[Method::Totp]).await;
            let (ladder, policy) = tokio::join!(manager.call(stricter), it.admin.call(weaker));
            assert!(ladder.is_err() || policy.is_err(), "nobody could sign in any more");
            let rollout = proto::GetRolloutRequest { rollout: "two-step".into() };
            it.rollout.keep(&it.admin.ok(rollout).await.rollout.unwrap());
            it.rollout.set_ladder(vec![]).await;
            it.admin.ok(methods(&it.admin, &[Method::Totp, Method::Webauthn]).await).await;
        }
    }

    async fn an_earlier_revision_brings_its_ladder_and_no_sudden_demand(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let (soon, day) = (server.now().plus(Span::days(1)), Span::days(1));
        let required = everybody(vec![phase(None, Rung::Nudge), phase(Some(soon), Rung::Required)]);
        let set = it.rollout.set_ladder(vec![required]).await;
        assert!(it.rollout.set_ladder(vec![]).await.ladder.is_empty());
        server.pass(Span::hours(1));
        let change = Change::RevertToRevision(set.revision);
        let at_times = vec![crate::test_server::timestamp(soon)];
        let told = it.admin.preview(proto::PreviewRolloutRequest { at_times, ..preview("two-step", change) }).await.unwrap();
        assert_eq!(told.instants[0].products[0].become_required.as_ref().unwrap().count, 1, "{told:?}");
        let back = it.rollout.revert(set.revision).await;
        assert_eq!(back.ladder, set.ladder);
        server.pass(day);
        assert_eq!(it.leads(&ann).await, proto::SignInState::PendingEnrollment);
        // Its date has passed: what does not require anything now would require it at once.
        it.rollout.set_ladder(vec![]).await;
        assert_eq!(it.leads(&ann).await, proto::SignInState::Ready);
        let refused = it.rollout.revert_refused(set.revision).await;
        assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("PLANNED_IN_PAST", "rules[0].phases[1]"));
    }

    async fn an_earlier_revision_brings_no_start_that_was_planned_for_the_past(server) {
        let admin = server.operator().quiet();
        admin.product("kasa").await;
        let rollout = admin.rollout("two-step", &["kasa"], &[1_000_000]).await;
        let rollout = Managed::new(&admin, &rollout);
        let planned = rollout.plan(1, crate::schedules::planned("2026-03-09T09:00")).await;
        rollout.retitle("Later").await;
        server.clock.set(crate::ladders::at("2026-03-08T00:00:00Z"));
        let back = rollout.revert(planned.revision).await;
        assert_eq!(back.waves[0].planned_start, planned.waves[0].planned_start);
        rollout.remove_wave(1).await;
        server.clock.set(crate::ladders::at("2026-03-10T00:00:00Z"));
        let back = rollout.revert(planned.revision).await;
        assert_eq!((back.waves.len(), back.waves[0].planned_start.clone()), (1, None));
    }
}
