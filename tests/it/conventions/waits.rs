//! No test depends on the machine's speed: it does not sleep, and every use of time has a reason why the
//! outcome is the same on a slow machine.

use super::{
    excused,
    sources::{self, Finding, places},
};

const WORDS: &[&str] = &["sleep(", "timeout(", "Instant::now", "SystemTime::now", ".elapsed()", "interval("];

/// Tests in files of their own, and those below the code that they test.
fn found() -> Vec<Finding> {
    let files = ["tests", "crates"].into_iter().flat_map(sources::files);
    let files = files.filter(|(path, _)| !path.starts_with("tests/bench/") && !path.ends_with("/waits.rs"));
    let tests = files.filter_map(|(path, text)| {
        let own = path.starts_with("tests/") || path.contains("/tests/");
        let from = if own { Some(0) } else { text.find("#[cfg(test)]\nmod tests {") }?;
        // The text above is not searched. Its empty lines stay, so that line numbers are right.
        let above: String = text[..from].chars().filter(|c| *c == '\n').collect();
        Some((path, above + &text[from..]))
    });
    tests
        .flat_map(|(path, text)| {
            let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            WORDS.iter().flat_map(|word| places(&path, &code.join("\n"), word)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn no_test_depends_on_the_machines_speed() {
    excused(
        found(),
        &[
            (
                "crates/tidegate/tests/it/program.rs",
                "sleep(",
                "between two looks at another process, which does not say how far it is; the looks go on for TIMEOUT",
            ),
            (
                "crates/tidegate/tests/it/program.rs",
                "timeout(",
                "TIMEOUT, after which a test gives up on a program that says nothing",
            ),
            (
                "crates/tidegate/tests/it/faults/fault.rs",
                "Instant::now",
                "for a report; nothing is asserted about it",
            ),
            ("crates/tidegate/tests/it/faults/fault.rs", ".elapsed()", "the same"),
            (
                "crates/tidegate/tests/it/faults/traffic.rs",
                "timeout(",
                "TIMEOUT, after which callers get no answer any more",
            ),
            (
                "crates/tidegate/tests/it/faults/follower.rs",
                "timeout(",
                "the same, for a reader of the record",
            ),
            (
                "tests/line.rs",
                "sleep(",
                "a line that is slow, as networks are; nothing is asserted about how slow",
            ),
            (
                "crates/store/src/liveness.rs",
                "Instant::now",
                "an instant to count from; none is read a second time",
            ),
            (
                "tests/it/anonymous.rs",
                "timeout(",
                "of no length: asks whether a stream has ended that never ends",
            ),
            (
                "tests/it/away.rs",
                "timeout(",
                "of no length: it ends at the first wait, and opening a connection is one",
            ),
            (
                "tests/it/cancel.rs",
                "Instant::now",
                "says when callers hang up, so that they do at every moment; what must hold does so at any moment",
            ),
            ("tests/it/cancel.rs", ".elapsed()", "the same"),
            ("tests/it/cancel.rs", "timeout(", "the same"),
            (
                "tests/it/numbers.rs",
                "timeout(",
                "says when workers are killed, so that they are at every moment; what must hold does so at any moment",
            ),
            ("tests/it/tls/bounds.rs", "timeout(", "TIMEOUT, for what the server says by itself"),
            ("tests/it/wire/bounds.rs", "timeout(", "the same"),
            ("tests/it/outages.rs", "timeout(", "the same, for a pulse that is asked for"),
            (
                "crates/tidegate/tests/it/attacks/mod.rs",
                "timeout(",
                "TIMEOUT, for connections that the server closes and attacks that it ends",
            ),
            (
                "tests/it/raw.rs",
                "timeout(",
                "TIMEOUT: SQLite's for another writer, and for a lock to be waited for",
            ),
        ],
    );
}
