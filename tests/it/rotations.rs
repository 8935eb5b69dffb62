//! Master keys rotate while everything is in use: whatever is stored opens at any time (INV-45).

use std::{collections::BTreeSet, sync::Arc};

use proto::{ProofOutcome as Outcome, SignInState};
use tidegate_core::{KeyId, Sealed, Span};
use tidegate_keyring::{KeyState, Keyring};
use tidegate_proto as proto;
use tidegate_service::installation::{KeyCheck, KeyUse, Rewrapped, Rewrapper, check};
use tidegate_store::rewraps::{KEYED_COLUMNS, SealedColumn, SealedPlace};
use tonic::Code;

use crate::{
    expiries::Walk,
    owner::{Device, by_code},
    passkeys::PasskeyOwner,
    raw,
    setting::{Kasa, Owner},
    test_server::TestServer,
    webauthn::ORIGIN,
};

/// A program that is killed leaves its lease.
const LEASE: Span = Span::minutes(1);

/// Signs in with everything that the owners have.
async fn signs_in(kasa: &Kasa, ann: &Owner, bob: &mut PasskeyOwner, code: usize) {
    kasa.server.clock.advance(Span::seconds(30));
    let (begun, challenge) = kasa.asked(ann, "tablet").await;
    let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(ann)).await;
    assert_eq!(answer.outcome(), Outcome::Approved, "the authenticator");
    kasa.recovered(ann, code).await;
    let tablet = Device::new("tablet");
    let options = kasa.frontend.passkey_options("kasa", &tablet).await;
    let signed = bob.key.signs(&options, ORIGIN);
    assert!(kasa.frontend.begin_by_passkey("kasa", &tablet, &signed).await.is_some(), "the security key");
}

/// The events of rotations, oldest first.
async fn events(server: &TestServer) -> Vec<(String, String)> {
    let kinds = ["master_key_rotated", "master_key_rewrapped"].map(str::to_owned).to_vec();
    let filter = Some(proto::EventFilter { kinds, ..Default::default() });
    let request = proto::ListEventsRequest { filter, ..Default::default() };
    let mut events = server.operator().ok(request).await.events;
    events.reverse();
    events.into_iter().map(|event| (event.kind, event.data)).collect()
}

/// Every column that is sealed again has a value.
async fn everything(server: &TestServer) {
    let walk = Walk::begin(server).await;
    let kasa = &walk.kasa;
    kasa.frontend.redeem(&walk.links["set-up"]).await;
    let (subject, enrollment_id) = (walk.session.subject(), walk.enrollment.clone());
    kasa.frontend.ok(proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() }).await;
    let begun = kasa.frontend.begin(&walk.ann.person, "kasa", &Device::new("other")).await;
    let mailbox = begun.offers.iter().find(|offer| offer.method() == proto::Method::EmailCode).unwrap();
    kasa.frontend.challenge_of(&begun, &mailbox.factor_id).await;
    let (product, identifier) = ("kasa".to_owned(), kasa.admin.person("erin").await.email);
    kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
    server.operator().ok(proto::RotateSigningKeyRequest { at_once: true, ..Default::default() }).await;
    server.seal().await;
    server.clock.advance(Span::days(400));
    server.operator().product("later").await;
    server.seal().await;
    server.sealer.cut(Span::days(366)).await.unwrap();
}

on_both! {
    async fn inv_45_a_rotation_that_is_killed_anywhere_loses_nothing(server) {
        let kasa = Kasa::with_keys(&server).await;
        let (ann, mut bob) = (kasa.owner("ann").await, kasa.passkey_owner("bob").await);
        kasa.frontend.begin_enrollment(&kasa.frontend.sign_in(&kasa.admin.person("carol").await, "kasa", &Device::new("phone")).await).await;
        server.seal().await;
        let old = server.master().kept()[0].id;
        server.rotates();
        let mut runs = 0;
        let values = loop {
            // It is killed before its first page, before its second one, and so on.
            let killed = server.rewrapper().at_most(1);
            match killed.run(|_| {}).await.unwrap() {
                Rewrapped::Stopped => runs += 1,
                Rewrapped::Now { values, unreadable } => {
                    assert_eq!(unreadable, 0);
                    break values;
                }
                other => panic!("{other:?}"),
            }
            server.clock.advance(LEASE);
            if runs < 4 {
                signs_in(&kasa, &ann, &mut bob, runs).await;
            }
        };
        assert!(runs >= 3 && values <= 200, "{runs} runs");
        assert_eq!(server.rewrapper().run(|_| {}).await.unwrap(), Rewrapped::Before);
        signs_in(&kasa, &ann, &mut bob, 4).await;
        let needed = server.rewrapper().count().await.unwrap();
        let old_ones = needed.iter().filter(|values| values.key == old);
        let sealed: Vec<_> = old_ones.filter(|values| values.kind == KeyUse::Rewrapped).collect();
        assert!(sealed.is_empty(), "{sealed:?}");
        assert!(needed.iter().any(|values| values.key != old && values.column == "factors.material"));

        // What is left of the old key opens nothing, and the codes that it digested are good.
        let mut master = server.master();
        assert!(master.drop_key(old, true));
        assert_eq!(master.kept()[1].state, KeyState::DigestsOnly);
        let keyring = Arc::new(Keyring::new(&master));
        assert_eq!(check(&server.store, &keyring).await.unwrap(), KeyCheck::Right);
        let served = server.served(server.store.clone(), server.app_with(keyring)).await;
        let kasa = Kasa { frontend: kasa.frontend.at(served.channel.clone()), ..kasa };
        signs_in(&kasa, &ann, &mut bob, 5).await;

        let verified = server.operator().ok(proto::VerifyChainRequest::default()).await;
        assert!(verified.valid, "the record is sealed with the new key");
        let events = events(&server).await;
        let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["master_key_rotated", "master_key_rewrapped"]);
        assert!(events[0].1.contains("Ann") && events[0].1.contains("yearly"), "{}", events[0].1);
    }

    async fn inv_45_values_of_every_kind_are_sealed_again(server) {
        Box::pin(everything(&server)).await;
        let needs = async |rewrapper: Rewrapper| -> BTreeSet<(&str, KeyId)> {
            let all = rewrapper.count().await.unwrap().into_iter();
            all.filter(|values| values.kind == KeyUse::Rewrapped).map(|values| (values.column, values.key)).collect()
        };
        let rewrapped = KEYED_COLUMNS.iter().filter(|(_, kind)| *kind == KeyUse::Rewrapped);
        let columns: BTreeSet<_> = rewrapped.map(|(name, _)| *name).chain(["installation.key_check"]).collect();
        for _ in 0..2 {
            let key = server.master().kept()[0].id;
            let expected: BTreeSet<_> = columns.iter().map(|column| (*column, key)).collect();
            assert_eq!(needs(server.rewrapper()).await, expected);
            server.rotates();
            let done = server.rewrapper().run(|_| {}).await.unwrap();
            assert!(matches!(done, Rewrapped::Now { unreadable: 0, .. }), "{done:?}");
        }
    }

    /// A value that was read, and is another one when it is replaced.
    async fn inv_45_a_value_that_was_changed_meanwhile_stays(server) {
        Box::pin(everything(&server)).await;
        let realm = raw::realm(&server).await;
        for column in SealedColumn::ALL {
            let mut view = server.store.view("test", realm);
            let page = column.page(&mut view, SealedPlace::START, [0; 5], 100).await.unwrap();
            let row = page.iter().find(|row| row.sealed.as_ref().is_some_and(|sealed| !sealed.0.is_empty())).unwrap();
            let (read, new) = (row.sealed.clone().unwrap(), Sealed(vec![9; 40]));
            for (old, replaces) in [(Sealed(vec![1; 40]), false), (read.clone(), true), (read, false)] {
                let replace = server.store.tx("test", realm, async |tx| column.replace(tx, row, &old, new.clone()).await);
                assert_eq!(replace.await.unwrap(), replaces, "{column:?}");
            }
        }
    }

    async fn inv_45_enrollments_and_sign_ins_go_on_during_a_rotation(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        for round in 0..3 {
            server.rotates();
            let rewrapper = server.rewrapper();
            let rewrap = async { rewrapper.run(|_| {}).await.unwrap() };
            let sign_in = async {
                let (begun, challenge) = kasa.asked(&owner, "tablet").await;
                kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome()
            };
            let enroll = async {
                let person = kasa.admin.person(&format!("new-{round}")).await;
                let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
                (kasa.frontend.enroll(&session, &person).await, person)
            };
            let (done, outcome, (enrolled, person)) = tokio::join!(rewrap, sign_in, enroll);
            assert!(matches!(done, Rewrapped::Now { unreadable: 0, .. }), "{done:?}");
            assert_eq!(outcome, Outcome::Approved);
            server.clock.advance(Span::minutes(1));
            kasa.frontend.sign_in_with(&person, "kasa", &Device::new("tablet"), &enrolled.seed).await;
            server.clock.advance(Span::minutes(1));
        }
    }

    async fn inv_45_a_server_without_the_new_key_says_so_and_charges_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let keyring = Arc::new(Keyring::new(&server.rotates()));
        assert!(matches!(server.rewrapper().run(|_| {}).await.unwrap(), Rewrapped::Now { .. }));
        let behind = server.served(server.store.clone(), server.app_with(keyring.clone())).await;
        let there = kasa.frontend.at(behind.channel.clone());
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let before = raw::count(&server, "SELECT count(*) FROM events").await;
        let answer = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge.clone(),
            answer: by_code(kasa.code(&owner)),
            ..Default::default()
        };
        let refused = there.refused(answer.clone()).await;
        assert_eq!((refused.code, refused.name()), (Code::Unavailable, "UNAVAILABLE"));
        assert!(refused.retry_after.is_some());
        let refused = there.refused(there.begin_request(&owner.person, "kasa", &Device::new("tablet"))).await;
        assert_eq!(refused.code, Code::Unavailable, "a factor that does not open is not absent");
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events").await, before);
        assert_eq!(raw::count(&server, "SELECT sum(tries) FROM challenges").await, 0);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM attempts WHERE in_row > 0").await, 0);
        // It reads the new file.
        assert!(keyring.replace(&server.master()));
        assert_eq!(there.ok(answer).await.outcome(), Outcome::Approved);
    }

    async fn an_old_file_does_not_turn_the_others_back(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let old = server.rotates();
        let new = server.master().kept()[0].id;
        assert!(matches!(server.rewrapper().run(|_| {}).await.unwrap(), Rewrapped::Now { .. }));
        let keyring = Arc::new(Keyring::new(&old));
        let (clock, entropy) = (server.clock.clone(), server.entropy.clone());
        let behind =
            tidegate_service::installation::Rewrapper::new(server.store.clone(), keyring, clock, entropy);
        assert_eq!(behind.run(|_| {}).await.unwrap(), Rewrapped::Behind(new));
        let (begun, _) = kasa.asked(&owner, "tablet").await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
    }
}

/// Columns of bytes that no master key protects.
const NOT_KEYED: [&str; 22] = [
    "attempts.tag",
    "chain.digest",
    "chain.previous_digest",
    "chain_cuts.digest",
    "credentials.previous_digest",
    "credentials.token_digest",
    // Sealed with the account's own key, which `accounts.personal_key` is.
    "devices.client",
    "devices.previous_digest",
    "devices.token_digest",
    "events.personal",
    "factors.lookup",
    "factors.origin_client",
    "links.token_digest",
    "passkey_requests.challenge",
    "processes.ballast",
    // Compared by the active key alone: a rotation begins the budgets of destinations anew.
    "sends.destination",
    "sessions.client",
    "sessions.refresh_digest",
    "sessions.refresh_previous",
    "sessions.refresh_series",
    "sessions.token_digest",
    "sign_ins.token_digest",
];

#[tokio::test]
async fn inv_45_every_column_that_needs_a_master_key_is_known_to_the_rotation() {
    let server = TestServer::sqlite().await;
    let columns = "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
        WHERE m.type = 'table' AND c.type = 'BLOB' AND m.name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1";
    let is_id = |name: &String| {
        let column = name.rsplit_once('.').unwrap().1;
        column.ends_with("_id") || ["created_in", "proved_by", "holder", "after_account"].contains(&column)
    };
    let found: BTreeSet<String> =
        raw::rows(&server, columns).await.into_iter().filter(|name| !is_id(name)).collect();
    let keyed = KEYED_COLUMNS.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> =
        keyed.chain(NOT_KEYED).chain(["installation.key_check"]).map(str::to_owned).collect();
    assert_eq!(found, known, "a column of bytes is sealed, digested with a key, or neither: say which");
}
