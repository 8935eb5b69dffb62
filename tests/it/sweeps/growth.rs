//! How much a sign-in leaves behind, in bytes, and what that makes in a year. Prints figures and asserts only that they are
//! bounded: `cargo test -p tidegate-tests --test it -- growth --ignored --nocapture`.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, SignIn, by_code},
    raw,
    setting::{Kasa, Owner},
    test_server::TestServer,
};

const OWNERS: usize = 20;
const SIGN_INS_OF_EACH: usize = 20;
/// A million accounts that sign in twice a month.
const SIGN_INS_OF_A_YEAR: i64 = 24_000_000;

/// Bytes that the rows and their indexes take.
async fn bytes(server: &TestServer) -> i64 {
    if server.is_sqlite() {
        let used = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)";
        return raw::count(server, used).await
            * raw::count(server, "SELECT page_size FROM pragma_page_size").await;
    }
    raw::alter(server, "VACUUM FULL").await;
    let all = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    raw::count(server, all).await
}

/// A sign-in with password and app, as the SDK makes it: each call has a request id.
async fn sign_in(kasa: &Kasa, owner: &Owner, number: &mut u128) {
    let mut request_id = || {
        *number += 1;
        uuid::Uuid::from_u128(0x0190_0000_0000_4000_8000_0000_0000_0000 | *number).to_string()
    };
    let device = Device::new("phone");
    let request = kasa.frontend.begin_request(&owner.person, "kasa", &device);
    let request = proto::BeginSignInRequest { request_id: request_id(), ..request };
    let answer = kasa.frontend.ok(request).await;
    let sign_in = answer.sign_in.unwrap();
    let begun = SignIn { token: answer.sign_in_token, state: sign_in.state(), offers: sign_in.offers };
    let create = proto::CreateChallengeRequest {
        subject: begun.subject(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        factor_id: begun.factor(),
        request_id: request_id(),
    };
    let challenge_id = kasa.frontend.ok(create).await.challenge.unwrap().id;
    let answer = proto::AnswerChallengeRequest {
        subject: begun.subject(),
        challenge_id,
        answer: by_code(kasa.code(owner)),
        request_id: request_id(),
    };
    assert_eq!(kasa.frontend.ok(answer).await.outcome(), Outcome::Approved);
    let complete = proto::CompleteSignInRequest {
        subject: begun.subject(),
        request_id: request_id(),
        ..Default::default()
    };
    kasa.frontend.ok(complete).await;
}

/// In a year's time, of that much for each sign-in that is kept for so many days.
const fn gigabytes(bytes: i64, days: i64) -> i64 {
    bytes * (SIGN_INS_OF_A_YEAR * days / 365) / 1_000_000_000
}

on_both! {
    #[ignore = "measures"]
    async fn what_a_sign_in_leaves_behind(server) {
        let kasa = Kasa::open(&server).await;
        let (mut owners, mut number) = (Vec::new(), 0);
        for n in 0..OWNERS {
            owners.push(kasa.owner(&format!("owner{n}")).await);
        }
        for owner in &owners {
            sign_in(&kasa, owner, &mut number).await;
        }
        server.fold().await;
        server.clock.advance(Span::days(400));
        server.sweep().await;
        let before = bytes(&server).await;
        for _ in 0..SIGN_INS_OF_EACH {
            server.clock.advance(Span::minutes(1));
            for owner in &owners {
                sign_in(&kasa, owner, &mut number).await;
            }
            server.fold().await;
        }
        let count = i64::try_from(OWNERS * SIGN_INS_OF_EACH).unwrap();
        let mut left = vec![(bytes(&server).await - before) / count];
        for wait in [Span::days(1), Span::days(7), Span::days(60)] {
            server.clock.advance(wait);
            server.sweep().await;
            left.push((bytes(&server).await - before) / count);
        }
        let [at_first, after_a_day, after_a_week, after_months] = left[..] else { panic!() };
        let [requests, sign_ins, sessions] = [at_first - after_a_day, after_a_day - after_a_week, after_a_week - after_months];
        let year = [(after_months, 365), (sessions, 60), (sign_ins, 7), (requests, 1)].map(|(bytes, days)| gigabytes(bytes, days));
        println!(
            "{}: bytes of a sign-in: {at_first} at first, {after_a_day} after a day, {after_a_week} after a week, {after_months} after \
            two months; GB of a million accounts after a year: events {}, sessions {}, sign-ins {}, requests {}",
            if server.is_sqlite() { "SQLite" } else { "PostgreSQL" }, year[0], year[1], year[2], year[3],
        );
        assert!(after_months < 8_192 && at_first < 32_768, "{left:?}");
    }
}
