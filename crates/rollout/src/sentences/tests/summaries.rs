//! The decision and its reason in one sentence.

use tidegate_core::{Approver, Stop, Test};

use super::*;

const OFF: &str = "; it is not switched on, so a sign-in asks for no second step";

#[track_caller]
fn sums_up(rollout: &Rollout, standing: &Standing, expected: &str) {
    assert_eq!(tell(std::slice::from_ref(rollout), standing).summary, expected);
}

fn named() -> Named {
    Named { accounts: [ANN].into(), ..Named::default() }
}

#[test]
fn a_product_without_a_rollout() {
    let told = tell(&[Rollout { products: vec![text("tapo")], ..rollout() }], &standing(126_234));
    assert_eq!(told.summary, "two-step has not reached the account at kasa: no rollout is for kasa");
    assert_eq!(told.rules, []);
}

#[test]
fn a_wave_that_reaches() {
    let reaches = "two-step has reached the account at kasa: wave 2 'Germany' (10 %) of the rollout 'Two-step at \
        Kasa' reaches it";
    sums_up(&rollout(), &standing(26_234), &format!("{reaches}{OFF}"));
    let on = Standing { two_step_since: Some(at("2026-03-02T11:00:00Z")), ..standing(26_234) };
    sums_up(&rollout(), &on, &format!("{reaches}; it is switched on, so a sign-in asks for a second step"));
    let unverified = Standing { email_verified: false, ..standing(26_234) };
    let missing = "; it is not switched on, which needs a verified email address first, so a sign-in asks for no \
        second step";
    sums_up(&rollout(), &unverified, &format!("{reaches}{missing}"));
}

#[test]
fn no_wave_that_reaches_yet() {
    let says_of = |waves: &[Wave], paused: bool, because: &str| {
        let paused_at = paused.then(|| at("2026-03-02T11:00:00Z"));
        let rollout = Rollout { waves: waves.to_vec(), paused_at, ..rollout() };
        let not_yet = format!("two-step has not reached the account at kasa: {because}");
        sums_up(&rollout, &standing(126_234), &not_yet);
    };
    let [one, two, three] = rollout().waves.try_into().unwrap();
    let back = wave(2, "Germany", 200_000, WaveState::RolledBack);
    let tapo = Wave { products: vec![text("tapo")], ..three.clone() };
    let small = wave(3, "few", 100, WaveState::Draft);
    says_of(
        &[one.clone(), two.clone(), three.clone()],
        false,
        "none of the 2 waves that the rollout 'Two-step at Kasa' has started at kasa reaches it; wave 3 'all' \
        (100 %) would reach it, and has not started",
    );
    says_of(
        std::slice::from_ref(&small),
        false,
        "the rollout 'Two-step at Kasa' has not started a wave at kasa; none would reach it",
    );
    says_of(
        &[one.clone(), small],
        true,
        "wave 1 'staff' (1 %), the only wave that the rollout 'Two-step at Kasa' has started at kasa, does not reach \
        it; no other wave would reach it; the rollout has been paused since 2026-03-02 11:00 UTC",
    );
    says_of(
        &[one, back.clone(), three.clone()],
        false,
        "wave 1 'staff' (1 %), the only wave that the rollout 'Two-step at Kasa' has started at kasa, does not reach \
        it; wave 2 'Germany' (20 %) would reach it, and is rolled back",
    );
    says_of(
        &[back, three.clone()],
        false,
        "every wave that the rollout 'Two-step at Kasa' had started at kasa was rolled back; wave 2 'Germany' (20 %) \
        would reach it, and is rolled back",
    );
    says_of(
        &[three],
        false,
        "the rollout 'Two-step at Kasa' has not started a wave at kasa; wave 3 'all' (100 %) would reach it, and has \
        not started",
    );
    says_of(
        &[two, tapo.clone()],
        false,
        "wave 2 'Germany' (10 %), the only wave that the rollout 'Two-step at Kasa' has started at kasa, does not reach it",
    );
    says_of(&[tapo], false, "the rollout 'Two-step at Kasa' has no wave for kasa");
}

#[test]
fn names_on_a_list() {
    let by_customer = Named { customers: [text("acme")].into(), ..Named::default() };
    let of_acme = Standing { customer: Some(acme()), ..standing(126_234) };
    let (reached, not_reached) =
        ("two-step has reached the account at kasa: ", "two-step has not reached the account at kasa: ");
    let cases = [
        (standing(126_234), named(), "the account"),
        (of_acme.clone(), named(), "the account"),
        (of_acme, by_customer, "the account's customer 'acme'"),
    ];
    for (standing, list, who) in cases {
        let allow = Rollout { allow: list.clone(), ..rollout() };
        let lets = format!("{reached}the rollout 'Two-step at Kasa' lets {who} in by name{OFF}");
        sums_up(&allow, &standing, &lets);
        let deny = Rollout { deny: list, ..rollout() };
        let leaves = format!("{not_reached}the rollout 'Two-step at Kasa' leaves {who} out by name");
        sums_up(&deny, &standing, &leaves);
    }
}

#[test]
fn a_stop_and_a_holdout() {
    let stop = Stop {
        since: at("2026-03-02T10:00:00Z"),
        by: Approver::holder(text("Ann")),
        reason: Some(text("sign-ins fail")),
        cleared_by: None,
    };
    let on = Standing { two_step_since: Some(at("2026-03-02T11:00:00Z")), ..standing(985_123) };
    sums_up(
        &Rollout { stop: Some(stop), ..rollout() },
        &on,
        "two-step has not reached the account at kasa: the rollout 'Two-step at Kasa' was stopped on 2026-03-02 10:00 \
        UTC by Ann ('sign-ins fail'); it is switched on, but here a sign-in asks for no second step",
    );
    sums_up(
        &Rollout { holdout: edge(20_000), ..rollout() },
        &standing(985_123),
        "two-step has not reached the account at kasa: it is among the 2 % that the rollout 'Two-step at Kasa' keeps \
        out to compare with",
    );
}

#[test]
fn what_happened_before() {
    let told = Standing { ledger: vec![entry(Some(shown(3, Some(2))), None)], ..standing(126_234) };
    let first = "two-step has reached the account at kasa: the rollout 'Two-step at Kasa' first showed it there on \
        2026-03-02 10:00:06 UTC, and it stays, unless it is rolled back";
    sums_up(&rollout(), &told, &format!("{first}{OFF}"));
    let since = Some(at("2026-03-02T10:00:07Z"));
    let acts = Standing { ledger: vec![entry(None, since)], two_step_since: since, ..standing(126_234) };
    let acted = |rollout: &str| {
        format!(
            "two-step has reached the account at kasa: it has acted there since 2026-03-02 10:00:07 UTC by the rollout \
            {rollout}, and stays, whatever the waves do; it is switched on, so a sign-in asks for a second step"
        )
    };
    sums_up(&rollout(), &acts, &acted("'Two-step at Kasa'"));
    assert_eq!(tell(&[], &acts).summary, acted("two-step"));
}

#[test]
fn a_summary_says_what_it_supposes() {
    let (product, rollouts, ann) = (product("kasa"), [], standing(126_234));
    let supposing = |at, under: Option<(&str, i64)>| {
        let under = under.map(|(key, number)| (text(key), Revision(number)));
        let told = explain(&product, &rollouts, &ann, super::at("2026-03-02T12:00:00Z"));
        let under = under.as_ref().map(|(key, revision)| (key, *revision));
        told.supposing(at, under)
            .summary
            .replace(": two-step has not reached the account at kasa: no rollout is for kasa", "")
    };
    let then = Some(super::at("2026-03-01T12:00:00Z"));
    let as_of = "as of 2026-03-01 12:00 UTC, judged by what is known of the account today";
    let tried = "with revision 2 of the rollout two-step";
    assert_eq!(supposing(then, None), as_of);
    assert_eq!(supposing(None, Some(("two-step", 2))), tried);
    assert_eq!(supposing(then, Some(("two-step", 2))), format!("{as_of}, {tried}"));
    assert_eq!(supposing(None, None), "two-step has not reached the account at kasa: no rollout is for kasa");
}

/// The plan of the README's chapter "Rolling out", and the output of Explain that it shows.
#[test]
fn the_readme_shows_what_is_told() {
    let of = |wave: Wave, test| Wave { audience: Some(Audience::Test(test)), ..wave };
    let [_, germany, all] = <[Wave; 3]>::try_from(rollout().waves).unwrap();
    let interested = wave(1, "interested", 1_000_000, WaveState::Done);
    let waves = vec![
        of(interested, Test::AccountInterest([].into())),
        of(germany, Test::AccountCountry([text("DE")].into())),
        all,
    ];
    let rollout = Rollout { waves, holdout: edge(20_000), ..rollout() };
    let told = tell(&[rollout], &Standing { country: Some(text("FR")), ..standing(126_234) });
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = words(include_str!("../../../../../README.md"));
    let shown = told.rules.iter().filter(|(rule, ..)| [Rule::Holdout, Rule::Wave].contains(rule));
    for sentence in shown.map(|(.., sentence)| sentence).chain([&told.summary]) {
        assert!(readme.contains(sentence.as_str()), "{sentence}");
    }
}
