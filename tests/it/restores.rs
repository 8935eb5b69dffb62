//! A database that was restored from a copy: what was issued before is worth nothing (INV-48), and readers of the record notice
//! that it went another way.

use proto::{Method, ProofOutcome as Outcome, SignInState, tail_events_request::Start};
use tidegate_core::{Agent, Refusal, Secret, Span};
use tidegate_keyring::{Keyring, SealContext};
use tidegate_proto as proto;
use tidegate_service::{
    Error,
    audit::{BeginExport, EventFilter, ResumeToken},
    installation::{Restore, RestoreAccounts, RestoreRealm, Restored, Voided, restored},
};

use crate::{
    actor::Actor,
    arrange::NEW_PASSWORD,
    expiries::Walk,
    not_me::not_me,
    owner::{Device, by_code, confirm_email},
    raw,
    recovery::begin,
    setting::Kasa,
    test_server::TestServer,
};

/// What is live, in the database. Notices of the restore itself wait.
const LIVE: [(&str, &str); 12] = [
    ("links", "links WHERE used_at IS NULL AND superseded_at IS NULL"),
    ("enrollments", "enrollments WHERE state IN ('awaiting_confirmation', 'confirmed', 'awaiting_proof')"),
    ("changes of addresses", "email_changes WHERE state IN ('asked', 'claimed')"),
    ("sign-ins", "sign_ins WHERE state NOT IN ('completed', 'cancelled')"),
    ("sessions", "sessions WHERE end_reason IS NULL"),
    ("devices", "devices"),
    ("challenges", "challenges WHERE state = 'open'"),
    ("requests for a passkey", "passkey_requests"),
    ("requests to reset a password", "recoveries"),
    ("responses with secrets", "requests WHERE secrets IS NOT NULL"),
    ("requests under way", "requests WHERE outcome IS NULL"),
    ("leases", "leases"),
];

/// A request for a passkey, of a product that takes none.
pub const PASSKEY_REQUEST: &str = "INSERT INTO passkey_requests (realm_id, challenge, product_key, material, expires_at) \
    SELECT realm_id, personal_key, 'kasa', personal_key, created_at FROM accounts LIMIT 1";

/// For so long sessions of the product can be refreshed.
const MONTH: Span = Span::days(30);

fn restore() -> Restore {
    Restore { by: "Ann Lee".parse().unwrap(), reason: "the disk was lost".parse().unwrap() }
}

async fn void(server: &TestServer) -> Voided {
    match restored(&server.app, &restore(), &[], |_, _| {}).await.unwrap() {
        Restored::Now(voided) => voided,
        other => panic!("{other:?}"),
    }
}

/// The sessions of the first product can be refreshed, and two owners have everything that can be issued.
async fn issued(server: &TestServer) -> (Walk, IssuedBefore) {
    let walk = Walk::begin(server).await;
    let kasa = &walk.kasa;
    kasa.admin.refreshing("kasa", MONTH).await;
    server.clock.advance(Span::seconds(30));
    let tablet = Device::remembered("trusted");
    let session =
        kasa.frontend.sign_in_with(&walk.ann.person, "kasa", &tablet, &walk.ann.enrolled.seed).await;
    server.clock.advance(Span::seconds(30));
    let (refresh, session_token) = (session.answer.refresh_token.clone(), session.token.clone());
    let pending = kasa.frontend.ok(begin(&session, "second")).await.enrollment.unwrap().id;
    let ready = kasa.frontend.begin(&walk.ann.person, "kasa", &tablet).await;
    assert_eq!(ready.state, SignInState::Ready, "the device is trusted");
    let begun = kasa.frontend.begin(&walk.ann.person, "kasa", &Device::new("other")).await;
    let mailbox = begun.offers.iter().find(|offer| offer.method() == Method::EmailCode).unwrap();
    kasa.frontend.challenge_of(&begun, &mailbox.factor_id).await;
    (walk, IssuedBefore { tablet, refresh, session_token, pending, ready })
}

struct IssuedBefore {
    tablet: Device,
    refresh: String,
    session_token: String,
    pending: String,
    ready: crate::owner::SignIn,
}

/// The kinds of events since the restore began.
async fn told(server: &TestServer, kind: &str) -> i64 {
    raw::count(server, &format!("SELECT count(*) FROM events WHERE fact LIKE '%\"{kind}\"%'")).await
}

fn tail(start: Start) -> proto::TailEventsRequest {
    proto::TailEventsRequest { start: Some(start), ..Default::default() }
}

/// The sequence numbers from a place on, and the token after them.
async fn read(actor: &Actor, start: Start, n: usize) -> (Vec<u64>, String) {
    let mut stream = actor.stream(tail(start)).await.unwrap();
    let (mut read, mut token) = (Vec::new(), String::new());
    while read.len() < n {
        let message = stream.one().await;
        token = message.resume_token;
        read.extend(message.event.map(|event| event.sequence));
    }
    (read, token)
}

on_both! {
    async fn inv_48_what_was_issued_before_a_restore_is_worth_nothing_after_it(server) {
        let (walk, issued) = Box::pin(issued(&server)).await;
        let (kasa, ann) = (&walk.kasa, &walk.ann);
        let code = kasa.code(ann);
        let sent = server.mails_to(&ann.person.email).await.len();
        // It waits to be sent.
        let waiting = kasa.frontend.begin(&ann.person, "kasa", &Device::new("waits")).await;
        let mailbox = waiting.offers.iter().find(|offer| offer.method() == Method::EmailCode).unwrap();
        server.clock.advance(Span::minutes(1));
        kasa.frontend.challenge_of(&waiting, &mailbox.factor_id).await;
        let (product, identifier) = ("kasa".to_owned(), ann.person.email.clone());
        kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
        let secret = proto::BeginSignInRequest {
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..kasa.frontend.begin_request(&ann.person, "kasa", &Device::new("repeats"))
        };
        kasa.frontend.ok(secret.clone()).await;
        server.clock.advance(Span::seconds(1));
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e60".into();
        kasa.frontend.ok(proto::BeginSignInRequest { request_id, ..secret }).await;
        let newest = "lease_until = (SELECT max(lease_until) FROM requests)";
        raw::change(&server, &format!("UPDATE requests SET outcome = NULL, secrets = NULL WHERE {newest}")).await;
        raw::change(&server, PASSKEY_REQUEST).await;
        server.seal().await;
        for (what, live) in LIVE {
            assert!(raw::count(&server, &format!("SELECT count(*) FROM {live}")).await > 0, "{what}");
        }
        let voided = void(&server).await;
        assert!(voided.sessions >= 3 && voided.totp == 1 && voided.recovery_codes == 1, "{voided:?}");

        for (what, live) in LIVE {
            let sql = format!("SELECT count(*) FROM {live}");
            assert_eq!(raw::count(&server, &sql).await, 0, "{what}");
        }
        for session in [&walk.ann.session.token, &walk.session.token, &issued.session_token] {
            let answer = kasa.frontend.ok(proto::IntrospectRequest { session_token: session.clone() }).await;
            assert!(!answer.active, "a session");
        }
        let client = Some(issued.tablet.client());
        let refresh = proto::RefreshSessionRequest { refresh_token: issued.refresh, client, ..Default::default() };
        assert_eq!(kasa.frontend.refused(refresh).await.name(), "SUBJECT_NOT_VALID", "a refresh token");
        let trusted = kasa.frontend.begin(&ann.person, "kasa", &issued.tablet).await;
        assert_eq!(trusted.state, SignInState::PendingChallenge, "a trusted device");
        assert!(kasa.frontend.finish(&issued.ready, &issued.tablet).await.is_err(), "a sign-in that was ready");

        let answer = proto::AnswerChallengeRequest {
            subject: walk.begun.subject(),
            challenge_id: walk.asked.clone(),
            answer: by_code(code.clone()),
            ..Default::default()
        };
        assert!(kasa.frontend.call(answer).await.is_err(), "a challenge of a sign-in under way");
        assert!(kasa.frontend.finish(&walk.begun, &Device::new("tablet")).await.is_err(), "a sign-in under way");
        for enrollment_id in [walk.enrollment.clone(), issued.pending] {
            let subject = walk.session.subject();
            let request = proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() };
            assert!(kasa.frontend.call(request).await.is_err(), "an enrollment under way");
        }

        let link = |kind: &str| walk.links[kind].clone();
        assert_ne!(kasa.frontend.redeem(&link("set-up")).await, Outcome::Approved);
        assert_eq!(kasa.frontend.ok(not_me(&link("notice"))).await.outcome(), Outcome::Superseded);
        for kind in ["verification", "change"] {
            let request = confirm_email(&link(kind), &walk.session);
            let answered = kasa.frontend.call(request).await;
            assert!(answered.is_err() || answered.is_ok_and(|answer| answer.outcome() != Outcome::Approved), "{kind}");
        }
        let reset = proto::CompleteRecoveryRequest {
            product: "kasa".into(),
            token: link("reset"),
            password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.ok(reset).await.outcome(), Outcome::Superseded, "a link to reset a password");

        // The codes that are right now count as used, and those after the next step are good.
        for step in 0..2 {
            let (begun, challenge) = kasa.asked(ann, "phone").await;
            let used = kasa.frontend.answer(&begun, &challenge, &kasa.code(ann)).await;
            assert_ne!(used.outcome(), Outcome::Approved, "step {step}");
            server.clock.advance(Span::seconds(30));
        }
        kasa.frontend.sign_in_with(&ann.person, "kasa", &Device::new("phone"), &ann.enrolled.seed).await;

        // Recovery codes are void, and the owner knows it. The code of before is not sent.
        let begun = kasa.frontend.begin(&ann.person, "kasa", &Device::new("phone")).await;
        assert!(begun.offers.iter().all(|offer| offer.method() != Method::RecoveryCodes));
        let mails = server.mails_to(&ann.person.email).await;
        let after: Vec<_> = mails[sent..].iter().map(|mail| mail.subject.clone()).collect();
        assert!(after.contains(&"Your recovery codes for Kasa are void".to_owned()), "{after:?}");
        assert!(mails[sent..].iter().all(|mail| mail.code.is_empty()), "{after:?}");

        let events = server.operator().ok(proto::ListEventsRequest {
            filter: Some(proto::EventFilter { kinds: vec!["database_restored".into()], ..Default::default() }),
            ..Default::default()
        }).await.events;
        assert!(events[0].data.contains("the disk was lost") && events[0].data.contains("Ann Lee"));
        assert_eq!(events[0].actor, "worker/restored");
        server.seal().await;
        assert!(server.operator().ok(proto::VerifyChainRequest::default()).await.valid);
    }

    /// What was voided would be issued again by a server that runs.
    async fn inv_48_nothing_is_voided_while_a_server_runs(server) {
        let other = server.rewrapper();
        let restore = async |gone: &[_]| restored(&server.app, &restore(), gone, |_, _| {}).await.unwrap();
        other.hold().await.unwrap();
        assert_eq!(restore(&[]).await, Restored::Running(1));
        let seen = other.holders().await.unwrap();
        server.clock.advance(Span::seconds(5));
        other.hold().await.unwrap();
        assert_eq!(restore(&seen).await, Restored::Running(1), "it was seen again");
        assert_eq!(told(&server, "database_restored").await, 0);
        // Its row came with the copy, or it has ended.
        assert!(matches!(restore(&other.holders().await.unwrap()).await, Restored::Now(_)));
        server.clock.advance(Span::seconds(31));
        assert!(matches!(restore(&[]).await, Restored::Now(_)));
    }

    /// More accounts than one transaction takes, and a program that is killed after each.
    async fn inv_48_a_restore_goes_on_where_it_was_killed(server) {
        let kasa = Kasa::open(&server).await;
        for number in 0..210 {
            let request = proto::CreateAccountRequest { external_id: format!("u-{number}"), ..Default::default() };
            kasa.admin.ok(request).await;
        }
        let owner = kasa.owner("ann").await;
        let (app, store) = (&server.app, &server.store);
        let first = raw::realm(&server).await;
        let now = server.now();
        store
            .tx("test", first, async |tx| tidegate_store::installation::begin_restore(tx, now).await)
            .await
            .unwrap();
        let begin = RestoreRealm { restore: restore(), timeline: 1 };
        app.work("restored", first, begin).await.unwrap();
        let after = tidegate_core::Id::MIN;
        app.work("restored", first, RestoreAccounts { after }).await.unwrap();
        let raised = "SELECT count(*) FROM accounts WHERE epoch = 1 AND external_id LIKE 'u-%'";
        assert_eq!(raw::count(&server, raised).await, 100, "a page, and then it was killed");
        let voided = void(&server).await;
        assert_eq!(voided.accounts, 111, "the rest");
        assert_eq!(raw::count(&server, raised).await, 210);
        assert_eq!(told(&server, "database_restored").await, 1);
        assert!(!kasa.is_active(&owner.session).await);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM installation WHERE restore_began_at IS NULL AND timeline = 1").await, 1);
        // Another restore voids everything again.
        assert_eq!(void(&server).await.accounts, 211);
        assert_eq!(told(&server, "database_restored").await, 2);
    }

    /// They do not know that a restore must be completed, nor of the digest in a resume token.
    async fn inv_48_programs_that_know_of_no_restore_do_not_serve_after_it(server) {
        raw::change(&server, "UPDATE installation SET min_binary = 10").await;
        void(&server).await;
        assert_eq!(raw::count(&server, "SELECT min_binary FROM installation").await, 17);
    }

    /// The tokens of programs that knew of no restore name no batch.
    async fn inv_48_a_place_without_a_digest_is_good_until_a_restore(server) {
        server.seal().await;
        let realm = raw::realm(&server).await;
        let context = SealContext::ResumeToken { realm, method: "export_events" };
        let place = Secret::new(1_i64.to_be_bytes().to_vec());
        let token = Keyring::new(&server.master()).seal(&context, &place, &*server.entropy).unwrap().0;
        let export = async || {
            let (from, to, after) = (None, None, Some(ResumeToken(token.clone())));
            let begin = BeginExport { filter: EventFilter::default(), from, to, after };
            server.app.ask(Agent::Worker { name: "test", realm }, begin).await.map(drop)
        };
        export().await.unwrap();
        void(&server).await;
        let refused = export().await.unwrap_err();
        assert!(matches!(refused, Error::Refused(Refusal::ResumeTokenNotValid)), "{refused:?}");
    }

    /// The record loses its end, and goes another way until it is longer than before.
    async fn inv_48_a_place_of_the_lost_record_is_refused_for_ever(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        server.seal().await;
        let kept = usize::try_from(raw::count(&server, "SELECT max(sequence) FROM events").await).unwrap();
        let (_, common) = read(&operator, Start::FromBeginning(true), kept).await;
        for number in 0..5 {
            operator.product(&format!("lost-{number}")).await;
        }
        server.seal().await;
        let (_, lost) = read(&operator, Start::FromBeginning(true), kept + 5).await;
        raw::change(&server, &format!("DELETE FROM events WHERE sequence > {kept}")).await;
        raw::change(&server, &format!("DELETE FROM chain WHERE last_sequence > {kept}")).await;
        let refused = async || {
            let mut stream = operator.stream(tail(Start::ResumeToken(lost.clone()))).await?;
            stream.next().await.map(drop)
        };
        assert_eq!(refused().await.unwrap_err().name(), "RESUME_TOKEN_NOT_VALID", "ahead of the record");
        for number in 0..5 {
            operator.product(&format!("new-{number}")).await;
        }
        server.seal().await;
        assert_eq!(refused().await.unwrap_err().name(), "RESUME_TOKEN_NOT_VALID", "as far as the record");
        for number in 5..9 {
            operator.product(&format!("new-{number}")).await;
        }
        server.seal().await;
        assert_eq!(refused().await.unwrap_err().name(), "RESUME_TOKEN_NOT_VALID", "the record has passed it");
        // The reader of the common part misses nothing.
        let (sequences, _) = read(&operator, Start::ResumeToken(common), 9).await;
        assert_eq!(sequences, (kept + 1..=kept + 9).map(|n| n as u64).collect::<Vec<_>>());
    }
}
