//! The record: it holds every event once and in one order, the chain proves it, and callers list, follow,
//! export and verify it.

mod cutting;
mod listing;
mod personal;
mod products;
mod reads;
mod sealing;
mod tailing;
mod vectors;
mod verifying;

use tidegate_core::Sequence;
use tidegate_proto as proto;

use crate::{actor::Actor, raw, test_server::TestServer};

/// An account without a password: it makes one event, and no hash has to be waited for.
async fn account(actor: &Actor, name: &str) {
    actor.ok(proto::CreateAccountRequest { external_id: name.to_owned(), ..Default::default() }).await;
}

/// Three sealed batches of events.
async fn batches(server: &TestServer, operator: &Actor) {
    for batch in 0..3 {
        for number in 0..4 {
            account(operator, &format!("u-{batch}-{number}")).await;
        }
        server.seal().await;
    }
}

async fn count(server: &TestServer) -> u64 {
    raw::count(server, "SELECT count(*) FROM events").await.try_into().unwrap()
}

async fn verify(actor: &Actor) -> proto::VerifyChainResponse {
    actor.ok(proto::VerifyChainRequest::default()).await
}

fn last(sequence: u64) -> Sequence {
    Sequence(sequence.try_into().unwrap())
}
