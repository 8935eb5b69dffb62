//! Waves: their number, title and share, and on which side of the edge the account is.

use tidegate_core::Test;

use super::*;

/// The rollout with its started waves only.
fn started() -> Rollout {
    let mut rollout = rollout();
    rollout.waves.truncate(2);
    rollout
}

#[test]
fn a_wave_reaches_positions_below_its_edge() {
    let staff =
        "wave 1 'staff' (1 %): not reached, its position 126 234 of 1 000 000 is beyond the edge 10 000";
    let germany =
        "wave 2 'Germany' (10 %): not reached, its position 126 234 of 1 000 000 is beyond the edge 100 000";
    says(&started(), &standing(126_234), Rule::Wave, &[(false, staff), (false, germany)]);
    let at_edge = "wave 1 'staff' (1 %): not reached, its position 10 000 of 1 000 000 is not below, but at the edge 10 000";
    let reached =
        "wave 2 'Germany' (10 %): reached, its position 10 000 of 1 000 000 is below the edge 100 000";
    says(&started(), &standing(10_000), Rule::Wave, &[(false, at_edge), (true, reached)]);
}

#[test]
fn a_wave_reaches_those_in_its_audience_only() {
    let says_of = |country: &str, number: u32, holds: bool, sentence: &str| {
        let audience = Audience::Test(Test::AccountCountry([text("DE")].into()));
        let wave = Wave { audience: Some(audience), ..wave(2, "Germany", 100_000, WaveState::Live) };
        let rollout = Rollout { waves: vec![wave], ..rollout() };
        let standing = Standing { country: Some(text(country)), ..standing(number) };
        says(&rollout, &standing, Rule::Wave, &[(holds, sentence)]);
    };
    says_of(
        "DE",
        26_234,
        true,
        "wave 2 'Germany' (10 %): reached, the account is in the audience (country is DE: yes), and its position \
        26 234 of 1 000 000 is below the edge 100 000",
    );
    says_of(
        "DE",
        126_234,
        false,
        "wave 2 'Germany' (10 %): not reached, the account is in the audience (country is DE: yes), but its position \
        126 234 of 1 000 000 is beyond the edge 100 000",
    );
    says_of(
        "FR",
        26_234,
        false,
        "wave 2 'Germany' (10 %): not reached, the account is not in the audience (country is DE: no, the account's \
        is FR), but its position 26 234 of 1 000 000 is below the edge 100 000",
    );
    says_of(
        "FR",
        126_234,
        false,
        "wave 2 'Germany' (10 %): not reached, the account is not in the audience (country is DE: no, the account's \
        is FR), and its position 126 234 of 1 000 000 is beyond the edge 100 000",
    );
}

#[test]
fn a_wave_that_has_not_started_tells_what_it_would_do() {
    let says_of = |state: WaveState, paused: bool, ppm: u32, sentence: &str| {
        let paused_at = paused.then(|| at("2026-03-02T11:00:00Z"));
        let rollout = Rollout { waves: vec![wave(3, "all", ppm, state)], paused_at, ..rollout() };
        says(&rollout, &standing(126_234), Rule::Wave, &[(false, sentence)]);
    };
    let (below, beyond) = (
        "its position 126 234 of 1 000 000 is below the edge 1 000 000",
        "its position 126 234 of 1 000 000 is beyond the edge 100",
    );
    let (draft, back) = (WaveState::Draft, WaveState::RolledBack);
    let paused = ", and the rollout has been paused since 2026-03-02 11:00 UTC";
    for (is_paused, paused) in [(false, ""), (true, paused)] {
        let would =
            format!("wave 3 'all' (100 %): not started yet{paused}; it would reach the account: {below}");
        says_of(draft, is_paused, 1_000_000, &would);
        let would_not = format!(
            "wave 3 'all' (0.01 %): not started yet{paused}; it would not reach the account: {beyond}"
        );
        says_of(draft, is_paused, 100, &would_not);
        let would = format!(
            "wave 3 'all' (100 %): rolled back{paused}; started again, it would reach the account: {below}"
        );
        says_of(back, is_paused, 1_000_000, &would);
        let would_not = format!(
            "wave 3 'all' (0.01 %): rolled back{paused}; started again, it would not reach the account: {beyond}"
        );
        says_of(back, is_paused, 100, &would_not);
    }
}

/// Accounts that are reached stay reached.
#[test]
fn a_pause_says_nothing_of_waves_that_have_started() {
    let paused = Rollout { paused_at: Some(at("2026-03-02T11:00:00Z")), ..started() };
    let reached = "wave 1 'staff' (1 %): reached, its position 9 999 of 1 000 000 is below the edge 10 000";
    says(&paused, &standing(9_999), Rule::Wave, &[(true, reached)]);
}

#[test]
fn a_wave_of_other_products_is_not_for_this_one() {
    let products = |keys: &[&str]| keys.iter().map(|key| text(key)).collect();
    let of = |ordinal, keys: &[&str]| Wave {
        products: products(keys),
        ..wave(ordinal, "tapo", 1_000_000, WaveState::Live)
    };
    let rollout = Rollout { waves: vec![of(1, &["tapo"]), of(2, &["deco", "tapo"])], ..rollout() };
    let expected = [
        (false, "wave 1 'tapo' (100 %): for tapo, not for kasa"),
        (false, "wave 2 'tapo' (100 %): for deco and tapo, not for kasa"),
    ];
    says(&rollout, &standing(126_234), Rule::Wave, &expected);
    // No call makes such a rollout. There is a sentence all the same.
    let nowhere = Rollout { products: Vec::new(), waves: vec![of(1, &[]), of(2, &["kasa"])], ..rollout };
    let expected = [
        (false, "wave 1 'tapo' (100 %): for no product"),
        (
            true,
            "wave 2 'tapo' (100 %): reached, its position 126 234 of 1 000 000 is below the edge 1 000 000",
        ),
    ];
    says(&nowhere, &standing(126_234), Rule::Wave, &expected);
}

#[test]
fn a_wave_that_was_taken_back_here_says_so() {
    let taken = Wave { taken_back: [text("kasa")].into(), ..wave(2, "Germany", 100_000, WaveState::Live) };
    let rollout = Rollout { products: vec![text("kasa"), text("tapo")], waves: vec![taken], ..rollout() };
    let would = "wave 2 'Germany' (10 %): taken back at kasa; it would reach the account: its position 26 234 of \
        1 000 000 is below the edge 100 000";
    says(&rollout, &standing(26_234), Rule::Wave, &[(false, would)]);
    let summary = "two-step has not reached the account at kasa: every wave that the rollout 'Two-step at Kasa' had \
        started at kasa was rolled back; wave 2 'Germany' (10 %) would reach it, and was taken back there";
    assert_eq!(tell(&[rollout], &standing(26_234)).summary, summary);
}

#[test]
fn an_account_moves_with_its_customer() {
    let waves = vec![wave(2, "Germany", 100_000, WaveState::Live)];
    let rollout = Rollout { unit: Unit::Customer, waves, ..rollout() };
    let of_acme = Standing { customer: Some(acme()), ..standing(126_234) };
    let moves = "wave 2 'Germany' (10 %): not reached, the account moves with its customer 'acme', whose position \
        126 234 of 1 000 000 is beyond the edge 100 000";
    says(&rollout, &of_acme, Rule::Wave, &[(false, moves)]);
    let alone = "wave 2 'Germany' (10 %): not reached, the account has no customer and moves by itself: its position \
        126 234 of 1 000 000 is beyond the edge 100 000";
    says(&rollout, &standing(126_234), Rule::Wave, &[(false, alone)]);
}
