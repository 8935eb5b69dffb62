//! The personal fields of events: they open in their own row only, the chain proves the sealed bytes (INV-49), and
//! dropping the key of a person erases the fields and not the proof.

use std::fmt::Write as _;

use proto::BreakKind as Kind;
use tidegate_core::{ChainDigest, ChainTag, Word as _};
use tidegate_keyring::{Chaining, personal_digest};
use tidegate_proto as proto;
use tidegate_store::{chain, events};

use super::{account, batches, count, last, verify};
use crate::{actor::Actor, manage::mask, raw, test_server::TestServer};

/// The addresses that the events of an account show, the newest event first.
async fn addresses(operator: &Actor, account: &str) -> Vec<String> {
    let filter = Some(proto::EventFilter { account: account.into(), ..Default::default() });
    let listed = operator.ok(proto::ListEventsRequest { filter, ..Default::default() }).await;
    listed.events.into_iter().map(|event| event.email).collect()
}

fn literal(server: &TestServer, bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        write!(digits, "{byte:02x}").unwrap();
    }
    if server.is_sqlite() { format!("x'{digits}'") } else { format!(r"'\x{digits}'") }
}

/// Computes the chain anew from what the events are now, and writes it as a server of that version would: one of the
/// first version names no tag. Without `sealed` the seals stay: an attacker does not have the master key.
async fn chain_anew(server: &TestServer, tag: ChainTag, sealed: bool) {
    let (realm, keyring) = (raw::realm(server).await, server.parts(&server.store).keyring);
    let view = &mut server.store.view("test", realm);
    let mut previous = ChainDigest::NONE;
    for batch in chain::from(view, last(1), 1_000).await.unwrap() {
        let mut chaining = Chaining::new(tag, realm, previous, (batch.first, batch.last), batch.sealed_at);
        for logged in events::between(view, batch.first, batch.last).await.unwrap() {
            chaining.add(&logged, logged.event.personal.as_ref().map(personal_digest));
        }
        let digest = chaining.digest();
        let seal = if sealed { keyring.seal_batch(realm, digest).unwrap() } else { batch.seal };
        let seal = [&seal.key.0.to_be_bytes()[..], &seal.mac].concat();
        let (before, now, seal) =
            (literal(server, &previous.0), literal(server, &digest.0), literal(server, &seal));
        let named = if tag == ChainTag::C1 { "NULL".to_owned() } else { format!("'{}'", tag.as_str()) };
        let set = format!("tag = {named}, previous_digest = {before}, digest = {now}, seal = {seal}");
        raw::change(server, &format!("UPDATE chain SET {set} WHERE last_sequence = {}", batch.last)).await;
        previous = digest;
    }
}

/// The first break that `VerifyChain` finds.
async fn broken(operator: &Actor) -> Option<(Kind, u64, u64)> {
    let found = verify(operator).await.first_break;
    found.map(|found| (found.kind(), found.first_sequence, found.last_sequence))
}

on_both! {
    async fn inv_49_personal_fields_that_are_swapped_or_emptied_are_found(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        raw::change(&server, "CREATE TABLE kept AS SELECT * FROM events").await;
        let nothing = literal(&server, &[]);
        for sql in [
            "UPDATE events SET personal = NULL WHERE sequence = 8",
            &format!("UPDATE events SET personal = {nothing} WHERE sequence = 8"),
            "UPDATE events SET personal = (SELECT personal FROM kept WHERE kept.sequence = 17 - events.sequence) \
                WHERE sequence IN (8, 9)",
            "UPDATE events SET account_id = (SELECT account_id FROM kept WHERE kept.sequence = 9), \
                personal = (SELECT personal FROM kept WHERE kept.sequence = 9) WHERE sequence = 8",
        ] {
            raw::change(&server, sql).await;
            assert_eq!(broken(&operator).await, Some((Kind::EventChanged, 7, 10)), "{sql}");
            raw::change(&server, "DELETE FROM events").await;
            raw::change(&server, "INSERT INTO events SELECT * FROM kept").await;
            assert_eq!(broken(&operator).await, None, "as it was");
        }
        // An event without personal fields gets none.
        raw::change(&server, "UPDATE events SET personal = (SELECT personal FROM kept WHERE kept.sequence = 8) WHERE sequence = 1").await;
        assert_eq!(broken(&operator).await, Some((Kind::EventChanged, 1, 6)));
    }

    async fn inv_49_the_chain_outlives_the_erasure_of_a_person(server) {
        let operator = server.operator();
        operator.person("ann").await;
        operator.person("bob").await;
        server.seal().await;
        let before = addresses(&operator, "ann").await;
        assert!(!before.is_empty() && before.iter().all(|address| address == "ann@example.com"), "{before:?}");
        let digests = "SELECT count(*) FROM events WHERE personal IS NOT NULL";
        let sealed = raw::count(&server, digests).await;
        let nothing = literal(&server, &[]);
        raw::change(&server, &format!("UPDATE accounts SET personal_key = {nothing} WHERE external_id = 'ann'")).await;
        let after = addresses(&operator, "ann").await;
        assert!(after.len() == before.len() && after.iter().all(String::is_empty), "{after:?}");
        assert!(addresses(&operator, "bob").await.iter().all(|address| address == "bob@example.com"));
        assert_eq!(raw::count(&server, digests).await, sealed, "the sealed bytes stay, and prove nothing but themselves");
        assert!(verify(&operator).await.valid);
    }

    async fn inv_49_batches_of_the_first_tag_verify_and_go_on_in_the_second(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        chain_anew(&server, ChainTag::C1, true).await;
        assert_eq!(broken(&operator).await, None);
        account(&operator, "new").await;
        server.seal().await;
        let n = count(&server).await;
        let tags = "SELECT coalesce(tag, 'none') FROM chain ORDER BY last_sequence";
        assert_eq!(raw::rows(&server, tags).await, ["none", "none", "none", "tidegate/c2"]);
        assert_eq!(broken(&operator).await, None);
        // What was sealed without the personal fields cannot prove them; what came later does.
        raw::change(&server, "UPDATE events SET personal = NULL WHERE sequence = 8").await;
        assert_eq!(broken(&operator).await, None);
        raw::change(&server, &format!("UPDATE events SET personal = NULL WHERE sequence = {n}")).await;
        assert_eq!(broken(&operator).await, Some((Kind::EventChanged, n, n)));
    }

    async fn inv_49_no_batch_verifies_under_another_tag(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let set = async |tag: &str| raw::change(&server, &format!("UPDATE chain SET tag = {tag} WHERE last_sequence = 10")).await;
        for older in ["'tidegate/c1'", "NULL"] {
            set(older).await;
            assert_eq!(broken(&operator).await, Some((Kind::EventChanged, 7, 10)));
        }
        set("'tidegate/c3'").await;
        assert_eq!(broken(&operator).await.unwrap().0, Kind::LinkBroken, "no program wrote this");
        set("'tidegate/c2'").await;
        assert_eq!(broken(&operator).await, None);
        // With digests that fit the older tag, the seals do not fit.
        raw::change(&server, "UPDATE events SET personal = NULL WHERE sequence = 8").await;
        chain_anew(&server, ChainTag::C1, false).await;
        assert_eq!(broken(&operator).await, Some((Kind::SealWrong, 1, 6)));
    }

    async fn inv_46_personal_fields_open_in_their_own_row_only(server) {
        let operator = server.operator();
        server.realm("acme").await;
        let acme = operator.in_realm("acme");
        for (operator, name) in [(&operator, "ann"), (&operator, "bob"), (&acme, "ann")] {
            operator.person(name).await;
            let request = proto::UpdateAccountRequest { account: name.into(), country: "DE".into(), update_mask: mask("country"), ..Default::default() };
            operator.ok(request).await;
        }
        raw::change(&server, "CREATE TABLE kept AS SELECT events.*, accounts.external_id, realms.realm_key FROM events \
            JOIN accounts ON accounts.account_id = events.account_id JOIN realms ON realms.realm_id = events.realm_id").await;
        let anns = "external_id = 'ann' AND realm_key = 'main'";
        let (first, other) = ("substr(fact, 1, 25) = '{\"kind\":\"account_created\"'", "substr(fact, 1, 25) <> '{\"kind\":\"account_created\"'");
        let of_anns = format!("event_id IN (SELECT event_id FROM kept WHERE {anns} AND {first})");
        for from in [
            format!("{anns} AND {first}"),
            format!("{anns} AND {other}"),
            format!("external_id = 'bob' AND {first}"),
            format!("external_id = 'ann' AND realm_key = 'acme' AND {first}"),
        ] {
            let value = format!("(SELECT personal FROM kept WHERE {from})");
            raw::change(&server, &format!("UPDATE events SET personal = {value} WHERE {of_anns}")).await;
            let own = from == format!("{anns} AND {first}");
            let shown = addresses(&operator, "ann").await;
            let created = if own { "ann@example.com" } else { "" };
            assert_eq!(shown.last().map(String::as_str), Some(created), "{from}");
        }
    }
}
