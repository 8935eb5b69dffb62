//! `decide` for whatever it is asked, possible or not.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use tidegate_core::{
    AccountId, Decision, Edge, LedgerEntry, LinkUrl, Method, Ordinal, Product, ProductKey, ProductSettings,
    Reason, Requirement, Revision, Rollout, RolloutKey, Salt, Span, Standing, Timestamp, Title, Wave,
    WaveState,
};
use tidegate_rollout::decide;
use uuid::Uuid;

pub(super) const PRODUCTS: &[&str] = &["kasa", "tapo", "deco"];
const ROLLOUTS: &[&str] = &["a", "a-b", "aa", "b"];

pub(super) fn product(key: &str) -> Product {
    let settings = ProductSettings {
        link_url: "https://kasa.example/confirm".parse::<LinkUrl>().unwrap(),
        allowed_methods: vec![Method::Totp],
        trusted_device: Span::days(30),
        session_idle: Span::hours(1),
        session_absolute: Span::hours(24),
    };
    let (at, title) = (Timestamp::from_unix_micros(0), "Kasa".parse::<Title>().unwrap());
    Product {
        key: key.parse().unwrap(),
        title,
        settings,
        revision: Revision::FIRST,
        created_at: at,
        updated_at: at,
    }
}

fn products() -> impl Strategy<Value = Vec<ProductKey>> {
    let some = subsequence(PRODUCTS, 0..=PRODUCTS.len());
    some.prop_map(|keys| keys.into_iter().map(|key| key.parse().unwrap()).collect())
}

/// The ends more often than chance would.
pub(super) fn edge() -> impl Strategy<Value = Edge> {
    let ppm = prop_oneof![Just(0), Just(1_000_000), 0..=1_000_000_u32];
    ppm.prop_map(|ppm| Edge::try_from(ppm).unwrap())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}

prop_compose! {
    fn wave()(
        ordinal: u32, edge in edge(), products in products(), started_at in option::of(instant()),
        state in prop_oneof![Just(WaveState::Draft), Just(WaveState::Live), Just(WaveState::Done)],
    ) -> Wave {
        Wave { ordinal: Ordinal(ordinal), title: "wave".parse().unwrap(), edge, products, state, started_at }
    }
}

prop_compose! {
    fn rollout(key: &'static str)(
        products in products(), salt: [u8; 16], waves in vec(wave(), 0..5), revision: i64, at in instant(),
    ) -> Rollout {
        let (key, title) = (key.parse().unwrap(), "Two-step".parse().unwrap());
        Rollout { key, title, products, salt: Salt(salt), waves, revision: Revision(revision), created_at: at, updated_at: at }
    }
}

/// By key, as they are remembered.
fn rollouts() -> impl Strategy<Value = Vec<Rollout>> {
    subsequence(ROLLOUTS, 0..=ROLLOUTS.len())
        .prop_flat_map(|keys| keys.into_iter().map(rollout).collect::<Vec<_>>())
}

prop_compose! {
    fn entry(rollout: &'static str, product: &'static str)(
        first_shown_at in option::of(instant()), active_since in option::of(instant()),
    ) -> LedgerEntry {
        let (rollout, product) = (rollout.parse().unwrap(), product.parse().unwrap());
        LedgerEntry { rollout, product, first_shown_at, active_since }
    }
}

prop_compose! {
    fn standing()(
        account: u128, email_verified: bool, two_step_since in option::of(instant()),
        ledger in {
            let all: Vec<_> = ROLLOUTS.iter().flat_map(|rollout| PRODUCTS.iter().map(move |product| (*rollout, *product))).collect();
            subsequence(all, 0..6).prop_flat_map(|pairs| pairs.into_iter().map(|(rollout, product)| entry(rollout, product)).collect::<Vec<_>>())
        },
    ) -> Standing {
        Standing { account: AccountId::from_uuid(Uuid::from_u128(account)), email_verified, two_step_since, ledger }
    }
}

proptest! {
    #![proptest_config(super::cases(500))]

    #[test]
    fn inv_41_every_question_has_one_answer(rollouts in rollouts(), standing in standing(), now in instant()) {
        for key in PRODUCTS {
            let decision = decide(&product(key), &rollouts, &standing, now);
            prop_assert_eq!(&decision, &decide(&product(key), &rollouts.clone(), &standing.clone(), now));
            sound(&decision, &standing, now)?;
        }
    }

    #[test]
    fn inv_41_no_order_of_rows_decides(rollouts in rollouts(), standing in standing(), now in instant()) {
        let (mut turned, mut other) = (rollouts.clone(), standing.clone());
        turned.reverse();
        other.ledger.reverse();
        for key in PRODUCTS {
            let decision = decide(&product(key), &rollouts, &standing, now);
            prop_assert_eq!(&decision, &decide(&product(key), &turned, &other, now));
        }
    }

    #[test]
    fn inv_41_only_the_instant_of_the_answer_is_now(rollouts in rollouts(), standing in standing(), one in instant(), other in instant()) {
        // Nothing is dated yet; what `next_change_at` promises.
        for key in PRODUCTS {
            let (before, mut after) = (decide(&product(key), &rollouts, &standing, one), decide(&product(key), &rollouts, &standing, other));
            prop_assert_eq!(before.next_change_at, None);
            after.evaluated_at = one;
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn a_product_that_no_rollout_names_has_no_rollout(rollouts in rollouts(), mut standing in standing(), now in instant()) {
        standing.ledger.retain(|entry| entry.active_since.is_none());
        let decision = decide(&product("vigi"), &rollouts, &standing, now);
        prop_assert_eq!((decision.reason, decision.visible, decision.requirement), (Reason::NoRollout, false, Requirement::None));
        prop_assert_eq!((decision.rollout, decision.wave, decision.revision), (None, None, None));
    }
}

/// What holds between the parts of any answer.
fn sound(decision: &Decision, standing: &Standing, now: Timestamp) -> Result<(), TestCaseError> {
    let reached = matches!(decision.reason, Reason::Wave | Reason::Shown | Reason::Active);
    prop_assert_eq!((decision.visible, decision.may_toggle), (reached, reached));
    prop_assert_eq!(decision.on, standing.two_step_since.is_some());
    // INV-42: nothing is required where the account was never reached, nor before the owner switched it on.
    prop_assert_eq!(decision.requirement >= Requirement::SecondStep, reached && decision.on);
    prop_assert!(decision.requirement != Requirement::None || decision.required_since.is_none());
    prop_assert_eq!((decision.account, decision.evaluated_at), (standing.account, now));
    let here = |entry: &&LedgerEntry| {
        entry.product == decision.product && Some(&entry.rollout) == decision.rollout.as_ref()
    };
    let entry = standing.ledger.iter().find(here);
    match decision.reason {
        Reason::NoRollout => prop_assert!(decision.rollout.is_none()),
        Reason::Active => prop_assert!(entry.is_some_and(|entry| entry.active_since.is_some())),
        Reason::Shown => prop_assert!(entry.is_some_and(|entry| entry.first_shown_at.is_some())),
        Reason::Wave => prop_assert!(decision.wave.is_some()),
        Reason::NotYet => prop_assert!(decision.rollout.is_some() && decision.wave.is_none()),
    }
    Ok(())
}

pub(super) fn key(text: &str) -> RolloutKey {
    text.parse().unwrap()
}
