//! An attacker who can write the database, but does not have the master key, cannot change the record
//! unnoticed (INV-49).

use proto::BreakKind as Kind;
use tidegate_keyring::{Chaining, personal_digest};
use tidegate_proto as proto;
use tidegate_store::{chain, events};

use super::{account, batches, count, last, verify};
use crate::{raw, test_server::TestServer};

/// Changes a record of three batches by SQL, and returns the first break that `VerifyChain` finds.
async fn found(server: &TestServer, changes: &[&str]) -> (Kind, u64, u64) {
    let operator = server.operator();
    if count(server).await < 3 {
        batches(server, &operator).await;
        assert!(verify(&operator).await.valid);
    }
    for sql in changes {
        raw::change(server, sql).await;
    }
    let verified = verify(&operator).await;
    assert!(!verified.valid, "{changes:?}");
    let broken = verified.first_break.unwrap();
    (broken.kind(), broken.first_sequence, broken.last_sequence)
}

/// An id that no event has.
fn foreign_event(server: &TestServer) -> &'static str {
    if server.is_sqlite() {
        "x'018ffffffffffffffffffffffffffff7'"
    } else {
        "'018fffff-ffff-ffff-ffff-fffffffffff7'"
    }
}

fn copy(server: &TestServer, of: u64, to: u64) -> String {
    let id = foreign_event(server);
    let columns = "at, actor, product_key, account_id, fact, personal";
    format!(
        "INSERT INTO events (realm_id, event_id, sequence, {columns}) \
         SELECT realm_id, {id}, {to}, {columns} FROM events WHERE sequence = {of}"
    )
}

on_both! {
    async fn inv_49_an_untouched_record_is_valid_in_pieces_too(server) {
        let operator = server.operator();
        let empty = verify(&operator).await;
        assert_eq!((empty.valid, empty.verified_count, empty.head.unwrap().sequence), (true, 0, 0));
        batches(&server, &operator).await;
        let n = count(&server).await;
        let whole = verify(&operator).await;
        let head = whole.head.clone().unwrap();
        assert_eq!((whole.valid, whole.verified_count, head.sequence, whole.next_sequence), (true, n, n, 0));
        assert_eq!((whole.cut, whole.first_break, whole.anchor_checked), (None, None, false));
        let piece = |from_sequence, to_sequence| proto::VerifyChainRequest { from_sequence, to_sequence, anchor: Some(head.clone()) };
        let front = operator.ok(piece(0, n - 8)).await;
        let back = operator.ok(piece(n - 7, 0)).await;
        assert!(front.valid && back.valid && front.anchor_checked);
        assert_eq!(front.verified_count + back.verified_count, n);
        assert_eq!((back.head, operator.ok(piece(n + 100, 0)).await.verified_count), (Some(head.clone()), 0));
    }

    async fn inv_49_a_changed_event_is_found(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        raw::change(&server, "CREATE TABLE kept AS SELECT * FROM events").await;
        for sql in [
            "UPDATE events SET fact = replace(fact, 'false', 'true') WHERE sequence = 8",
            "UPDATE events SET fact = replace(fact, '\"kind\":', '\"kind\": ') WHERE sequence = 8",
            "UPDATE events SET actor = 'worker/nobody' WHERE sequence = 8",
            "UPDATE events SET actor = 'what is this' WHERE sequence = 8",
            "UPDATE events SET product_key = 'kasa' WHERE sequence = 8",
            "UPDATE events SET account_id = NULL WHERE sequence = 8",
        ] {
            assert_eq!(found(&server, &[sql]).await, (Kind::EventChanged, 7, 10), "{sql}");
            raw::change(&server, "DELETE FROM events").await;
            raw::change(&server, "INSERT INTO events SELECT * FROM kept").await;
            assert!(verify(&operator).await.valid, "as it was");
        }
    }

    async fn inv_49_a_removed_event_is_found(server) {
        let removed = found(&server, &["DELETE FROM events WHERE sequence IN (8, 9)"]).await;
        assert_eq!(removed, (Kind::EventMissing, 8, 9));
    }

    async fn inv_49_events_in_another_order_are_found(server) {
        let swapped = found(&server, &[
            "UPDATE events SET sequence = -8 WHERE sequence = 8",
            "UPDATE events SET sequence = 8 WHERE sequence = 9",
            "UPDATE events SET sequence = 9 WHERE sequence = -8",
        ]).await;
        assert_eq!(swapped, (Kind::EventChanged, 7, 10));
    }

    async fn inv_49_an_inserted_event_is_found(server) {
        batches(&server, &server.operator()).await;
        let n = count(&server).await;
        assert_eq!(found(&server, &[&copy(&server, 5, n + 1)]).await, (Kind::EventInserted, n + 1, n + 1));
        let id = foreign_event(&server);
        let before = format!("UPDATE events SET sequence = 0 WHERE event_id = {id}");
        assert_eq!(found(&server, &[&before]).await, (Kind::EventInserted, 0, 0));
        let instead = [format!("UPDATE events SET sequence = NULL WHERE sequence = 5 AND event_id <> {id}"),
            format!("UPDATE events SET sequence = 5 WHERE event_id = {id}")];
        let instead = found(&server, &[&instead[0], &instead[1]]).await;
        assert_eq!(instead.0, Kind::EventChanged);
    }

    async fn inv_49_a_batch_that_is_not_there_is_found(server) {
        assert_eq!(found(&server, &["DELETE FROM chain WHERE last_sequence = 10"]).await, (Kind::LinkBroken, 7, 10));
    }

    async fn inv_49_a_removed_end_is_found_by_the_anchor(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let anchor = verify(&operator).await.head;
        let n = count(&server).await;
        raw::change(&server, &format!("DELETE FROM events WHERE sequence > {}", n - 4)).await;
        raw::change(&server, &format!("DELETE FROM chain WHERE last_sequence > {}", n - 4)).await;
        assert!(verify(&operator).await.valid, "what is left was sealed so");
        let request = proto::VerifyChainRequest { anchor, ..Default::default() };
        let broken = operator.ok(request.clone()).await.first_break.unwrap();
        assert_eq!((broken.kind(), broken.first_sequence), (Kind::HeadMissing, n));
        for number in 0..4 {
            account(&operator, &format!("v-{number}")).await;
        }
        server.seal().await;
        assert!(verify(&operator).await.valid);
        let broken = operator.ok(request).await.first_break.unwrap();
        assert_eq!(broken.kind(), Kind::HeadMissing, "written anew");
    }

    async fn inv_49_an_anchor_is_held_by_a_sealed_batch_only(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let (anchor, n) = (verify(&operator).await.head, count(&server).await);
        let other = "(SELECT seal FROM chain WHERE last_sequence = 6)";
        raw::change(&server, &format!("UPDATE chain SET seal = {other} WHERE last_sequence = {n}")).await;
        // A verification that ends before that batch reads it only to check the anchor.
        let front = proto::VerifyChainRequest { to_sequence: 1, anchor, ..Default::default() };
        let broken = operator.ok(front).await.first_break.unwrap();
        assert_eq!((broken.kind(), broken.first_sequence), (Kind::HeadMissing, n));
    }

    async fn inv_49_a_walk_from_the_middle_needs_what_came_before(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let from = async |from_sequence| {
            let asked = proto::VerifyChainRequest { from_sequence, ..Default::default() };
            let verified = operator.ok(asked).await;
            verified.first_break.map(|broken| (broken.kind(), broken.first_sequence, broken.last_sequence))
        };
        assert_eq!(from(8).await, None);
        raw::change(&server, "DELETE FROM chain WHERE last_sequence = 6").await;
        assert_eq!(from(8).await, Some((Kind::LinkBroken, 7, 10)), "the batch before it is missing");
        assert_eq!(from(5).await, Some((Kind::LinkBroken, 5, 6)), "its own batch is missing");
        assert_eq!(from(12).await, None);
    }

    async fn inv_49_history_is_not_rewritten_without_the_master_key(server) {
        let (operator, realm) = (server.operator(), raw::realm(&server).await);
        batches(&server, &operator).await;
        let n = last(count(&server).await);
        raw::change(&server, &format!("UPDATE events SET fact = replace(fact, 'false', 'true') WHERE sequence = {n}")).await;
        let mut view = server.store.view("test", realm);
        let batch = chain::head(&mut view).await.unwrap().unwrap();
        let mut chaining = Chaining::new(batch.tag, realm, batch.previous, (batch.first, batch.last), batch.sealed_at);
        for logged in events::between(&mut view, batch.first, batch.last).await.unwrap() {
            chaining.add(&logged, logged.event.personal.as_ref().map(personal_digest));
        }
        let digest = chaining.digest();
        assert_ne!(digest, batch.digest);
        let literal = if server.is_sqlite() { format!("x'{digest}'") } else { format!(r"'\x{digest}'") };
        let rewritten = found(&server, &[&format!("UPDATE chain SET digest = {literal} WHERE last_sequence = {n}")]).await;
        assert_eq!(rewritten, (Kind::SealWrong, u64::try_from(batch.first.0).unwrap(), u64::try_from(n.0).unwrap()));
    }

    async fn inv_49_a_forged_cut_is_found(server) {
        let forged = "INSERT INTO chain_cuts (realm_id, last_sequence, digest, seal, cut_at) \
            SELECT realm_id, last_sequence, digest, seal, sealed_at FROM chain WHERE last_sequence = 6";
        let dropped = ["DELETE FROM events WHERE sequence <= 6", "DELETE FROM chain WHERE last_sequence <= 6"];
        batches(&server, &server.operator()).await;
        raw::change(&server, forged).await;
        assert_eq!(found(&server, &dropped).await, (Kind::SealWrong, 1, 6));
        assert_eq!(found(&server, &["DELETE FROM chain_cuts"]).await, (Kind::LinkBroken, 1, 6));
    }
}
