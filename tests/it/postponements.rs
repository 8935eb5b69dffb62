//! The set-up is put off once, after the day.

use proto::{Rung, SignInState as State};
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::Address,
    ladders::{DAY, Setting, days, everybody, phase, set_clock},
    owner::{Device, SignIn},
    race::together,
    raw,
    test_server::timestamp,
};

pub fn postpone(begun: &SignIn) -> proto::PostponeEnrollmentRequest {
    proto::PostponeEnrollmentRequest { subject: begun.subject(), ..Default::default() }
}

/// Required at once, with a week that can be asked for.
fn a_week() -> proto::LadderRule {
    proto::LadderRule { postponement: days(7), ..everybody(vec![phase(None, Rung::Required)]) }
}

async fn refused(it: &Setting, begun: &SignIn) -> String {
    it.app.refused(postpone(begun)).await.name().to_owned()
}

on_both! {
    async fn many_at_once_put_off_once(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![a_week()]).await;
        let begun = it.begin(&ann).await;
        assert_eq!(begun.state, State::PendingEnrollment);
        let other = it.app.begin(&ann, "rmm", &Device::new("phone")).await;
        let replica = server.replica().await;
        let callers = [it.app.clone(), it.app.at(replica.channel.clone())];
        let answers = together(&callers, &postpone(&begun)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let names = answers.iter().filter_map(|answer| answer.as_ref().err()).map(Refused::name);
        assert!(names.clone().all(|name| name == "SIGN_IN_STATE"), "{:?}", names.collect::<Vec<_>>());
        assert_eq!(refused(&it, &other).await, "LADDER_NOT_ENFORCED", "it was put off already: sign in anew");
        let events = "SELECT COUNT(*) FROM events WHERE fact LIKE '%enrollment_postponed%' AND fact LIKE '%until%'";
        assert_eq!(raw::count(&server, events).await, 1);
    }

    async fn it_is_refused_where_it_is_not_offered_and_says_why(server) {
        let it = Setting::open(&server).await;
        let (ann, has) = (it.admin.person("ann").await, it.admin.person("has").await);
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        let session = it.app.sign_in(&has, "rmm", &Device::new("laptop")).await;
        let enrolled = it.app.enroll(&session, &has).await;
        server.pass(Span::minutes(1));
        let session = it.app.sign_in_with(&has, "rmm", &Device::new("laptop"), &enrolled.seed).await;
        it.app.disable(&session).await.unwrap();
        let ready = it.begin(&ann).await;
        assert_eq!((ready.state, refused(&it, &ready).await.as_str()), (State::Ready, "SIGN_IN_STATE"));
        let by_session = proto::PostponeEnrollmentRequest { subject: session.subject(), ..Default::default() };
        assert_eq!(it.app.refused(by_session).await.name(), "SUBJECT_NOT_ACCEPTED");

        it.rollout.set_ladder(vec![a_week()]).await;
        let factor = it.begin(&has).await;
        assert_eq!(factor.state, State::PendingChallenge);
        assert_eq!(refused(&it, &factor).await, "SIGN_IN_STATE", "the password alone does not get past a factor");
        let ladder = |decision: proto::Decision| decision.ladder.unwrap().postponable_until_time;
        assert_eq!(ladder(it.app.evaluate(&has, "rmm").await), None, "there is nothing to set up");
        assert!(ladder(it.app.evaluate(&ann, "rmm").await).is_some());

        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        let begun = it.begin(&ann).await;
        assert_eq!(refused(&it, &begun).await, "POSTPONEMENT_NOT_OFFERED", "the rule has none");
        let both = vec![phase(None, Rung::Required), phase(Some(server.now().plus(DAY)), Rung::Locked)];
        it.rollout.set_ladder(vec![proto::LadderRule { postponement: days(7), ..everybody(both) }]).await;
        set_clock(&server, server.now().plus(DAY));
        let begun = it.begin(&ann).await;
        assert_eq!(refused(&it, &begun).await, "POSTPONEMENT_NOT_OFFERED", "locked");
        it.rollout.set_ladder(vec![]).await;
        assert_eq!(refused(&it, &begun).await, "LADDER_NOT_ENFORCED", "nothing is demanded any more");
        let put_off = "SELECT COUNT(*) FROM ledger WHERE postponed_until IS NOT NULL";
        assert_eq!(raw::count(&server, put_off).await, 0);
    }

    /// Another rollout demands it too, and gives no time.
    async fn it_is_not_used_up_where_it_would_help_nobody(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![a_week()]).await;
        let strict = crate::manage::Managed::new(&it.admin, &it.admin.rollout("strict", &["rmm"], &[]).await);
        strict.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        let begun = it.begin(&ann).await;
        assert_eq!(refused(&it, &begun).await, "POSTPONEMENT_NOT_OFFERED");
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().postponable_until_time, None);
        strict.set_ladder(vec![a_week()]).await;
        // Each of them is put off, one after the other.
        let begun = it.begin(&ann).await;
        assert_eq!(it.app.ok(postpone(&begun)).await.sign_in.unwrap().state(), State::PendingEnrollment);
        assert_eq!(it.app.ok(postpone(&begun)).await.sign_in.unwrap().state(), State::Ready);
    }

    async fn its_time_runs_from_the_first_sign_in_whether_or_not_it_is_used(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![a_week()]).await;
        it.begin(&ann).await;
        server.pass(Span::days(7));
        assert_eq!(refused(&it, &it.begin(&ann).await).await, "POSTPONEMENT_NOT_OFFERED", "the week is over");
    }

    /// A thief with the password can put it off as well.
    async fn inv_35_the_owner_is_told_and_takes_it_back(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![a_week()]).await;
        let begun = it.app.begin(&ann, "rmm", &Device::new("strange")).await;
        let until = server.now().plus(Span::days(7));
        let put_off = it.app.ok(postpone(&begun)).await;
        assert_eq!(put_off.sign_in.unwrap().state(), State::Ready);
        assert_eq!(put_off.decision.unwrap().ladder.unwrap().enroll_by_time, Some(timestamp(until)));
        let strange = it.app.finish(&begun, &Device::new("strange")).await.unwrap();
        let mail = server.mail_to(&ann.email).await;
        assert!(mail.subject.contains("was put off"), "{}", mail.subject);
        assert!(mail.link.contains("#not-me=tgl_") && mail.text.contains("9 March 2026, 09:00 UTC"), "{}", mail.text);
        let not_me = proto::ReportNotMeRequest {
            token: mail.token, product: "rmm".into(), ..Default::default()
        };
        assert_eq!(it.app.ok(not_me).await.outcome(), proto::ProofOutcome::Approved);
        let active = proto::IntrospectRequest { session_token: strange.token };
        assert!(!it.app.ok(active).await.active);
        let ladder = it.evaluate(&ann).await.ladder.unwrap();
        assert!(ladder.enforced, "it is demanded again: {ladder:?}");
        assert_eq!(ladder.postponable_until_time, Some(timestamp(until)), "the owner still may");
    }

    async fn while_changes_are_locked_nothing_is_put_off(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![a_week()]).await;
        raw::change(&server, "UPDATE accounts SET changes_locked_at = created_at").await;
        assert_eq!(refused(&it, &it.begin(&ann).await).await, "CHANGES_LOCKED");
    }

    /// What an owner's screen needs is in the status, also inside a sign-in.
    async fn the_status_inside_a_sign_in_says_the_date_what_is_missing_and_the_way_past(server) {
        let it = Setting::open(&server).await;
        let eve = it.admin.person_with("eve", Address::Unverified).await;
        it.rollout.set_ladder(vec![a_week()]).await;
        let since = server.now();
        let begun = it.begin(&eve).await;
        server.pass(Span::minutes(1));
        let status = it.app.ok(proto::GetTwoStepStatusRequest { subject: begun.subject() }).await;
        let decision = status.decision.unwrap();
        let ladder = decision.ladder.clone().unwrap();
        assert!(ladder.enforced && decision.visible && !decision.on);
        assert_eq!(decision.missing().next().unwrap(), proto::Missing::VerifiedEmail);
        assert_eq!(ladder.enroll_by_time, Some(timestamp(since)));
        assert_eq!(ladder.postponable_until_time, Some(timestamp(since.plus(Span::days(7)))));
    }
}
