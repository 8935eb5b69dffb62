//! The published test vectors of the chain, computed once outside of this program, hold in it; and an export
//! holds all that is needed to verify it.

use serde_json::Value;
use tidegate_core::{Actor, ChainDigest, Event, Logged, RecordedFact, Sequence, Timestamp};
use tidegate_keyring::Chaining;
use tidegate_proto as proto;

use super::{batches, count};

const VECTORS: &str = include_str!("../../../proto/vectors/chain.json");

/// Checks the digest of every batch in these lines. Returns how many events they cover.
fn proved(lines: &[Value]) -> u64 {
    let mut proved = 0;
    for batch in lines.iter().filter_map(|line| line.get("batch")) {
        let range = batch["first"].as_i64().unwrap()..=batch["last"].as_i64().unwrap();
        let text = |field: &str| batch[field].as_str().unwrap();
        let micros = Timestamp::from_unix_micros(batch["sealed_micros"].as_i64().unwrap());
        let previous: ChainDigest = text("previous").parse().unwrap();
        let ends = (Sequence(*range.start()), Sequence(*range.end()));
        let mut chaining = Chaining::new(text("realm").parse().unwrap(), previous, ends, micros);
        for line in
            lines.iter().filter(|line| line["sequence"].as_i64().is_some_and(|at| range.contains(&at)))
        {
            chaining.add(&logged(line));
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

#[test]
fn the_published_chain_holds_here() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(proved(&vectors), 4);
    let digests: Vec<_> = vectors.iter().filter_map(|line| line.get("batch")).collect();
    assert_eq!(digests[1]["previous"], digests[0]["digest"]);
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
