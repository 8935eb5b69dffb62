//! A database that fails in the middle of a sign-in: every error is typed, and no failure yields a session or asks for
//! less than is required (INV-51).

use std::os::unix::fs::FileExt as _;

use proto::{Level, ProofOutcome as Outcome, SignInState};
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;
use tidegate_service::{App, Pulses, Unready};
use tidegate_store::{Pooler, Settings, Store};
use tidegate_tests::{
    TIMEOUT,
    postgres::{self, Line},
};
use tonic::Code;

use crate::{
    actor::Actor,
    owner::{Device, SignIn, by_code},
    raw,
    serving::PATIENT,
    setting::{Kasa, Owner, wrong},
    test_server::TestServer,
};

/// Every refusal has a reason; what failed inside has an incident number too.
fn typed(refused: &Refused) {
    assert!(refused.reason.is_some(), "{refused:?}");
    if matches!(refused.code, Code::Internal | Code::Unavailable) {
        assert!(refused.incident.is_some(), "{refused:?}");
    }
}

/// Whether the call was answered. A refusal must be a typed one.
fn answered<T>(answer: Result<T, Refused>) -> Option<T> {
    answer.inspect_err(typed).ok()
}

/// A sign-in with the right password never becomes more than a question for the second step.
async fn begins(caller: &Actor, owner: &Owner) -> Option<SignIn> {
    let request = caller.begin_request(&owner.person, "kasa", &Device::new("tablet"));
    let begun = answered(caller.call(request).await)?;
    let sign_in = begun.sign_in.unwrap();
    assert!(
        matches!(sign_in.state(), SignInState::PendingChallenge | SignInState::Denied),
        "{:?} without a second step",
        sign_in.state()
    );
    (sign_in.state() == SignInState::PendingChallenge).then_some(SignIn {
        token: begun.sign_in_token,
        state: SignInState::PendingChallenge,
        offers: sign_in.offers,
    })
}

async fn completes(caller: &Actor, sign_in: &SignIn) -> Option<proto::CompleteSignInResponse> {
    answered(
        caller.call(proto::CompleteSignInRequest { subject: sign_in.subject(), ..Default::default() }).await,
    )
}

/// A sign-in that has passed no second step, by every call that a thief of the password could make.
async fn gets_nothing(caller: &Actor, sign_in: &SignIn, challenge: Option<&str>, code: &str) {
    if let Some(done) = completes(caller, sign_in).await {
        assert_eq!((done.session, done.session_token.as_str()), (None, ""));
    }
    let Some(challenge) = challenge else { return };
    let request = proto::AnswerChallengeRequest {
        subject: sign_in.subject(),
        challenge_id: challenge.to_owned(),
        answer: by_code(wrong(code)),
        ..Default::default()
    };
    if let Some(told) = answered(caller.call(request).await) {
        assert_ne!(told.outcome(), Outcome::Approved);
    }
    if let Some(done) = completes(caller, sign_in).await {
        assert_eq!((done.session, done.session_token.as_str()), (None, ""));
    }
}

/// What a sign-in reads or writes.
const TABLES: [&str; 20] = [
    "accounts",
    "attempts",
    "chain",
    "challenges",
    "credentials",
    "deliveries",
    "devices",
    "email_changes",
    "enrollments",
    "events",
    "factors",
    "ledger",
    "links",
    "passwords",
    "products",
    "recovery_codes",
    "rollouts",
    "sends",
    "sessions",
    "sign_ins",
];

/// As if nobody had guessed yet.
async fn forgives(server: &TestServer) {
    raw::change(server, "UPDATE attempts SET in_hour = 0, in_day = 0, in_row = 0").await;
    raw::change(server, "UPDATE challenges SET tries = 0").await;
}

impl Kasa {
    /// A sign-in that passed its second step, and is not completed yet.
    async fn passed_second_step(&self, owner: &Owner) -> SignIn {
        self.server.clock.advance(Span::seconds(30));
        let (begun, challenge) = self.asked(owner, "passed").await;
        let right = self.frontend.answer(&begun, &challenge, &self.code(owner)).await;
        assert_eq!(right.outcome(), Outcome::Approved);
        begun
    }
}

on_both! {
    /// Each table is away in turn. A restarted server has nothing in its cache.
    async fn inv_51_no_table_that_fails_makes_a_sign_in_weaker(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (asked, challenge) = kasa.asked(&owner, "asked").await;
        let mut passed = kasa.passed_second_step(&owner).await;
        let mut failed = 0;
        for table in TABLES {
            let restarted = server.reopened().await;
            let cold = kasa.frontend.at(restarted.channel.clone());
            raw::alter(&server, &format!("ALTER TABLE {table} RENAME TO {table}_away")).await;
            let begun = begins(&cold, &owner).await;
            failed += usize::from(begun.is_none());
            if let Some(begun) = begun {
                gets_nothing(&cold, &begun, None, "").await;
            }
            let mut completed = false;
            for caller in [&cold, &kasa.frontend] {
                gets_nothing(caller, &asked, Some(&challenge), &kasa.code(&owner)).await;
                if let Some(session) = completes(caller, &passed).await.and_then(|done| done.session) {
                    assert_eq!(session.level(), Level::Aal2, "{table}: the proof counts in full or not at all");
                    completed = true;
                }
                let introspect = proto::IntrospectRequest { session_token: owner.session.token.clone() };
                if let Some(shown) = answered(caller.call(introspect).await) {
                    assert!(shown.session.is_none_or(|session| session.level() == Level::Aal1), "{table}");
                }
            }
            raw::alter(&server, &format!("ALTER TABLE {table}_away RENAME TO {table}")).await;
            forgives(&server).await;
            if completed {
                passed = kasa.passed_second_step(&owner).await;
            }
        }
        assert!(failed > 4, "the tables are used: {failed}");
    }
}

/// The connection breaks at each statement in turn: of a sign-in that begins, of one that waits for its second step, and
/// of one that has passed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_51_a_connection_that_breaks_at_any_statement_makes_no_session() {
    let line = Line::to(&postgres::database().await).await;
    let server = TestServer::at(line.url().to_owned(), PATIENT).await;
    let kasa = Kasa::open(&server).await;
    let owner = kasa.owner("ann").await;
    let sessions = async || raw::count(&server, "SELECT count(*) FROM sessions WHERE ended_at IS NULL").await;
    let mut broken = [0; 3];
    loop {
        line.break_at(broken[0] + 1);
        begins(&kasa.frontend, &owner).await;
        if !line.broke() {
            break;
        }
        broken[0] += 1;
        // A guess that was charged and lost takes a place for a while.
        server.clock.advance(Span::hours(1));
        assert_eq!(sessions().await, 1, "the one that enrolled");
    }
    line.break_at(0);
    server.clock.advance(Span::hours(1));
    let (asked, challenge) = kasa.asked(&owner, "asked").await;
    loop {
        line.break_at(broken[1] + 1);
        gets_nothing(&kasa.frontend, &asked, Some(&challenge), &kasa.code(&owner)).await;
        if !line.broke() {
            break;
        }
        broken[1] += 1;
        assert_eq!(sessions().await, 1, "the one that enrolled");
        forgives(&server).await;
    }
    line.break_at(0);
    let passed = kasa.passed_second_step(&owner).await;
    loop {
        line.break_at(broken[2] + 1);
        let session = completes(&kasa.frontend, &passed).await.and_then(|done| done.session);
        line.break_at(0);
        let made = sessions().await - 1;
        assert!(made <= 1 && session.is_none_or(|session| made == 1 && session.level() == Level::Aal2));
        if made == 1 {
            break;
        }
        broken[2] += 1;
    }
    assert!(broken.iter().all(|statements| *statements > 2), "{broken:?}");
    line.break_at(0);
    assert_eq!(raw::idle_in_transaction(&server).await, 0);
}

/// A write that is confirmed is stored, and one that is refused is stored as a whole or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_51_what_is_confirmed_is_stored_wherever_the_connection_breaks() {
    let line = Line::to(&postgres::database().await).await;
    let server = TestServer::at(line.url().to_owned(), PATIENT).await;
    let operator = server.operator();
    let create = |external_id: String| proto::CreateAccountRequest { external_id, ..Default::default() };
    operator.ok(create("before".to_owned())).await;
    for message in 1.. {
        let name = format!("person-{message}");
        line.break_at(message);
        let confirmed = answered(operator.call(create(name.clone())).await).is_some();
        let broke = line.broke();
        line.break_at(0);
        let stored =
            raw::count(&server, &format!("SELECT count(*) FROM accounts WHERE external_id = '{name}'")).await;
        let events = "SELECT count(*) FROM events JOIN accounts USING (account_id) WHERE fact LIKE '%account_created%'";
        let told = raw::count(&server, &format!("{events} AND external_id = '{name}'")).await;
        assert!(stored == told && (stored == 1 || !confirmed), "{message}: {stored}, {told}, {confirmed}");
        if !broke {
            assert!(confirmed && message > 3, "{message}");
            break;
        }
    }
}

/// Each statement has a transaction around it, as through a pooler, or has none.
async fn without_pooler_and_as_with_one(test: impl AsyncFn(Pooler, &Line, &Kasa, &Actor)) {
    for pooler in [Pooler::None, Pooler::Transaction] {
        let line = Line::to(&postgres::database().await).await;
        let server = TestServer::at(line.url().to_owned(), PATIENT).await;
        let kasa = Kasa::open(&server).await;
        let settings = Settings { url: line.url().to_owned(), connections: 1, timeouts: PATIENT, pooler };
        let store = Store::open(&settings).await.unwrap();
        let there = server.served(store.clone(), App::new(server.parts(&store))).await;
        test(pooler, &line, &kasa, &kasa.frontend.at(there.channel.clone())).await;
    }
}

/// A charge that is not confirmed is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_08_no_guess_is_looked_at_uncharged_wherever_the_connection_breaks() {
    without_pooler_and_as_with_one(async |pooler, line, kasa, there| {
        let (server, owner) = (&kasa.server, kasa.owner("ann").await);
        let (asked, challenge) = kasa.asked(&owner, "asked").await;
        let events = "SELECT count(*) FROM events WHERE fact LIKE '%challenge_answered%wrong_answer%'";
        for message in 1.. {
            let before = raw::count(server, events).await;
            is_connected(there, &asked).await;
            line.break_at(message);
            let told = answers(there, &asked, &challenge, wrong(&kasa.code(&owner))).await;
            let broke = line.broke();
            line.break_at(0);
            let charged = raw::count(server, "SELECT sum(tries) FROM challenges").await;
            let looked_at = raw::count(server, events).await - before;
            let is_told = told == Some(Outcome::WrongAnswer);
            assert!(looked_at <= charged && i64::from(is_told) <= charged, "{pooler:?}, {message}: {told:?}");
            if !broke {
                assert!(is_told && message > 3, "{pooler:?}, {message}: {told:?}");
                break;
            }
            forgives(server).await;
        }
    })
    .await;
}

/// An approval that is not confirmed is none, and one that was told is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_51_an_approval_that_is_told_is_stored_wherever_the_connection_breaks() {
    without_pooler_and_as_with_one(async |pooler, line, kasa, there| {
        let (server, owner) = (&kasa.server, kasa.owner("ann").await);
        let approved = "SELECT count(*) FROM challenges WHERE state = 'approved'";
        for message in 1.. {
            server.clock.advance(Span::seconds(30));
            let (asked, challenge) = kasa.asked(&owner, "asked").await;
            let before = raw::count(server, approved).await;
            is_connected(there, &asked).await;
            line.break_at(message);
            let told = answers(there, &asked, &challenge, kasa.code(&owner)).await;
            let broke = line.broke();
            line.break_at(0);
            let stored = raw::count(server, approved).await - before;
            let is_told = told == Some(Outcome::Approved);
            assert!(stored == 1 || !is_told, "{pooler:?}, {message}: {told:?}");
            if !broke {
                assert!(is_told && message > 3, "{pooler:?}, {message}: {told:?}");
                break;
            }
            forgives(server).await;
        }
    })
    .await;
}

/// The one connection is open, so that the messages of an answer are the same each time.
async fn is_connected(caller: &Actor, sign_in: &SignIn) {
    // The first one may find that it is broken.
    let _ = caller.call(proto::GetSignInRequest { subject: sign_in.subject() }).await;
    caller.ok(proto::GetSignInRequest { subject: sign_in.subject() }).await;
}

async fn answers(caller: &Actor, sign_in: &SignIn, challenge: &str, code: String) -> Option<Outcome> {
    let (subject, challenge_id, answer) = (sign_in.subject(), challenge.to_owned(), by_code(code));
    let request = proto::AnswerChallengeRequest { subject, challenge_id, answer, ..Default::default() };
    answered(caller.call(request).await).map(|told| told.outcome())
}

/// A page of the file is overwritten. Other pages can be read, and the file is not trusted any more.
#[tokio::test]
async fn damaged_data_that_a_call_has_read_keeps_the_server_unready() {
    let server = TestServer::sqlite().await;
    let operator = server.operator();
    let (key, title) = ("acme".to_owned(), "Acme".to_owned());
    operator.ok(proto::CreateCustomerRequest { key, title, ..Default::default() }).await;
    assert_eq!(raw::count(&server, "PRAGMA wal_checkpoint(TRUNCATE)").await, 0, "not busy");
    let size = raw::count(&server, "SELECT page_size FROM pragma_page_size").await;
    let page = raw::count(&server, "SELECT rootpage FROM sqlite_master WHERE name = 'customers'").await;
    let path = server.url.strip_prefix("sqlite:").unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let place = u64::try_from(size * (page - 1)).unwrap();
    file.write_all_at(&vec![0xff; usize::try_from(size).unwrap()], place).unwrap();
    let pulses = Pulses::new(server.app.clone(), raw::realm(&server).await, TIMEOUT);
    assert_eq!(pulses.take().await, None, "nothing was read of it");
    let refused = operator.refused(proto::ListCustomersRequest::default()).await;
    assert_eq!(refused.code, Code::Internal, "{refused}");
    tokio::time::timeout(TIMEOUT, pulses.is_asked()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(pulses.take().await, Some(Unready::Corrupt));
    }
}
