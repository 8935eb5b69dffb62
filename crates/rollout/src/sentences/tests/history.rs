//! What happened before: two-step acts, the feature was shown, a wave was rolled back.

use tidegate_core::{Approver, RollBack, Stop};

use super::*;

#[test]
fn two_step_that_has_acted_stays() {
    let never = "two-step has not acted for the account at kasa so far";
    says(&rollout(), &standing(126_234), Rule::Active, &[(false, never)]);
    let since = Some(at("2026-03-02T10:00:07Z"));
    let acts = Standing { ledger: vec![entry(None, since)], ..standing(126_234) };
    let stays = "two-step has acted here since 2026-03-02 10:00:07 UTC: it stays, whatever the waves do";
    let told = tell(&[rollout()], &acts);
    assert_eq!(told.rules, [(Rule::Active, true, stays.to_owned())], "no later rule is asked");
}

/// The rollout no longer names the product, or is read in a revision before it named it.
#[test]
fn two_step_that_has_acted_stays_without_its_rollout() {
    let acts = Standing { ledger: vec![entry(None, Some(at("2026-03-02T10:00:00Z")))], ..standing(126_234) };
    let elsewhere = Rollout { products: vec![text("tapo")], ..rollout() };
    let stays = "two-step has acted here since 2026-03-02 10:00 UTC: it stays, although the rollout two-step \
        is not for kasa";
    for rollouts in [vec![], vec![elsewhere]] {
        assert_eq!(tell(&rollouts, &acts).rules, [(Rule::Active, true, stays.to_owned())]);
    }
}

#[test]
fn what_was_shown_stays_shown() {
    let never = "two-step has not been shown to the account at kasa so far";
    says(&rollout(), &standing(126_234), Rule::Shown, &[(false, never)]);
    let cases = [
        (Some(2), " after wave 2 'Germany' (10 %) had reached the account"),
        (Some(9), " after wave 9 had reached the account"),
        (None, ""),
    ];
    for (wave, by) in cases {
        let told = Standing { ledger: vec![entry(Some(shown(3, wave)), None)], ..standing(126_234) };
        let stays = format!(
            "two-step was first shown here on 2026-03-02 10:00:06 UTC{by}: it stays, unless it is rolled back"
        );
        says(&rollout(), &told, Rule::Shown, &[(true, &stays)]);
    }
}

#[test]
fn what_was_rolled_back_no_longer_counts() {
    let rolled_back = Rollout {
        roll_backs: vec![RollBack { revision: Revision(4), to: Ordinal(1), products: [].into() }],
        ..rollout()
    };
    let cases = [(Some(2), " after wave 2 of that time had reached the account"), (None, "")];
    for (wave, by) in cases {
        let told = Standing { ledger: vec![entry(Some(shown(3, wave)), None)], ..standing(126_234) };
        let gone = format!(
            "two-step was first shown here on 2026-03-02 10:00:06 UTC{by}, but it was rolled back since and no \
            longer counts"
        );
        says(&rolled_back, &told, Rule::Shown, &[(false, &gone)]);
    }
}

#[test]
fn what_was_rolled_back_elsewhere_counts_here() {
    for (product, counts) in [("kasa", false), ("tapo", true)] {
        let back = RollBack { revision: Revision(4), to: Ordinal(1), products: [text(product)].into() };
        let told = Standing { ledger: vec![entry(Some(shown(3, Some(2))), None)], ..standing(126_234) };
        let told = tell(&[Rollout { roll_backs: vec![back], ..rollout() }], &told);
        assert_eq!(told.of(Rule::Shown).iter().map(|(holds, _)| *holds).collect::<Vec<_>>(), [counts]);
    }
}

#[test]
fn an_archived_rollout_says_nothing_else() {
    let archived = Rollout { archived_at: Some(at("2026-03-02T11:00:00Z")), ..rollout() };
    let ended =
        "the rollout 'Two-step at Kasa' has been archived since 2026-03-02 11:00 UTC: it reaches no account";
    let told = tell(std::slice::from_ref(&archived), &standing(26_234));
    assert_eq!(told.of(Rule::Archived), [(true, ended)]);
    assert_eq!(told.of(Rule::Wave), [], "no later rule is asked");
    assert_eq!(told.summary, "two-step has not reached the account at kasa: no rollout is for kasa");
}

fn stop(reason: Option<&str>, cleared_by: Option<&str>) -> Rollout {
    let stop = Stop {
        since: at("2026-03-02T10:00:00Z"),
        by: Approver::holder(text("Ann")),
        reason: reason.map(text),
        cleared_by: cleared_by.map(|name| Approver::holder(text(name))),
    };
    Rollout { stop: Some(stop), ..rollout() }
}

#[test]
fn a_stop_tells_since_when_by_whom_and_why() {
    let ann = standing(126_234);
    says(&rollout(), &ann, Rule::Stop, &[(false, "the rollout 'Two-step at Kasa' is not stopped")]);
    let stopped = "the rollout 'Two-step at Kasa' was stopped on 2026-03-02 10:00 UTC by Ann ('sign-ins fail'): \
        it reaches no further account until two persons clear the stop";
    says(&stop(Some("sign-ins fail"), None), &ann, Rule::Stop, &[(true, stopped)]);
    let asked = "the rollout 'Two-step at Kasa' was stopped on 2026-03-02 10:00 UTC by Ann: it reaches no \
        further account until two persons clear the stop; Bob was the first";
    says(&stop(None, Some("Bob")), &ann, Rule::Stop, &[(true, asked)]);
    assert_eq!(tell(&[stop(None, None)], &ann).of(Rule::Wave), [], "no later rule is asked");
}
