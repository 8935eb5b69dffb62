//! The reasons of refusals: the contract, `core` and the one file that makes a status say the same.

use std::collections::BTreeSet;

use prost_reflect::EnumValueDescriptor;

use super::{
    descriptors::{comment, contract, detached_comments, shouted},
    sources,
};

/// Reasons that no use case gives, and where they come from.
const NO_REFUSALS: &[(&str, &str)] = &[
    ("INVALID_REQUEST", "only a door sees a malformed request"),
    ("EDGE_OUT_OF_RANGE", "only a door sees a malformed request"),
    ("EDGE_TINY", "only a door sees a malformed request"),
    ("UNKNOWN_ATTRIBUTE", "only a door sees a malformed request"),
    ("UNKNOWN_ZONE", "only a door sees a malformed request"),
    ("LOCAL_TIME_IN_GAP", "only a door sees a malformed request"),
    ("LOCAL_TIME_IN_OVERLAP", "only a door sees a malformed request"),
    ("POSTPONES_LOCKED", "one kind of LADDER_NOT_ACCEPTABLE"),
    ("LADDER_LOCKS_OUT", "one kind of LADDER_NOT_ACCEPTABLE"),
    ("RULE_NEVER_ASKED", "one kind of LADDER_NOT_ACCEPTABLE"),
    ("UNAVAILABLE", "a fault of the database"),
    ("CLOSING", "a fault"),
    ("DEADLINE_EXCEEDED", "the door's"),
    ("INTERNAL", "a fault"),
    ("DATA_DAMAGED", "a fault"),
    ("NO_SUCH_METHOD", "the door's"),
    ("ENCODING_NOT_SUPPORTED", "the door's"),
    ("STREAM_ENDED", "the door's"),
];

/// Refusals that have no reason of their own.
const SHARED: &[(&str, &str)] = &[
    ("PAGE_TOKEN_NOT_VALID", "it is an INVALID_REQUEST"),
    ("ANSWER_MALFORMED", "it is an INVALID_REQUEST"),
    ("TIME_NOT_ACCEPTABLE", "it is an INVALID_REQUEST"),
    (
        "NAMES_NOTHING",
        "it is PRODUCT_NOT_FOUND, ACCOUNT_NOT_FOUND or CUSTOMER_NOT_FOUND, for several at once",
    ),
];

/// `REASON: CODE`, as the comments of `error_reason.proto` begin.
fn promised() -> BTreeSet<String> {
    let reasons = contract().pool.get_enum_by_name("tidegate.v1.ErrorReason").unwrap();
    let values = reasons.values().filter(|value| value.number() != 0).map(|value| {
        let about = comment(&value.parent_enum().parent_file(), value.path());
        let code = about.split(['.', ',']).next().unwrap().to_owned();
        assert!(codes().contains(&code), "{}: {about}", value.name());
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
    let pairs = pairs.map(|four| (shouted(four[1]), shouted(four[3])));
    // `unmet(R::NoFactor)` is a failed precondition.
    let unmet = words.windows(3).filter(|three| three[..2] == ["unmet", "R"]);
    let pairs = pairs.chain(unmet.map(|three| ("FAILED_PRECONDITION".to_owned(), shouted(three[2]))));
    let kept =
        pairs.filter(|(code, _)| codes().contains(code)).map(|(code, reason)| format!("{reason}: {code}"));
    same(&kept.collect(), &promised());
}

#[test]
fn every_refusal_has_a_reason_and_every_reason_a_giver() {
    let names = promised().into_iter().map(|line| line.split(':').next().unwrap().to_owned());
    let reasons: BTreeSet<_> = names.filter(|name| !NO_REFUSALS.iter().any(|(one, _)| one == name)).collect();
    let refusals: BTreeSet<_> =
        refusals().into_iter().filter(|name| !SHARED.iter().any(|(one, _)| one == name)).collect();
    same(&refusals, &reasons);
}

/// `// Accounts: 100 to 199.` opens a section: a comment of its own, in front of the section's first value.
#[test]
fn the_number_of_every_reason_lies_in_the_range_of_its_section() {
    let reasons = contract().pool.get_enum_by_name("tidegate.v1.ErrorReason").unwrap();
    let about = comment(&reasons.parent_file(), reasons.path());
    let (mut sections, mut range) = (Vec::new(), 0..=0);
    // In the order of the file: `values` has that of the numbers.
    let mut values = reasons.values().collect::<Vec<_>>();
    values.sort_by_key(|value| value.path().to_vec());
    for value in &values {
        for heading in detached_comments(&reasons.parent_file(), value.path()) {
            let (title, numbers) = heading.trim_end_matches('.').split_once(": ").unwrap();
            let (first, last) = numbers.split_once(" to ").unwrap();
            range = first.parse::<i32>().unwrap()..=last.parse().unwrap();
            sections.push(format!("{numbers}: {}.", title.to_lowercase()));
        }
        assert!(range.contains(&value.number()), "{} is not one of {range:?}", value.full_name());
    }
    let (_, told) = about.split_once("is about: ").unwrap();
    assert_eq!(told.to_lowercase(), sections.join(" "), "what the enum's comment says of its ranges");
    assert!(values.is_sorted_by_key(EnumValueDescriptor::number), "they stand in the order of their numbers");
}

/// The variants of `Refusal`: what its body names outside attributes and fields.
fn refusals() -> Vec<String> {
    let sources = sources::of(&["core"]);
    let code = &sources.iter().find(|source| source.path.ends_with("src/refusal.rs")).unwrap().code;
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

/// gRPC's status codes, as its documentation writes them.
fn codes() -> Vec<String> {
    (1..=16).map(|code| shouted(&format!("{:?}", tonic::Code::from(code)))).collect()
}

#[track_caller]
fn same(found: &BTreeSet<String>, promised: &BTreeSet<String>) {
    let alone = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(
        alone(found, promised),
        alone(promised, found),
        "found alone on the left, promised alone on the right"
    );
    assert!(found.len() > 30, "{} are found", found.len());
}
