//! Conventions: what sources, manifests, contract and documents must look like, checked by reading them.

mod absent;
mod contract;
mod dependencies;
pub mod descriptors;
mod documents;
mod fields;
mod habits;
mod invariants;
mod reasons;
mod secrets;
mod service_config;
mod sources;
mod use_cases;
mod waits;
mod words;

use sources::Finding;

/// A file, a word in it, and why the word may stand there.
type Excuse = (&'static str, &'static str, &'static str);

/// Checks that every finding is excused, and that every excuse is still needed.
#[track_caller]
fn excused(found: Vec<Finding>, excuses: &[Excuse]) {
    let hit = |finding: &Finding, (path, word, _): &Excuse| finding.path == *path && finding.word == *word;
    let wrong = found.iter().filter(|finding| !excuses.iter().any(|excuse| hit(finding, excuse)));
    let idle = excuses.iter().filter(|excuse| !found.iter().any(|finding| hit(finding, excuse)));
    let idle = idle.map(|(path, word, _)| format!("{path}: {word} needs no excuse any more"));
    let told: Vec<_> = wrong.map(ToString::to_string).chain(idle).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
