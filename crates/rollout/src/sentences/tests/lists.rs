//! Accounts that are left out, let in, or held out for comparison.

use super::*;

fn account() -> Named {
    Named { accounts: [ANN].into(), ..Named::default() }
}

fn others() -> Named {
    Named { accounts: [Id::from_uuid_bytes([9; 16])].into(), ..Named::default() }
}

fn customers() -> Named {
    Named { customers: [text("acme")].into(), ..Named::default() }
}

fn of_acme() -> Standing {
    Standing { customer: Some(acme()), ..standing(126_234) }
}

#[test]
fn who_is_left_out_is_told_by_account_or_customer() {
    let cases = [
        (
            Named::default(),
            standing(126_234),
            false,
            "no account is on the list of accounts that are left out",
        ),
        (others(), standing(126_234), false, "the account is not on the list of accounts that are left out"),
        (account(), standing(126_234), true, "the account is on the list of accounts that are left out"),
        (
            others(),
            of_acme(),
            false,
            "neither the account nor its customer 'acme' is on the list of those that are left out",
        ),
        (
            customers(),
            of_acme(),
            true,
            "the account's customer 'acme' is on the list of customers that are left out",
        ),
    ];
    for (deny, standing, holds, sentence) in cases {
        says(&Rollout { deny, ..rollout() }, &standing, Rule::Deny, &[(holds, sentence)]);
    }
}

#[test]
fn who_is_let_in_needs_a_wave_that_has_started() {
    let started = "the account is on the list of accounts that are let in, and wave 1 'staff' (1 %) has started at kasa";
    let by_customer = "the account's customer 'acme' is on the list of customers that are let in, and wave 1 'staff' \
        (1 %) has started at kasa";
    let cases = [
        (Named::default(), standing(126_234), false, "no account is on the list of accounts that are let in"),
        (others(), standing(126_234), false, "the account is not on the list of accounts that are let in"),
        (account(), standing(126_234), true, started),
        (customers(), of_acme(), true, by_customer),
    ];
    for (allow, standing, holds, sentence) in cases {
        says(&Rollout { allow, ..rollout() }, &standing, Rule::Allow, &[(holds, sentence)]);
    }
    let waves = vec![wave(1, "staff", 10_000, WaveState::Draft)];
    let rollout = Rollout { allow: account(), waves, ..rollout() };
    says(&rollout, &standing(126_234), Rule::Allow, &[]);
}

#[test]
fn the_holdout_is_the_end_of_the_line() {
    let says_of = |ppm: u32, number: u32, holds: bool, sentence: &str| {
        let rollout = Rollout { holdout: edge(ppm), ..rollout() };
        says(&rollout, &standing(number), Rule::Holdout, &[(holds, sentence)]);
    };
    says_of(0, 999_999, false, "no account is kept out to compare with");
    says_of(
        20_000,
        126_234,
        false,
        "2 % are kept out to compare with: positions from 980 000 on; its position 126 234 of 1 000 000 is not one of them",
    );
    says_of(
        25_000,
        975_000,
        true,
        "2.5 % are kept out to compare with: positions from 975 000 on; its position 975 000 of 1 000 000 is one of them",
    );
    says_of(
        1_000_000,
        0,
        true,
        "100 % are kept out to compare with: positions from 0 on; its position 0 of 1 000 000 is one of them",
    );
}

#[test]
fn a_customer_is_kept_out_with_all_its_accounts() {
    let rollout = Rollout { holdout: edge(100), unit: Unit::Customer, ..rollout() };
    let sentence = "0.01 % are kept out to compare with: positions from 999 900 on; the account moves with its \
        customer 'acme', whose position 126 234 of 1 000 000 is not one of them";
    says(&rollout, &of_acme(), Rule::Holdout, &[(false, sentence)]);
}

/// The lists, the stop and the holdout of a rollout act on no account before a wave has started.
#[test]
fn what_does_not_act_is_no_reason() {
    let stop = tidegate_core::Stop {
        since: at("2026-03-02T10:00:00Z"),
        by: tidegate_core::Approver::holder(text("Ann")),
        reason: None,
        cleared_by: None,
    };
    for state in [WaveState::Draft, WaveState::RolledBack] {
        let waves = vec![wave(1, "all", 1_000_000, state)];
        let rollout = Rollout {
            waves,
            deny: account(),
            holdout: edge(1_000_000),
            stop: Some(stop.clone()),
            ..rollout()
        };
        let told = tell(&[rollout], &standing(126_234));
        for rule in [Rule::Deny, Rule::Stop, Rule::Holdout] {
            assert_eq!(told.of(rule), [], "{state:?}");
        }
        assert!(
            told.summary.contains("; the account is left out by name; the rollout was stopped on "),
            "{}",
            told.summary
        );
    }
}
