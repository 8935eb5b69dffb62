//! The reasons of refusals: the contract, `core` and the one file that makes a status say the same.

use std::collections::BTreeSet;

use super::{
    descriptors::{comment, contract, shouted},
    sources,
};

/// Reasons that no use case gives, and who does.
const NO_REFUSALS: &[(&str, &str)] = &[
    ("INVALID_REQUEST", "only a door sees a malformed request"),
    ("UNAVAILABLE", "a fault of the database"),
    ("CLOSING", "a fault"),
    ("DEADLINE_EXCEEDED", "the door's"),
    ("INTERNAL", "a fault"),
    ("NO_SUCH_METHOD", "the door's"),
];

/// Refusals that have no reason of their own.
const SHARED: &[(&str, &str)] = &[("PAGE_TOKEN_NOT_VALID", "it is an INVALID_REQUEST")];

/// `REASON: CODE`, as the comments of `error_reason.proto` begin.
fn promised() -> BTreeSet<String> {
    let reasons = contract().pool.get_enum_by_name("tidegate.v1.ErrorReason").unwrap();
    let known: Vec<_> = (1..=16).map(|code| shouted(&format!("{:?}", tonic::Code::from(code)))).collect();
    let values = reasons.values().filter(|value| value.number() != 0).map(|value| {
        let about = comment(&value.parent_enum().parent_file(), value.path());
        let code = about.split(['.', ',']).next().unwrap().to_owned();
        assert!(known.contains(&code), "{}: {about}", value.name());
        format!("{}: {code}", value.name().replace("ERROR_REASON_", ""))
    });
    values.collect()
}

#[test]
fn every_reason_goes_out_with_the_status_its_comment_says() {
    let grpc = sources::of(&["grpc"]);
    let status = grpc.iter().find(|source| source.path.ends_with("src/status.rs")).unwrap();
    let words: Vec<_> =
        status.code.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    // `C::NotFound, R::RealmNotFound`, or written out.
    let pairs = words
        .windows(4)
        .filter(|four| ["C", "Code"].contains(&four[0]) && ["R", "Reason"].contains(&four[2]));
    let kept: BTreeSet<_> = pairs.map(|four| format!("{}: {}", shouted(four[3]), shouted(four[1]))).collect();
    assert_eq!(lines(&kept), lines(&promised()));
}

#[test]
fn every_refusal_has_a_reason_and_every_reason_a_giver() {
    let names = promised().into_iter().map(|line| line.split(':').next().unwrap().to_owned());
    let reasons: BTreeSet<_> = names.filter(|name| !NO_REFUSALS.iter().any(|(one, _)| one == name)).collect();
    let refusals: BTreeSet<_> =
        refusals().into_iter().filter(|name| !SHARED.iter().any(|(one, _)| one == name)).collect();
    assert_eq!(lines(&refusals), lines(&reasons));
}

/// The variants of `Refusal`: what its body names outside attributes and fields.
fn refusals() -> Vec<String> {
    let core = sources::of(&["core"]);
    let code = &core.iter().find(|source| source.path.ends_with("src/refusal.rs")).unwrap().code;
    let (_, body) = code.split_once("pub enum Refusal {").unwrap();
    let (mut depth, mut names) = (0_i32, String::new());
    for letter in body.chars() {
        depth += i32::from("([{".contains(letter)) - i32::from(")]}".contains(letter));
        match depth {
            ..0 => break,
            0 => names.push(letter),
            _ => {}
        }
    }
    names.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty()).map(shouted).collect()
}

fn lines(set: &BTreeSet<String>) -> String {
    set.iter().map(|line| format!("{line}\n")).collect()
}
