//! The app: what its sources, its manifest files and its contract must look like, read from themselves.

mod absent;
mod contract;
mod dependencies;
pub mod descriptors;
mod habits;
mod reasons;
mod secrets;
mod sources;
mod words;

use sources::Finding;

/// Where a word stands, the word, and why it may.
type Excuse = (&'static str, &'static str, &'static str);

/// Nothing was found but what is excused, and every excuse is still needed.
#[track_caller]
fn excused(found: Vec<Finding>, excuses: &[Excuse]) {
    let hit = |finding: &Finding, (path, word, _): &Excuse| finding.path == *path && finding.word == *word;
    let wrong = found.iter().filter(|finding| !excuses.iter().any(|excuse| hit(finding, excuse)));
    let idle = excuses.iter().filter(|excuse| !found.iter().any(|finding| hit(finding, excuse)));
    let idle = idle.map(|(path, word, _)| format!("{path}: {word} needs no excuse any more"));
    let told: Vec<_> = wrong.map(ToString::to_string).chain(idle).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
