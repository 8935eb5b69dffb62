//! The README's blocks, pasted from top to bottom into one shell, as a newcomer does.
//!
//! What differs from the newcomer's machine: `cargo build` finds the program built; the server takes free ports,
//! so that addresses are read from its log; the database of the README's URL is one of the tests' own.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use tidegate_tests::postgres;

const README: &str = include_str!("../../../../README.md");

/// Blocks marked `sh norun`, by their first line, and why they are not run here.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --release -- demo", "demo.rs runs it"),
    ("sudo apt-get install --yes curl jq oathtool", "tests/run installs these tools"),
    (CALL_WITH_BUF, "npx downloads buf; with the one that tests/run installs, it is run too"),
    (r#"call "$auditor" AuditService/TailEvents '{"from_beginning": true}'"#, "Ctrl-C ends it"),
    ("tests/run", "it runs this test"),
    ("cargo run --release -p tidegate-bench", "it takes ten minutes"),
];

/// Both ways to make a call begin so; they differ in the program.
const CALL_WITH_BUF: &str = "call() {  # with buf";

/// Begins the output of each block, on both streams.
const MARK: char = '\u{1e}';

/// How long all blocks together may take.
const TIMEOUT_SECONDS: &str = "300";

/// Runs before the first block.
const PRELUDE: &str = r#"set -euo pipefail
trap 'jobs -pr | xargs -r kill' EXIT
for tool in curl jq oathtool "$@"; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: tests/run installs it" >&2; exit 1; }
done
"#;

/// The address that the server in this folder has said it listens at.
const LISTENING: &str = r#"#!/bin/sh
case "$1" in
  grpc) line='s|^Tidegate .* serves gRPC on \(.*\)\.$|\1|p' ;;
  admin) line='s|^ *health *http://\(.*\)/healthz$|\1|p' ;;
esac
until address=$(sed -n "$line" tidegate.log | grep .); do sleep 0.05; done
echo "$address"
"#;

/// In the place of the program: it alone knows the ports.
const PROGRAM: &str = r#"#!/bin/sh
case "$1" in
  serve) exec "$TIDEGATE" "$@" --set grpc.listen=127.0.0.1:0 --set admin.listen=127.0.0.1:0 ;;
  accounts | events) exec "$TIDEGATE" "$@" --address "http://$(listening grpc)" ;;
  *) exec "$TIDEGATE" "$@" ;;
esac
"#;

const NPX: &str = r#"#!/bin/sh
[ "$1 $2" = "--yes @bufbuild/buf@1.75.0" ] || { echo "npx $* is not prepared" >&2; exit 1; }
shift 2
exec "$BUF" "$@"
"#;

const CARGO: &str = r#"#!/bin/sh
[ "$*" = "build --release" ] || { echo "cargo $* is not prepared" >&2; exit 1; }
"#;

/// One fenced block.
struct Block<'r> {
    /// What follows the fence.
    info: &'r str,
    body: String,
    /// Where its fence stands, from 1.
    line: usize,
}

/// The program that makes the calls.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Grpcurl,
    Buf,
}

#[tokio::test]
async fn the_blocks_of_the_readme_run_from_top_to_bottom() {
    run(&postgres::database().await, Caller::Grpcurl);
}

#[tokio::test]
async fn they_run_without_go_too() {
    run(&postgres::database().await, Caller::Buf);
}

#[test]
fn every_block_of_the_readme_is_run_or_excused() {
    let blocks = blocks(README);
    let idle: Vec<_> = blocks.iter().filter(|block| block.info == "sh norun").collect();
    let first = |block: &&Block<'_>| block.body.lines().next().unwrap_or_default().to_owned();
    let excused: Vec<_> = NOT_RUN.iter().map(|(line, _)| *line).collect();
    assert_eq!(idle.iter().map(first).collect::<Vec<_>>(), excused);
    for (before, block) in blocks.iter().zip(blocks.iter().skip(1)) {
        assert!(block.info != "text" || before.info == "sh", "line {}: prints without a command", block.line);
    }
    let known = ["sh", "sh norun", "text", "json", ""];
    assert!(blocks.iter().all(|block| known.contains(&block.info)), "an unknown kind of block");
    let mut fenced = false;
    for (number, line) in README.lines().enumerate() {
        fenced ^= line.starts_with("```");
        assert!(fenced || !line.starts_with("    "), "line {}: code without a fence", number + 1);
    }
}

#[test]
fn shown_output_stands_for_what_differs() {
    for (shown, line, fit) in [
        ("ready", "ready", true),
        ("ready", "ready.", false),
        ("… of 1000", "12 of 1000", true),
        ("… of 1000", "12 of 10000", false),
        ("a…@example.com", "a…@example.com", true),
        ("from … to …, …:…", "from 1 to 2, 3:abc", true),
        ("from … to …, …:…", "from 1 to 2", false),
        ("aa…aa", "aaa", false),
    ] {
        assert_eq!(fits(shown, line), fit, "{shown} {line}");
    }
}

fn run(url: &str, caller: Caller) {
    let place = tempfile::Builder::new().prefix("tidegate-readme-").tempdir().unwrap();
    let (clone, tools) = (place.path().join("tidegate"), place.path().join("tools"));
    write_program(&clone.join("target/release/tidegate"), PROGRAM);
    for (name, text) in [("listening", LISTENING), ("cargo", CARGO), ("npx", NPX)] {
        write_program(&tools.join(name), text);
    }
    let blocks = blocks(README);
    let ran: Vec<_> = blocks.iter().filter(|block| is_run(block, caller)).collect();
    let script = place.path().join("script");
    fs::write(&script, script_of(&ran, url)).unwrap();

    let (installed, buf) = (installed(), format!("{}/node_modules/.bin/buf", installed()));
    let path = format!("{}:{installed}/bin:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", TIMEOUT_SECONDS, "bash"]).arg(&script);
    command.arg(if caller == Caller::Buf { &buf } else { "grpcurl" });
    command.current_dir(&clone).env_clear().env("PATH", path);
    command.env("TIDEGATE", env!("CARGO_BIN_EXE_tidegate")).env("BUF", &buf);
    let ended = command.env("HOME", place.path()).env("TMPDIR", place.path()).output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    let (out, err): (Vec<_>, Vec<_>) = (out.split(MARK).collect(), err.split(MARK).collect());

    let last = ran.get(out.len().wrapping_sub(2)).map_or(0, |block| block.line);
    let (printed, logged) = (out.last().unwrap(), err.last().unwrap());
    assert!(ended.status.success(), "README.md:{last}: {}\n{printed}\n{logged}", ended.status);
    assert_eq!(out.len(), ran.len() + 1, "some blocks were not run");
    let mut outputs = out.into_iter().skip(1);
    let (mut printed, mut wrong) = ("", Vec::new());
    for block in &blocks {
        if is_run(block, caller) {
            printed = outputs.next().unwrap();
        } else if block.info == "text" {
            wrong.extend(difference(block, printed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With buf, its `call` takes the place of the other one, which stands before it.
fn is_run(block: &Block<'_>, caller: Caller) -> bool {
    block.info == "sh" || caller == Caller::Buf && block.body.starts_with(CALL_WITH_BUF)
}

/// What is wrong with the output that the README shows of a block, if anything is.
fn difference(shown: &Block<'_>, printed: &str) -> Option<String> {
    let (lines, said): (Vec<_>, Vec<_>) = (shown.body.lines().collect(), printed.lines().collect());
    let fit = lines.len() == said.len() && lines.iter().zip(&said).all(|(shown, line)| fits(shown, line));
    (!fit).then(|| format!("README.md:{} shows\n{}the block prints\n{printed}", shown.line, shown.body))
}

/// Whether a line is the one that is shown, in which `…` stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let mut parts: Vec<_> = shown.split('…').collect();
    let (last, Some(first)) = (parts.pop().unwrap(), parts.first().copied()) else { return shown == line };
    let Some(rest) = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    let middle = parts.into_iter().skip(1);
    middle.fold(Some(rest), |rest, part| rest?.split_once(part).map(|(_, rest)| rest)).is_some()
}

/// Each substitution has to find what it replaces, or it is out of date.
fn script_of(blocks: &[&Block<'_>], url: &str) -> String {
    let mut script = PRELUDE.to_owned();
    for block in blocks {
        script += &format!("printf '{MARK}'; printf '{MARK}' >&2\n{}", block.body);
    }
    let url = format!("'{url}'");
    for (text, instead) in [
        ("127.0.0.1:50051", "$(listening grpc)"),
        ("127.0.0.1:50052", "$(listening admin)"),
        ("postgres://tidegate:tidegate@127.0.0.1/tidegate", url.as_str()),
    ] {
        assert!(script.contains(text), "no block has {text}");
        script = script.replace(text, instead);
    }
    script
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some(Block { info, body: String::new(), line: number + 1 }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => open = Some(Block { body: block.body + line + "\n", ..block }),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Where tests/run installs what Debian does not have.
fn installed() -> String {
    let cache = std::env::var("XDG_CACHE_HOME");
    let cache = cache.unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").unwrap()));
    format!("{cache}/tidegate-tests")
}
