//! Followers of the record read each event once and in order, whatever breaks.

use std::time::Duration;

use proto::tail_events_request::Start;
use tidegate_core::{Role, Word as _};
use tidegate_grpc::StreamSettings;
use tidegate_proto as proto;
use tonic::Code;

use super::{account, batches, count};
use crate::{actor::Actor, serving::PROMPT, test_server::CredentialSpec};

fn tail(start: Start) -> proto::TailEventsRequest {
    proto::TailEventsRequest { start: Some(start), ..Default::default() }
}

fn beginning() -> proto::TailEventsRequest {
    tail(Start::FromBeginning(true))
}

/// Reads to the n-th event, and drops the stream again and again before that.
async fn read_in_pieces(actor: Actor, n: u64, seed: u64) -> Vec<u64> {
    let (mut read, mut token, mut state) = (Vec::new(), None, seed);
    while u64::try_from(read.len()).unwrap() < n {
        let start = token.clone().map_or(Start::FromBeginning(true), Start::ResumeToken);
        let mut stream = actor.stream(tail(start)).await.unwrap();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for _ in 0..=(state >> 33) % 9 {
            let message = stream.one().await;
            token = Some(message.resume_token);
            read.extend(message.event.map(|event| event.sequence));
            if u64::try_from(read.len()).unwrap() == n {
                break;
            }
        }
    }
    read
}

on_both! {
    async fn inv_49_readers_that_are_killed_at_random_miss_nothing_and_repeat_nothing(server) {
        const MANY: u64 = 60;
        let operator = server.operator();
        let n = count(&server).await + MANY;
        let readers: Vec<_> = (0..4).map(|seed| tokio::spawn(read_in_pieces(operator.clone(), n, seed))).collect();
        for number in 0..MANY {
            account(&operator, &format!("u-{number}")).await;
            if number % 7 == 0 {
                server.seal().await;
            }
        }
        server.seal().await;
        for reader in readers {
            assert_eq!(reader.await.unwrap(), (1..=n).collect::<Vec<_>>());
        }
    }

    async fn a_filter_passes_what_it_names_and_nothing_else(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        operator.product("kasa").await;
        server.seal().await;
        let n = count(&server).await;
        let kinds = vec!["product_created".to_owned()];
        let filter = Some(proto::EventFilter { kinds, ..Default::default() });
        let mut stream = operator.stream(proto::TailEventsRequest { filter, ..beginning() }).await.unwrap();
        assert_eq!(stream.one().await.event.unwrap().sequence, n);
        let filter = Some(proto::EventFilter { actor: "worker/init".to_owned(), ..Default::default() });
        let mut stream = operator.stream(proto::TailEventsRequest { filter, ..beginning() }).await.unwrap();
        let read = [stream.one().await, stream.one().await].map(|message| message.event.unwrap().kind);
        assert_eq!(read, ["realm_created", "credential_created"]);
        let all = operator.ok(proto::ListEventsRequest::default()).await.events;
        let theirs: Vec<_> = all.iter().rev().filter(|event| event.actor != "worker/init").collect();
        let filter = Some(proto::EventFilter { actor: theirs[0].actor.clone(), ..Default::default() });
        let mut stream = operator.stream(proto::TailEventsRequest { filter, ..beginning() }).await.unwrap();
        for event in theirs {
            assert_eq!(stream.one().await.event.unwrap().sequence, event.sequence);
        }
    }

    async fn a_resume_token_is_good_for_its_realm_and_its_method(server) {
        server.realm("acme").await;
        server.seal().await;
        let operator = server.operator();
        let token = operator.stream(beginning()).await.unwrap().one().await.resume_token;
        let exported = operator.stream(proto::ExportEventsRequest::default()).await.unwrap().one().await.resume_token;
        let other = operator.in_realm("acme");
        for (actor, token) in [(&other, &token), (&operator, &exported), (&operator, &"00".repeat(60))] {
            let refused = actor.stream(tail(Start::ResumeToken(token.clone()))).await.err().unwrap();
            assert_eq!((refused.code, refused.name()), (Code::FailedPrecondition, "RESUME_TOKEN_NOT_VALID"));
        }
        let theirs = other.stream(proto::ExportEventsRequest::default()).await.unwrap().one().await.resume_token;
        for resume_token in [token.clone(), theirs, "00".repeat(60)] {
            let export = proto::ExportEventsRequest { resume_token, ..Default::default() };
            let refused = operator.stream(export).await.err().unwrap();
            assert_eq!((refused.code, refused.name()), (Code::FailedPrecondition, "RESUME_TOKEN_NOT_VALID"));
        }
        operator.stream(tail(Start::ResumeToken(token))).await.unwrap().one().await;
        let mut theirs = other.stream(beginning()).await.unwrap();
        assert_eq!(theirs.one().await.event, None, "nothing happened in the other realm");
    }

    async fn a_token_ahead_of_the_record_is_refused(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let mut stream = operator.stream(tail(Start::FromNow(true))).await.unwrap();
        let token = stream.one().await.resume_token;
        crate::raw::change(&server, "DELETE FROM events WHERE sequence > 6").await;
        crate::raw::change(&server, "DELETE FROM chain WHERE last_sequence > 6").await;
        let refused = operator.stream(tail(Start::ResumeToken(token))).await.err().unwrap();
        assert_eq!(refused.name(), "RESUME_TOKEN_NOT_VALID");
    }

    async fn a_revoked_credential_ends_its_streams(server) {
        let auditor = server.with_credential("auditor", CredentialSpec::of(Role::Auditor)).await.quiet();
        let mut stream = auditor.stream(tail(Start::FromNow(true))).await.unwrap();
        stream.one().await;
        let credential = auditor.credential.clone();
        server.operator().ok(proto::RevokeCredentialRequest { credential, ..Default::default() }).await;
        assert_eq!(stream.end().await.name(), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn inv_49_a_record_longer_than_a_stretch_is_read_to_its_end() {
    const MANY: u64 = 1_200;
    let server = crate::test_server::TestServer::sqlite().await;
    let operator = server.operator();
    let rows = (1..=MANY).map(|line| proto::ImportRow {
        line,
        external_id: format!("u-{line}"),
        ..Default::default()
    });
    let rows: Vec<_> = rows.collect();
    for rows in rows.chunks(500) {
        operator.import(rows.to_vec()).await.unwrap();
    }
    server.seal().await;
    let n = count(&server).await;
    assert!(n > MANY);
    let mut stream = operator.stream(beginning()).await.unwrap();
    for sequence in 1..=n {
        assert_eq!(stream.one().await.event.unwrap().sequence, sequence);
    }
    let filter = Some(proto::EventFilter { account: format!("u-{MANY}"), ..Default::default() });
    let mut stream = operator.stream(proto::TailEventsRequest { filter, ..beginning() }).await.unwrap();
    let mut next = stream.one().await;
    while next.event.is_none() {
        next = stream.one().await;
    }
    assert_eq!(next.event.unwrap().kind, "account_created");
}

#[tokio::test]
async fn a_stream_speaks_when_nothing_happens_and_ends_when_it_has_lasted() {
    let server = crate::test_server::TestServer::sqlite().await;
    let restless = StreamSettings { heartbeat: Duration::ZERO, ..PROMPT };
    let (channel, _open) = server.streaming(restless).await;
    let mut stream = server.operator().at(channel).stream(tail(Start::FromNow(true))).await.unwrap();
    for _ in 0..3 {
        let message = stream.one().await;
        assert!(
            message.heartbeat_time.is_some() && message.event.is_none() && !message.resume_token.is_empty()
        );
    }
    let brief = StreamSettings { longest: Duration::ZERO, ..PROMPT };
    let (channel, _open) = server.streaming(brief).await;
    let mut stream = server.operator().at(channel).stream(beginning()).await.unwrap();
    let ended = stream.end().await;
    assert_eq!((ended.code, ended.name()), (Code::Unavailable, "STREAM_ENDED"));
    assert!(ended.retry_after.is_some());
}

#[tokio::test]
async fn a_server_that_closes_ends_its_streams_and_says_so() {
    let server = crate::test_server::TestServer::sqlite().await;
    let (channel, open) = server.streaming(StreamSettings { poll: Duration::from_hours(1), ..PROMPT }).await;
    let mut stream = server.operator().at(channel).stream(tail(Start::FromNow(true))).await.unwrap();
    stream.one().await;
    drop(open);
    let ended = stream.end().await;
    assert_eq!((ended.code, ended.name()), (Code::Unavailable, "CLOSING"));
}

/// A stream is refused before it begins. The refusal names the permission as `core` spells it.
#[tokio::test]
async fn a_stream_asks_for_the_permission_of_its_method() {
    let server = crate::test_server::TestServer::sqlite().await;
    let frontend = server.actor("frontend", Role::Frontend).await.quiet();
    let refused = frontend.stream(beginning()).await.err().unwrap();
    assert_eq!(refused.metadata["permission"], tidegate_core::Permission::AuditRead.as_str());
}
