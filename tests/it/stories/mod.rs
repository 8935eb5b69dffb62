//! One file for each noun; each test is one scene.

mod access;
mod accounts;
mod addresses;
mod audiences;
mod audit;
mod devices;
mod directory;
mod edges;
mod email_codes;
mod enrollments;
mod explain;
mod imports;
mod ladders;
mod life;
mod method_moves;
mod numbers;
mod passkeys;
mod passwords;
mod previews;
mod products;
mod put_off;
mod recovery;
mod refusals;
mod revisions;
mod rollouts;
mod schedules;
mod sessions;
mod sign_ins;
mod sms_codes;
mod support;
mod switch;
mod wave;

use std::collections::BTreeSet;

use tidegate_proto::{self as proto, ErrorReason};

use crate::{rpc::method_of, story::snapshots, text::POOL};

#[test]
fn every_method_appears_in_a_story() {
    let told = snapshots();
    let methods = proto::RULES.iter().map(|(path, _)| method_of(path));
    // `actor: Method {`, not its line in the matrix.
    let missing: Vec<_> = methods.filter(|method| !told.contains(&format!(": {method} {{"))).collect();
    assert_eq!(missing, [""; 0]);
}

/// Reasons that appear in no story: where they are tested instead, or why nowhere.
const UNTOLD: &[(ErrorReason, &str)] = &[
    (ErrorReason::Unspecified, "is none"),
    (ErrorReason::OutcomeUnreadable, "takes two versions: idempotency.rs"),
    (ErrorReason::TooManyPasswords, "takes many callers: timeouts.rs"),
    (ErrorReason::Busy, "takes many callers: timeouts.rs"),
    (ErrorReason::Unavailable, "takes a database that goes away: away.rs"),
    (ErrorReason::DeadlineExceeded, "takes a caller in a hurry: away.rs"),
    (ErrorReason::FactorUnavailable, "takes a damaged row: bounds.rs"),
    (ErrorReason::DataDamaged, "takes a damaged row: methods.rs"),
    (ErrorReason::Internal, "takes a bug"),
    (ErrorReason::NoSuchMethod, "no actor can say it: matrix.rs"),
    (ErrorReason::EncodingNotSupported, "no actor compresses: wire"),
    (ErrorReason::StreamEnded, "takes an hour: log/tailing.rs"),
    (ErrorReason::RolloutTooLarge, "takes a megabyte: large_rollouts.rs"),
];

#[test]
fn every_reason_appears_in_a_story() {
    let told = snapshots();
    let appears = |reason: &str| {
        let name = format!(" {}: ", reason.trim_start_matches("ERROR_REASON_"));
        told.lines().any(|line| line.starts_with("  ") && line.contains(&name))
    };
    let reasons = POOL.get_enum_by_name("tidegate.v1.ErrorReason").unwrap();
    let reasons: Vec<_> = reasons.values().map(|value| value.name().to_owned()).collect();
    let missing: BTreeSet<_> = reasons.iter().map(String::as_str).filter(|reason| !appears(reason)).collect();
    let excused: BTreeSet<_> = UNTOLD.iter().map(|(reason, _)| reason.as_str_name()).collect();
    assert_eq!(missing, excused, "left: in no story; right: excused");
}
