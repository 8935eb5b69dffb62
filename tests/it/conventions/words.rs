//! Vocabularies: the contract and `core` know the same words.

use std::collections::BTreeSet;

use tidegate_core::{self as core, Word};

use super::descriptors::{contract, shouted};

/// Words that only one side knows, and why.
const ONE_SIDED: &[(&str, &str)] = &[
    ("SignInState.DENIED", "a denied sign-in is not kept"),
    ("WaveState.SCHEDULED", "it is a draft that has a planned start"),
];

/// Enums of the contract that are no vocabulary of `core`.
const OTHERS: &[(&str, &str)] = &[
    ("Advice", "what an app shows; `core` has it as a value with data"),
    ("AuditClass", "says what the server does, and is no value of it"),
    ("ErrorReason", "see `reasons`"),
    ("Idempotency", "says what the server does, and is no value of it"),
    ("ImportProblem", "only import reports have it"),
    ("ProofOutcome", "carries more than a word in `core`"),
];

fn pairs() -> Vec<(&'static str, BTreeSet<String>)> {
    vec![
        ("BreakKind", words::<core::BreakKind>()),
        ("AccountState", words::<core::AccountState>()),
        ("ChallengePurpose", words::<core::Purpose>()),
        ("ChallengeState", words::<core::ChallengeState>()),
        ("Channel", words::<core::Channel>()),
        ("DeliveryProblem", words::<core::DeliveryProblem>()),
        ("DeliveryState", words::<core::DeliveryState>()),
        ("DecisionReason", words::<core::Reason>()),
        ("DecisionRule", words::<core::Rule>()),
        ("GateMeasure", words::<core::GateMeasure>()),
        ("EnrollmentState", words::<core::EnrollmentState>()),
        ("MessagePurpose", words::<core::MessagePurpose>()),
        ("FunnelStep", words::<core::FunnelStep>()),
        ("StepFailure", words::<core::StepFailure>()),
        ("Level", words::<core::Level>()),
        ("Method", words::<core::Method>()),
        ("MethodCategory", words::<core::MethodCategory>()),
        ("Missing", words::<core::Missing>()),
        ("OtpHash", words::<core::OtpHash>()),
        ("Permission", words::<core::Permission>()),
        ("Requirement", words::<core::Requirement>()),
        ("RoleType", words::<core::Role>()),
        ("RolloutState", words::<core::RolloutState>()),
        ("RolloutUnit", words::<core::Unit>()),
        ("Rung", words::<core::Rung>()),
        ("SignInState", words::<core::SignInState>()),
        ("WaveState", words::<core::WaveState>()),
        ("Weekday", words::<core::Weekday>()),
    ]
}

fn words<W: Word>() -> BTreeSet<String> {
    W::ALL.iter().map(|word| word.as_str().to_uppercase().replace(['+', '-'], "_")).collect()
}

#[test]
fn both_sides_know_the_same_words() {
    for (name, ours) in pairs() {
        let theirs = contract().pool.get_enum_by_name(&format!("tidegate.v1.{name}")).unwrap();
        let prefix = format!("{}_", shouted(name));
        let theirs = theirs.values().filter(|value| value.number() != 0);
        let theirs: BTreeSet<_> =
            theirs.map(|value| value.name().strip_prefix(&prefix).unwrap().to_owned()).collect();
        let alone = ours.symmetric_difference(&theirs).map(|word| format!("{name}.{word}"));
        let alone: Vec<_> = alone.filter(|word| !ONE_SIDED.iter().any(|(known, _)| known == word)).collect();
        assert!(alone.is_empty(), "{alone:?}");
    }
}

#[test]
fn every_enum_is_compared_or_has_a_reason() {
    let known = pairs().into_iter().map(|(name, _)| name).chain(OTHERS.iter().map(|(name, _)| *name));
    let known: BTreeSet<_> = known.map(str::to_owned).collect();
    let all: BTreeSet<_> = contract().enums().iter().map(|words| words.name().to_owned()).collect();
    assert_eq!(known, all);
}
