//! The README's blocks, pasted from top to bottom into one shell, as a newcomer does.

mod blocks;
pub mod shell;

use std::fmt::Write as _;

use tidegate_tests::postgres;

use blocks::{Block, blocks};

const README: &str = include_str!("../../../../../README.md");

/// With buf, this block defines `call`, and takes the place of the definition before it.
const CALL_WITH_BUF: &str = "call() {  # with buf";

/// Blocks marked `sh norun`, by their first line, and why they are not run here.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --release -- demo", "demo.rs runs it"),
    ("sudo apt-get install --yes curl jq openssl oathtool", "tests/run installs these tools"),
    (CALL_WITH_BUF, "npx downloads buf; with the one that tests/run installs, it is run too"),
    (
        r#"(umask 077; printf %s "$session" > session)"#,
        "a person types at these commands; device.rs runs them with lines of a script",
    ),
    (
        r#"client='"client": {"device_id": "tablet-2", "ip": "203.0.113.7", "user_agent": "Firefox"}'"#,
        "the same",
    ),
    ("tidegate rollout watch tapo-two-step", "it ends when q is typed; rollout/watching.rs runs it"),
    (r#"call "$auditor" AuditService/TailEvents '{"from_beginning": true}'"#, "Ctrl-C ends it"),
    ("docker build --tag tidegate:0.1.0 .", "tests/image/run builds and runs the image without Docker"),
    ("tests/run", "it runs this test"),
    ("tests/faults", "it takes half an hour; its short form is among the tests"),
    ("cargo run --release -p tidegate-bench", "it takes ten minutes"),
];

/// Begins the output of each block, on both streams.
const MARK: char = '\u{1e}';

/// The program that makes the calls.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Grpcurl,
    Buf,
}

/// tests/run installs grpcurl where Go is installed; elsewhere buf takes its place.
#[tokio::test]
async fn the_blocks_run_from_top_to_bottom() {
    let without_go = !shell::is_found("grpcurl") && !shell::is_found("go");
    run(&postgres::database().await, if without_go { Caller::Buf } else { Caller::Grpcurl });
}

#[tokio::test]
async fn the_blocks_run_without_go() {
    run(&postgres::database().await, Caller::Buf);
}

#[test]
fn every_block_is_run_or_excused() {
    let blocks = blocks(README);
    let idle = blocks.iter().filter(|block| block.info == "sh norun");
    let idle: Vec<_> = idle.map(|block| block.body.lines().next().unwrap_or_default()).collect();
    assert_eq!(idle, NOT_RUN.iter().map(|(line, _)| *line).collect::<Vec<_>>());
    for (before, block) in blocks.iter().zip(blocks.iter().skip(1)) {
        assert!(block.info != "text" || before.info == "sh", "line {}: printed by no command", block.line);
    }
    let known = ["sh", "sh norun", "text", "json", "js", "yaml", ""];
    assert!(blocks.iter().all(|block| known.contains(&block.info)), "an unknown kind of block");
    let mut fenced = false;
    for (number, line) in README.lines().enumerate() {
        fenced ^= line.starts_with("```");
        assert!(fenced || !line.starts_with("    "), "line {}: code without a fence", number + 1);
    }
}

fn run(database: &str, caller: Caller) {
    let blocks = blocks(README);
    let is_run = |block: &&Block<'_>| {
        block.info == "sh" || caller == Caller::Buf && block.body.starts_with(CALL_WITH_BUF)
    };
    let ran: Vec<_> = blocks.iter().filter(is_run).collect();
    let mut script = String::new();
    for block in &ran {
        write!(script, "printf '{MARK}'; printf '{MARK}' >&2\n{}", block.body).unwrap();
    }
    let buf = shell::buf();
    let with = if caller == Caller::Buf { &buf } else { "grpcurl" };
    let ended = shell::run(&script, database, &["curl", "jq", "openssl", "oathtool", with]);

    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    let (out, err): (Vec<_>, Vec<_>) = (out.split(MARK).collect(), err.split(MARK).collect());
    let last = ran.get(out.len().wrapping_sub(2)).map_or(0, |block| block.line);
    let (printed, logged) = (out.last().unwrap(), err.last().unwrap());
    assert!(ended.status.success(), "README.md:{last}: {}\n{printed}\n{logged}", ended.status);
    assert_eq!(out.len(), ran.len() + 1, "some blocks were not run");
    let mut outputs = out.into_iter().skip(1);
    let (mut printed, mut wrong) = ("", Vec::new());
    for block in &blocks {
        if is_run(&block) {
            printed = outputs.next().unwrap();
        } else if block.info == "text" {
            wrong.extend(block.difference(printed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
