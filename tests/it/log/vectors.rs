//! The published test vectors of the chain, computed once outside of this program, hold in it; and an export
//! holds all that is needed to verify it.

use std::{fs, process::Command};

use serde_json::Value;
use tidegate_core::{
    Actor, ChainDigest, ChainTag, Event, Logged, PersonalDigest, RecordedFact, Sequence, Timestamp, Word as _,
};
use tidegate_keyring::Chaining;
use tidegate_proto as proto;

use super::{batches, count};

const VECTORS: &str = include_str!("../../../proto/vectors/chain.json");
const README: &str = include_str!("../../../proto/README.md");

/// Checks the digest of every batch in these lines. Returns how many events they cover.
fn proved(lines: &[Value]) -> u64 {
    let mut proved = 0;
    for batch in lines.iter().filter_map(|line| line.get("batch")) {
        let range = batch["first"].as_i64().unwrap()..=batch["last"].as_i64().unwrap();
        let text = |field: &str| batch[field].as_str().unwrap();
        let micros = Timestamp::from_unix_micros(batch["sealed_micros"].as_i64().unwrap());
        let previous: ChainDigest = text("previous").parse().unwrap();
        let ends = (Sequence(*range.start()), Sequence(*range.end()));
        let tag = ChainTag::parse(batch["tag"].as_str().unwrap_or("tidegate/c1")).unwrap();
        let mut chaining = Chaining::new(tag, text("realm").parse().unwrap(), previous, ends, micros);
        for line in
            lines.iter().filter(|line| line["sequence"].as_i64().is_some_and(|at| range.contains(&at)))
        {
            chaining.add(&logged(line), personal(line));
            proved += 1;
        }
        assert_eq!(chaining.digest().to_string(), text("digest"));
    }
    proved
}

fn logged(line: &Value) -> Logged {
    let text = |field: &str| line[field].as_str();
    let event = Event {
        id: text("id").unwrap().parse().unwrap(),
        at: Timestamp::from_unix_micros(line["micros"].as_i64().unwrap()),
        actor: text("actor").unwrap().parse::<Actor>().unwrap(),
        product: text("product").map(|key| key.parse().unwrap()),
        account: text("account").map(|id| id.parse().unwrap()),
        fact: RecordedFact::Newer { data: String::new() },
        personal: None,
    };
    let fact = text("fact").unwrap().to_owned();
    Logged { sequence: Some(Sequence(line["sequence"].as_i64().unwrap())), event, fact }
}

fn personal(line: &Value) -> Option<PersonalDigest> {
    line["personal_digest"].as_str().map(|digits| PersonalDigest(digits.parse::<ChainDigest>().unwrap().0))
}

/// Runs the program of the README, as it stands there, over a file of these lines. `None`: it says that they are no chain.
fn told_by_the_readme(lines: &[Value]) -> Option<String> {
    let program = README.split("    python3 -c \"\n    import hashlib, json, sys\n").nth(1).unwrap();
    let program = program.split("\" record.ndjson").next().unwrap();
    let program = format!("import hashlib, json, sys\n{}", program.replace("\n    ", "\n").trim_start());
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    fs::write(file.path(), lines.join("\n")).unwrap();
    let run = Command::new("python3").args(["-c", &program]).arg(file.path()).output().unwrap();
    run.status.success().then(|| String::from_utf8(run.stdout).unwrap().trim().to_owned())
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn the_published_chain_holds_here() {
    let vectors = vectors();
    assert_eq!(proved(&vectors), 6);
    let digests: Vec<_> = vectors.iter().filter_map(|line| line.get("batch")).collect();
    assert_eq!(digests[1]["previous"], digests[0]["digest"]);
    assert_eq!(digests[2]["previous"], digests[1]["digest"]);
    let tags: Vec<_> = digests.iter().map(|batch| batch["tag"].as_str()).collect();
    assert_eq!(
        tags,
        [None, Some("tidegate/c1"), Some("tidegate/c2")],
        "an export of an earlier version has no tag"
    );
}

#[test]
fn the_published_program_proves_a_chain_and_finds_what_was_changed() {
    let whole = vectors();
    let digest = whole.last().unwrap()["batch"]["digest"].as_str().unwrap();
    assert_eq!(told_by_the_readme(&whole), Some(format!("the chain holds up to 6 {digest}")));
    let changes: [fn(&mut Vec<Value>); 4] = [
        |lines| lines[0]["actor"] = "worker/other".into(),
        |lines| lines[6]["personal_digest"] = Value::Null,
        |lines| lines[8]["batch"]["tag"] = "tidegate/c1".into(),
        |lines| drop(lines.drain(4..6)),
    ];
    for change in changes {
        let mut lines = whole.clone();
        change(&mut lines);
        assert_eq!(told_by_the_readme(&lines), None);
    }
}

on_both! {
    async fn inv_49_an_export_holds_all_that_proves_it(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.person("ann").await;
        batches(&server, &operator).await;
        let n = count(&server).await;
        let mut stream = operator.stream(proto::ExportEventsRequest::default()).await.unwrap();
        let (mut lines, mut head) = (Vec::new(), None);
        while let Some(chunk) = stream.next().await.unwrap() {
            assert_eq!(head, None, "nothing follows the end");
            lines.extend(chunk.lines.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            head = chunk.head;
        }
        let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
        let sequences: Vec<_> = lines.iter().filter_map(|line| line["sequence"].as_u64()).collect();
        assert_eq!(sequences, (1..=n).collect::<Vec<_>>());
        assert_eq!(proved(&lines), n);
        let told = format!("the chain holds up to {n} {}", lines.last().unwrap()["batch"]["digest"].as_str().unwrap());
        assert_eq!(told_by_the_readme(&lines), Some(told));
        let (head, last) = (head.unwrap(), &lines.last().unwrap()["batch"]);
        assert_eq!((head.sequence, Some(head.digest.as_str())), (n, last["digest"].as_str()));
        let ann = lines.iter().find(|line| line["email"] == "ann@example.com").unwrap();
        assert_eq!((ann["kind"].as_str(), &ann["data"]["imported"]), (Some("account_created"), &Value::Bool(true)));

        let piece = proto::ExportEventsRequest { from_sequence: 3, to_sequence: n - 1, ..Default::default() };
        let chunk = operator.stream(piece).await.unwrap().one().await;
        let piece: Vec<Value> = chunk.lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(piece[0]["sequence"], 3);
        assert!(piece.iter().all(|line| line["sequence"].as_u64().is_none_or(|at| (3..n).contains(&at))));
        let after = proto::ExportEventsRequest { resume_token: chunk.resume_token, ..Default::default() };
        let rest = operator.stream(after).await.unwrap().one().await;
        let rest = String::from_utf8(rest.lines).unwrap();
        assert!(rest.starts_with(&format!("{{\"sequence\":{n},")), "{rest}");
    }
}
