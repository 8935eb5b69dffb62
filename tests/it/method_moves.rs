//! Rollouts of a method: owners who have two-step by a weaker method are led to a better one.

use proto::{Advice, Method, ProofOutcome as Outcome};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    ladders::{everybody, phase},
    manage::{Managed, draft, mask},
    method_policy::rule,
    owner::{Device, Seed, Session, by_first_code},
    setting::Kasa,
    sms_codes::{SmsOwner, begin_phone},
    test_server::{TestServer, timestamp},
};

const DAY: Span = Span::days(1);

pub fn from_sms() -> proto::MethodMove {
    proto::MethodMove {
        better: vec![Method::Totp.into()],
        weaker: vec![Method::SmsCode.into()],
        snooze: Some(prost_types::Duration { seconds: 7 * 86_400, nanos: 0 }),
        snoozes: Some(3),
        ..Default::default()
    }
}

/// Kasa by SMS, an owner, and a rollout of authenticator apps with one wave for everybody that has not started.
async fn open(server: &TestServer) -> (Kasa, SmsOwner, Managed) {
    let kasa = Kasa::by_sms(server).await;
    let owner = kasa.sms_owner("ann").await;
    let create = proto::CreateRolloutRequest {
        key: "to-app".into(),
        title: "To the app".into(),
        products: vec!["kasa".into()],
        waves: vec![draft("everybody", 1_000_000, &[])],
        method: Some(from_sms()),
        ..Default::default()
    };
    let manager = server.actor("manager", Role::RolloutManager).await.quiet();
    let rollout = manager.ok(create).await.rollout.unwrap();
    (kasa, owner, Managed::new(&manager, &rollout))
}

/// Signs in by the code that was texted.
async fn sign_in(kasa: &Kasa, owner: &SmsOwner) -> Session {
    kasa.server.clock.advance(DAY);
    kasa.fresh(owner).await
}

async fn adds_app(kasa: &Kasa, session: &Session) -> Seed {
    let request = proto::BeginEnrollmentRequest {
        subject: session.subject(),
        method: Method::Totp.into(),
        ..Default::default()
    };
    let begun = kasa.frontend.ok(request).await;
    let (enrollment, seed) = (begun.enrollment.unwrap().id, Seed::scan(begun.setup));
    let done = kasa.frontend.complete_enrollment(session, &enrollment, &kasa.server.code(&seed)).await;
    assert_eq!(done.outcome(), Outcome::Approved);
    seed
}

async fn offered(kasa: &Kasa, owner: &SmsOwner) -> Vec<Method> {
    let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
    begun.offers.iter().map(proto::Offer::method).filter(|method| *method != Method::RecoveryCodes).collect()
}

async fn ends_in(kasa: &Kasa, rollout: &Managed, span: Span) {
    let aim = proto::MethodMove { end_time: Some(timestamp(kasa.server.now().plus(span))), ..from_sms() };
    let request = proto::UpdateRolloutRequest {
        rollout: rollout.key.clone(),
        etag: rollout.etag(),
        method: Some(aim),
        update_mask: mask("method"),
        ..Default::default()
    };
    rollout.keep(&rollout.manager.ok(request).await.rollout.unwrap());
}

on_both! {
    /// Entra's registration campaign.
    async fn an_owner_is_advised_after_the_sign_in_until_the_better_method_is_there(server) {
        let (kasa, owner, rollout) = open(&server).await;
        assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing, "it has not started");
        rollout.start().await;
        let session = sign_in(&kasa, &owner).await;
        assert_eq!(session.answer.advice(), Advice::AddMethod);
        let advice = session.answer.better_method.clone().unwrap();
        assert_eq!((advice.methods().collect::<Vec<_>>(), advice.snoozes_left), (vec![Method::Totp], Some(3)));
        let decision = kasa.admin.evaluate(&owner.person, "kasa").await;
        assert_eq!(decision.rollout, "everybody", "it does not decide about two-step");
        adds_app(&kasa, &session).await;
        assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing);
    }

    async fn the_advice_rests_for_a_snooze_and_is_skipped_three_times(server) {
        let (kasa, owner, rollout) = open(&server).await;
        rollout.start().await;
        let skip = |session: &Session| proto::SkipEnrollmentRequest {
            subject: session.subject(), rollout: "to-app".into(), ..Default::default()
        };
        for left in [3, 2, 1] {
            let session = sign_in(&kasa, &owner).await;
            assert_eq!(session.answer.better_method.as_ref().unwrap().snoozes_left, Some(left));
            kasa.frontend.ok(skip(&session)).await;
            kasa.frontend.ok(skip(&session)).await;
            assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing, "it rests");
            server.clock.advance(Span::days(6));
        }
        let session = sign_in(&kasa, &owner).await;
        assert_eq!(session.answer.better_method.as_ref().unwrap().snoozes_left, Some(0));
        assert_eq!(kasa.frontend.refused(skip(&session)).await.name(), "NO_SKIP_LEFT");
        adds_app(&kasa, &session).await;
        assert_eq!(kasa.frontend.refused(skip(&session)).await.name(), "NOTHING_TO_SKIP");
    }

    async fn who_is_denied_or_rolled_back_is_not_advised_and_a_stop_reaches_no_further_account(server) {
        let (kasa, owner, rollout) = open(&server).await;
        rollout.deny(&["ann"]).await;
        rollout.start().await;
        assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing, "denied");
        rollout.deny(&[]).await;
        rollout.stop("texts cost too much").await;
        assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing, "stopped");
        rollout.roll_back(0).await;
        assert_eq!(sign_in(&kasa, &owner).await.answer.advice(), Advice::Nothing, "rolled back");
    }

    async fn a_weaker_method_ends_for_the_cohort_unless_it_is_the_only_way(server) {
        let (kasa, owner, rollout) = open(&server).await;
        rollout.start().await;
        let session = sign_in(&kasa, &owner).await;
        ends_in(&kasa, &rollout, DAY).await;
        server.clock.advance(DAY);
        assert_eq!(offered(&kasa, &owner).await, [Method::SmsCode], "the only way stays");
        let session_2 = sign_in(&kasa, &owner).await;
        assert_eq!(session_2.answer.advice(), Advice::AddMethod, "and is still advised against");
        adds_app(&kasa, &session_2).await;
        assert_eq!(offered(&kasa, &owner).await, [Method::Totp]);
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let request = proto::CreateChallengeRequest {
            subject: begun.subject(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: owner.factor.clone(),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(request).await.name(), "FACTOR_NOT_FOUND", "nor asked for");
        rollout.roll_back(0).await;
        assert_eq!(offered(&kasa, &owner).await.len(), 2, "a roll back gives it back");
        drop(session);
    }

    async fn what_is_wrong_with_a_rollout_of_a_method_is_refused(server) {
        let (kasa, _, rollout) = open(&server).await;
        let create = |method| proto::CreateRolloutRequest {
            key: "other".into(), title: "Other".into(), products: vec!["kasa".into()], method: Some(method), ..Default::default()
        };
        let refused = async |method| rollout.manager.refused(create(method)).await.name();
        let past = Some(timestamp(kasa.server.now().minus(DAY)));
        assert_eq!(refused(proto::MethodMove { end_time: past, ..from_sms() }).await, "PLANNED_IN_PAST");
        assert_eq!(refused(proto::MethodMove { better: vec![], ..from_sms() }).await, "INVALID_REQUEST");
        assert_eq!(refused(proto::MethodMove { better: from_sms().weaker, ..from_sms() }).await, "INVALID_REQUEST");
        let ladder = rollout.set_ladder_refused(vec![everybody(vec![phase(None, proto::Rung::Nudge)])]).await;
        assert_eq!(ladder.name(), "ROLLOUT_OF_METHOD");
        rollout.start().await;
        let request = proto::UpdateRolloutRequest {
            rollout: rollout.key.clone(),
            etag: rollout.etag(),
            method: Some(proto::MethodMove { weaker: vec![], ..from_sms() }),
            update_mask: mask("method"),
            ..Default::default()
        };
        assert_eq!(rollout.manager.refused(request).await.name(), "FIXED_BY_START");
    }

    /// An end closes a method for enrollment too, but never the last one that the product allows.
    async fn inv_43_an_end_never_takes_the_last_method_that_can_be_enrolled(server) {
        let (kasa, _, rollout) = open(&server).await;
        rollout.start().await;
        ends_in(&kasa, &rollout, DAY).await;
        let bob = kasa.admin.person("bob").await;
        let open_to_bob = async || kasa.frontend.evaluate(&bob, "kasa").await.methods().collect::<Vec<_>>();
        let minute = Span::minutes(1);
        server.clock.advance(DAY.minus(minute));
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        let enrollment_id = kasa.frontend.confirmed_number(&session, &bob, "+4915112345699").await;
        server.clock.advance(minute);
        assert_eq!(open_to_bob().await, [Method::SmsCode, Method::Totp], "the app needs a number first");
        let rules = [Method::SmsCode, Method::Totp].map(|method| rule(method, &[], false)).to_vec();
        let policy = proto::MethodPolicy { rules, ..Default::default() };
        kasa.admin.ok(kasa.admin.policy(policy).await).await;
        assert_eq!(open_to_bob().await, [Method::Totp]);
        let begin = begin_phone(&session, "+4915112345699");
        assert_eq!(kasa.frontend.refused(begin).await.name(), "METHOD_NOT_ALLOWED");
        let complete = proto::CompleteEnrollmentRequest {
            subject: session.subject(),
            enrollment_id,
            answer: by_first_code(server.texted("+4915112345699").await),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(complete).await.name(), "METHOD_NOT_ALLOWED", "begun before the end");
        // The product takes the better method away again: SMS is all that is left.
        kasa.admin.allows(&[Method::SmsCode]).await;
        assert_eq!(open_to_bob().await, [Method::SmsCode]);
        kasa.frontend.enrolls_number(&session, &bob, "+4915112345699").await;
        let explained = rollout.manager.ok(proto::ExplainRequest {
            product: "kasa".into(), account: bob.id.clone(), ..Default::default()
        });
        let said = explained.await.methods;
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("kasa does not allow what it leads to"), "{said:?}");
        assert!(said[0].contains("SMS_CODE ended on"), "{said:?}");
    }
}
