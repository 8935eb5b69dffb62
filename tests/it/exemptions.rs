//! Support exempts accounts from a ladder, and extends their deadlines.

use proto::{Rung, SignInState as State};
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::Person,
    ladders::{DAY, MILLI, Setting, everybody, phase, set_clock},
    owner::Device,
    raw,
    test_server::{CredentialSpec, timestamp},
};

fn names(person: &Person) -> (String, String, String, String) {
    (person.id.clone(), "two-step".into(), "rmm".into(), "ticket 7".into())
}

pub fn exempt(person: &Person, until: Timestamp) -> proto::ExemptRequest {
    let (account, rollout, product, reason) = names(person);
    let until_time = Some(timestamp(until));
    proto::ExemptRequest { account, rollout, product, reason, until_time, ..Default::default() }
}

pub fn end(person: &Person) -> proto::EndExemptionRequest {
    let (account, rollout, product, reason) = names(person);
    proto::EndExemptionRequest { account, rollout, product, reason, ..Default::default() }
}

pub fn extend(person: &Person, days: u32) -> proto::ExtendDeadlineRequest {
    let (account, rollout, product, reason) = names(person);
    proto::ExtendDeadlineRequest { account, rollout, product, reason, days, ..Default::default() }
}

pub fn list() -> proto::ListExemptionsRequest {
    proto::ListExemptionsRequest { rollout: "two-step".into(), ..Default::default() }
}

async fn opened(server: &crate::test_server::TestServer) -> (Setting, Actor) {
    let it = Setting::open(server).await;
    let support = server.held("support", Role::Support, "Sue").await.quiet();
    (it, support)
}

async fn listed(support: &Actor) -> Vec<String> {
    support.ok(list()).await.exemptions.into_iter().map(|one| one.external_id).collect()
}

/// Nudged now, required later.
fn required_from(at: Timestamp) -> proto::LadderRule {
    everybody(vec![phase(None, Rung::Nudge), phase(Some(at), Rung::Required)])
}

on_both! {
    async fn an_exemption_counts_until_its_instant_whichever_side_of_the_day_that_is(server) {
        let (it, support) = opened(&server).await;
        let (early, late) = (it.admin.person("early").await, it.admin.person("late").await);
        let begun = server.now();
        let day = begun.plus(Span::days(10));
        it.rollout.set_ladder(vec![required_from(day)]).await;
        support.ok(exempt(&early, begun.plus(Span::days(5)))).await;
        let until = begun.plus(Span::days(20));
        let decision = support.ok(exempt(&late, until)).await.decision.unwrap();
        assert_eq!(decision.ladder.unwrap().exempt_until_time, Some(timestamp(until)));
        assert_eq!(listed(&support).await, ["early", "late"]);
        set_clock(&server, begun.plus(Span::days(5)).minus(MILLI));
        assert_eq!(listed(&support).await, ["early", "late"]);
        set_clock(&server, begun.plus(Span::days(5)));
        assert_eq!(listed(&support).await, ["late"]);
        set_clock(&server, day.minus(MILLI));
        assert_eq!(it.leads(&early).await, State::Ready);
        set_clock(&server, day);
        assert_eq!(it.leads(&early).await, State::PendingEnrollment);
        set_clock(&server, until.minus(MILLI));
        assert_eq!(it.leads(&late).await, State::Ready);
        assert_eq!(it.evaluate(&late).await.next_change_time, Some(timestamp(until)));
        set_clock(&server, until);
        assert_eq!(it.leads(&late).await, State::PendingEnrollment);
        assert_eq!(listed(&support).await, [""; 0]);
    }

    async fn an_exemption_is_ended_at_once_and_both_are_recorded_with_name_and_reason(server) {
        let (it, support) = opened(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        let (since, until) = (server.now(), server.now().plus(Span::days(90)));
        assert_eq!(it.leads(&ann).await, State::PendingEnrollment);
        support.ok(exempt(&ann, until)).await;
        assert_eq!(it.leads(&ann).await, State::Ready);
        let one = support.ok(list()).await.exemptions.remove(0);
        assert_eq!((one.account_id, one.external_id, one.product), (ann.id.clone(), "ann".into(), "rmm".into()));
        assert_eq!((one.until_time, one.since_time), (Some(timestamp(until)), Some(timestamp(since))));
        assert_eq!((one.reason.as_str(), one.author.as_str()), ("ticket 7", "Sue"));
        let decision = support.ok(end(&ann)).await.decision.unwrap();
        assert!(decision.ladder.unwrap().enforced);
        assert_eq!(it.leads(&ann).await, State::PendingEnrollment);
        assert_eq!(support.refused(end(&ann)).await.name(), "NOT_EXEMPT");
        for kind in ["account_exempted", "exemption_ended"] {
            let events = format!("SELECT COUNT(*) FROM events WHERE fact LIKE '%{kind}%' AND fact LIKE '%ticket 7%'");
            assert_eq!(raw::count(&server, &events).await, 1, "{kind}");
        }
    }

    async fn a_locked_rung_knows_no_exemption_and_ends_those_that_were_given(server) {
        let (it, support) = opened(&server).await;
        let ann = it.admin.person("ann").await;
        let day = server.now().plus(Span::days(10));
        let phases = vec![phase(None, Rung::Required), phase(Some(day), Rung::Locked)];
        it.rollout.set_ladder(vec![everybody(phases)]).await;
        support.ok(exempt(&ann, day.plus(DAY))).await;
        support.ok(extend(&ann, 30)).await;
        set_clock(&server, day.minus(MILLI));
        assert_eq!((it.leads(&ann).await, listed(&support).await), (State::Ready, vec!["ann".to_owned()]));
        set_clock(&server, day);
        assert_eq!((it.leads(&ann).await, listed(&support).await), (State::PendingEnrollment, vec![]));
        assert_eq!(support.refused(exempt(&ann, day.plus(DAY))).await.name(), "EXEMPTION_OF_LOCKED");
        assert_eq!(support.refused(extend(&ann, 1)).await.name(), "EXTENSION_OF_LOCKED");
    }

    async fn an_extension_moves_the_day_of_one_account_and_ninety_days_are_all(server) {
        let (it, support) = opened(&server).await;
        let (ann, other) = (it.admin.person("ann").await, it.admin.person("other").await);
        let day = server.now().plus(Span::days(10));
        it.rollout.set_ladder(vec![required_from(day)]).await;
        support.ok(extend(&ann, 30)).await;
        set_clock(&server, day);
        assert_eq!((it.leads(&ann).await, it.leads(&other).await), (State::Ready, State::PendingEnrollment));
        // Also after the day.
        let extended = support.ok(extend(&other, 5)).await;
        assert_eq!(extended.ladder.unwrap().enroll_by_time, Some(timestamp(day.plus(Span::days(5)))));
        assert_eq!(it.leads(&other).await, State::Ready);
        set_clock(&server, day.plus(Span::days(5)));
        assert_eq!(it.leads(&other).await, State::PendingEnrollment);
        set_clock(&server, day.plus(Span::days(30)).minus(MILLI));
        assert_eq!(it.leads(&ann).await, State::Ready);
        set_clock(&server, day.plus(Span::days(30)));
        assert_eq!(it.leads(&ann).await, State::PendingEnrollment);
        support.ok(extend(&ann, 30)).await;
        let last = support.ok(extend(&ann, 29)).await.decision.unwrap().ladder.unwrap();
        assert_eq!(last.enroll_by_time, Some(timestamp(day.plus(Span::days(89)))));
        let refused = support.refused(extend(&ann, 2)).await;
        assert_eq!((refused.name(), refused.metadata["days_left"].as_str()), ("EXTENSION_TOO_LONG", "1"));
        support.ok(extend(&ann, 1)).await;
    }

    /// Two rollouts have a ladder here, and the other one is stricter.
    async fn the_answer_tells_of_the_ladder_that_was_named(server) {
        let (it, support) = opened(&server).await;
        let ann = it.admin.person("ann").await;
        let (soon, later) = (server.now().plus(Span::days(10)), server.now().plus(Span::days(20)));
        it.rollout.set_ladder(vec![required_from(later)]).await;
        let other = it.admin.rollout("other", &["rmm"], &[]).await;
        crate::manage::Managed::new(&it.admin, &other).set_ladder(vec![required_from(soon)]).await;
        set_clock(&server, later);
        let extended = support.ok(extend(&ann, 5)).await;
        let (all, named) = (extended.decision.unwrap().ladder.unwrap(), extended.ladder.unwrap());
        assert_eq!((all.rollout.as_str(), all.enroll_by_time), ("other", Some(timestamp(soon))));
        let day = later.plus(Span::days(5));
        assert_eq!((named.rollout.as_str(), named.enroll_by_time), ("two-step", Some(timestamp(day))));
        let exempted = support.ok(exempt(&ann, day)).await.ladder.unwrap();
        assert_eq!((exempted.rollout.as_str(), exempted.exempt_until_time), ("two-step", Some(timestamp(day))));
        assert_eq!(support.ok(end(&ann)).await.ladder.unwrap().exempt_until_time, None);
    }

    async fn what_support_cannot_give_is_refused(server) {
        let (it, support) = opened(&server).await;
        let ann = it.admin.person("ann").await;
        it.admin.product("other").await;
        let (now, soon) = (server.now(), server.now().plus(DAY));
        assert_eq!(support.refused(exempt(&ann, soon)).await.name(), "NO_LADDER_APPLIES");
        assert_eq!(support.refused(extend(&ann, 1)).await.name(), "NO_LADDER_APPLIES");
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        for wrong in [now, now.minus(DAY), now.plus(Span::days(90)).plus(MILLI)] {
            assert_eq!(support.refused(exempt(&ann, wrong)).await.name(), "INVALID_REQUEST");
        }
        for wrong in [0, 31] {
            assert_eq!(support.refused(extend(&ann, wrong)).await.name(), "INVALID_REQUEST");
        }
        let silent = proto::ExemptRequest { reason: String::new(), ..exempt(&ann, soon) };
        assert_eq!(support.refused(silent).await.name(), "INVALID_REQUEST");
        let elsewhere = proto::ExemptRequest { product: "other".into(), ..exempt(&ann, soon) };
        assert_eq!(support.refused(elsewhere).await.name(), "NO_LADDER_APPLIES");
        let nobody = proto::ExemptRequest { account: "nobody".into(), ..exempt(&ann, soon) };
        assert_eq!(support.refused(nobody).await.name(), "ACCOUNT_NOT_FOUND");
        let unknown = proto::ExemptRequest { rollout: "unknown".into(), ..exempt(&ann, soon) };
        assert_eq!(support.refused(unknown).await.name(), "ROLLOUT_NOT_FOUND");
        let spec = CredentialSpec { products: &["other"], ..CredentialSpec::of(Role::Support) };
        let bound = server.with_credential("bound", spec).await.quiet();
        assert_eq!(bound.refused(exempt(&ann, soon)).await.name(), "PRODUCT_NOT_PERMITTED");
        support.ok(exempt(&ann, soon)).await;
        assert_eq!(listed(&bound).await, [""; 0], "of its own products only");
        assert_eq!(it.app.refused(exempt(&ann, soon)).await.name(), "PERMISSION_DENIED");
    }

    async fn the_list_goes_on_page_by_page(server) {
        let (it, support) = opened(&server).await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        for name in ["a", "b", "c"] {
            let person = it.admin.person(name).await;
            support.ok(exempt(&person, server.now().plus(DAY))).await;
        }
        let first = support.ok(proto::ListExemptionsRequest { page_size: 2, ..list() }).await;
        let next = proto::ListExemptionsRequest { page_size: 2, page_token: first.next_page_token, ..list() };
        let second = support.ok(next).await;
        let of = |page: Vec<proto::Exemption>| page.into_iter().map(|one| one.external_id).collect::<Vec<_>>();
        assert_eq!((of(first.exemptions), of(second.exemptions)), (vec!["a".into(), "b".into()], vec!["c".into()]));
        assert_eq!(second.next_page_token, "");
    }

    /// An exemption lets somebody in without two-step. Who has it on keeps it.
    async fn an_exempted_owner_cannot_switch_it_off(server) {
        let (it, support) = opened(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        it.app.enroll(&session, &ann).await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        support.ok(exempt(&ann, server.now().plus(DAY))).await;
        assert_eq!(it.leads(&ann).await, State::PendingChallenge);
        assert_eq!(it.app.disable(&session).await.unwrap_err().name(), "TWO_STEP_REQUIRED");
    }
}
