//! Many callers act on one database at once, through one process on SQLite and through two on PostgreSQL.

use std::collections::BTreeMap;

use tidegate_client::Refused;
use tidegate_proto::{self as proto, ProofOutcome};
use tokio::task::JoinSet;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Frontend, Realm, SignIn, answer_request, begin_request, by_password, heard},
    server::Server,
};

/// Calls at once.
const MANY: usize = 64;

on_both_engines! {
    inv_01_one_code_approves_once_and_makes_one_session,
    inv_01_one_code_approves_one_of_three_sign_ins,
    inv_08_parallel_guesses_take_no_more_than_a_challenge_has,
    inv_08_parallel_guesses_take_no_more_than_an_hour_has,
    inv_08_parallel_passwords_take_no_more_than_are_free,
    inv_58_one_request_id_is_carried_out_once,
    inv_58_calls_that_overtake_each_other_get_one_session,
    inv_58_a_wrong_answer_that_is_retried_is_charged_once,
}

/// The processes that serve one database, and a back end that calls all of them.
struct RaceTest {
    folder: Folder,
    _servers: Vec<Server>,
    doors: Vec<Frontend>,
}

impl RaceTest {
    async fn on(engine: Engine, names: &[&str]) -> Self {
        let folder = Folder::installed(engine).await;
        // So many hashes may run at once that no call queues: the tests are about the charges.
        let set = ["limits.password_hashes=64"];
        let mut servers = vec![folder.serve(&set).await];
        if engine == Engine::Postgres {
            servers.push(folder.serve(&set).await);
        }
        let realm = Realm::set_up(&servers[0], names).await;
        let doors = servers.iter().map(|server| realm.frontend(server)).collect();
        Self { folder, _servers: servers, doors }
    }

    fn door(&self) -> &Frontend {
        &self.doors[0]
    }

    /// Makes the same call many times at once, and spreads the calls over the processes.
    async fn at_once<T, F>(&self, times: usize, call: impl Fn(usize, Frontend) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for number in 0..times {
            calls.spawn(call(number, self.doors[number % self.doors.len()].clone()));
        }
        calls.join_all().await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.folder.database.number(sql).await
    }

    /// How many events of this kind have this word in their fact.
    async fn events(&self, kind: &str, text: &str) -> i64 {
        // A whole word: "approved" is not "already_approved".
        let word = if text.is_empty() { String::new() } else { format!("\"{text}\"") };
        let sql =
            format!("SELECT COUNT(*) FROM events WHERE fact LIKE '%\"{kind}\"%' AND fact LIKE '%{word}%'");
        self.number(&sql).await
    }

    async fn challenged(&self, name: &str, device: &str) -> (SignIn, String) {
        let sign_in = self.door().begin(name, device).await;
        assert_eq!(sign_in.state, proto::SignInState::PendingChallenge);
        let challenge = self.door().challenge(&sign_in).await;
        (sign_in, challenge)
    }

    /// How often each outcome came.
    async fn answer(&self, asked: &[(SignIn, String)], code: &str, times: usize) -> Counts {
        let answer = |number: usize, door: Frontend| {
            let ((sign_in, challenge), code) = (asked[number % asked.len()].clone(), code.to_owned());
            async move { door.answer(&sign_in, &challenge, &code).await }
        };
        count(self.at_once(times, answer).await)
    }
}

/// A code of the right form. The chance that it is right is about one in a million.
const WRONG: &str = "000000";

/// The sign-in ended meanwhile.
const ENDED: &str = "ended";

type Counts = BTreeMap<&'static str, usize>;

fn count(answers: Vec<Result<proto::AnswerChallengeResponse, Refused>>) -> Counts {
    let mut counts = Counts::new();
    for answer in answers {
        let name = match &answer {
            Ok(answer) => answer.outcome().as_str_name().trim_start_matches("PROOF_OUTCOME_"),
            Err(refused) if refused.name() == "SUBJECT_NOT_VALID" => ENDED,
            Err(refused) => panic!("{refused}"),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// One answer was approved. All others were told that the code was used, or that every try was under way.
fn approved_once(counts: &Counts, others: &[&str]) {
    assert_eq!(counts.get("APPROVED"), Some(&1), "{counts:?}");
    let known = |outcome: &&str| *outcome == "APPROVED" || others.contains(outcome);
    assert!(counts.keys().all(known), "{counts:?}");
}

async fn inv_01_one_code_approves_once_and_makes_one_session(engine: Engine) {
    let names = ["ann", "bob", "cem", "dan", "eve", "fay", "gus", "hal"];
    let test = RaceTest::on(engine, &names).await;
    for name in names {
        let mut authenticator = test.door().enrolled(name).await;
        let asked = [test.challenged(name, "tablet").await];
        let code = authenticator.next_code(test.door()).await;
        approved_once(&test.answer(&asked, &code, MANY).await, &["ALREADY_APPROVED", "USED_UP"]);
        let [(sign_in, _)] = asked;
        let complete = |_: usize, door: Frontend| {
            let sign_in = sign_in.clone();
            async move { door.complete(&sign_in).await }
        };
        let completed = test.at_once(8, complete).await;
        let sessions = completed.iter().flatten().filter(|made| made.session.is_some()).count();
        assert_eq!(sessions, 1, "{completed:?}");
        let refused = completed.iter().filter_map(|made| made.as_ref().err());
        assert!(refused.clone().all(|refused| refused.name() == "SIGN_IN_STATE"), "{completed:?}");
    }
    assert_eq!(test.events("challenge_answered", "approved").await, 8);
    // A replay changes no counter, and success forgives what was charged (INV-6, INV-9).
    assert_eq!(test.number("SELECT COUNT(*) FROM challenges WHERE tries <> 1").await, 0);
    assert_eq!(test.number("SELECT COUNT(*) FROM attempts WHERE in_hour <> 0 OR in_row <> 0").await, 0);
}

async fn inv_01_one_code_approves_one_of_three_sign_ins(engine: Engine) {
    let names = ["ann", "bob", "cem", "dan"];
    let test = RaceTest::on(engine, &names).await;
    for name in names {
        let mut authenticator = test.door().enrolled(name).await;
        let mut asked = Vec::new();
        for device in ["tablet", "laptop", "watch"] {
            asked.push(test.challenged(name, device).await);
        }
        let code = authenticator.next_code(test.door()).await;
        let counts = test.answer(&asked, &code, MANY).await;
        approved_once(&counts, &["ALREADY_APPROVED", "REPLAYED", "USED_UP", "SLOWED"]);
        let mut sessions = 0;
        for (sign_in, challenge) in &asked {
            sessions += usize::from(test.door().complete(sign_in).await.is_ok());
            cancel(test.door(), sign_in, challenge).await;
        }
        assert_eq!(sessions, 1);
    }
    assert_eq!(test.events("challenge_answered", "approved").await, 4);
}

async fn inv_08_parallel_guesses_take_no_more_than_a_challenge_has(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    let mut authenticator = test.door().enrolled("ann").await;
    let asked = [test.challenged("ann", "tablet").await];
    let counts = test.answer(&asked, WRONG, MANY).await;
    assert_eq!(counts, Counts::from([("WRONG_ANSWER", 4), ("USED_UP", MANY - 4)]));
    assert_eq!(test.number("SELECT tries FROM challenges").await, 5);
    assert_eq!(test.number("SELECT MAX(in_hour) FROM attempts").await, 5);
    assert_eq!(test.events("challenge_answered", "wrong_answer").await, 4);
    assert_eq!(test.events("challenge_answered", "used_up").await, 1);
    // The right code is too late for this challenge, and is accepted for the next one.
    let code = authenticator.next_code(test.door()).await;
    assert_eq!(test.answer(&asked, &code, 1).await, Counts::from([("USED_UP", 1)]));
    let asked = [test.challenged("ann", "laptop").await];
    assert_eq!(test.answer(&asked, &code, 1).await, Counts::from([("APPROVED", 1)]));
}

async fn inv_08_parallel_guesses_take_no_more_than_an_hour_has(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    let mut authenticator = test.door().enrolled("ann").await;
    let mut asked = Vec::new();
    for device in ["tablet", "laptop", "watch"] {
        asked.push(test.challenged("ann", device).await);
    }
    let counts = test.answer(&asked, WRONG, MANY).await;
    let told = async |outcome| test.events("challenge_answered", outcome).await;
    let looked_at = told("").await - told("slowed").await;
    assert_eq!(looked_at, 10, "{counts:?}");
    assert_eq!(test.number("SELECT CAST(SUM(tries) AS BIGINT) FROM challenges").await, 10);
    assert_eq!(test.number("SELECT MAX(in_hour) FROM attempts").await, 10);
    // The tenth one ended the sign-ins, because somebody may know the password.
    let not_looked_at = counts.iter().filter(|(outcome, _)| ["SLOWED", ENDED].contains(*outcome));
    assert!(not_looked_at.map(|(_, count)| count).sum::<usize>() > 0, "{counts:?}");
    assert_eq!(test.number("SELECT COUNT(*) FROM passwords WHERE demanded_at IS NOT NULL").await, 1);
    test.folder.database.run("UPDATE passwords SET demanded_at = NULL").await;
    // While the factor is slowed down, right and wrong codes get the same reply (INV-12).
    let (sign_in, challenge) = test.challenged("ann", "console").await;
    let code = authenticator.next_code(test.door()).await;
    let right = test.door().answer(&sign_in, &challenge, &code).await.unwrap();
    let wrong = test.door().answer(&sign_in, &challenge, WRONG).await.unwrap();
    assert_eq!((right.outcome(), right.retry_time.is_some()), (ProofOutcome::Slowed, true));
    assert_eq!(right, wrong);
}

async fn inv_08_parallel_passwords_take_no_more_than_are_free(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    let begin = |number: usize, door: Frontend| {
        let mut request = begin_request("ann", "phone");
        request.first_factor = by_password(format!("a guess, the {number}th"));
        async move { heard(door.client.sign_ins().begin_sign_in(request).await).unwrap() }
    };
    let answers = test.at_once(MANY, begin).await;
    // Whether a password was looked at is told by `retry_time` alone.
    for answer in answers {
        let sign_in = proto::SignIn { state: proto::SignInState::Denied.into(), ..Default::default() };
        let denied = proto::BeginSignInResponse { sign_in: Some(sign_in), ..Default::default() };
        assert_eq!(proto::BeginSignInResponse { retry_time: None, ..answer }, denied);
    }
    let looked_at = test.events("sign_in_denied", "wrong_password").await;
    assert!((4..=7).contains(&looked_at), "{looked_at}");
    assert_eq!(test.number("SELECT MAX(in_row) FROM attempts").await, looked_at);
    // Each server records the first one that it slows, and counts the others for a minute.
    let slowed = test.events("sign_in_denied", "slowed").await;
    assert!((1..=4).contains(&slowed), "{slowed}");
}

async fn inv_58_one_request_id_is_carried_out_once(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    let mut authenticator = test.door().enrolled("ann").await;
    let id = "0192f0c1-0000-7000-8000-000000000001";
    let sign_ins = test.folder.database.count("sign_ins").await;

    let begin = |_: usize, door: Frontend| {
        let request = proto::BeginSignInRequest { request_id: id.into(), ..begin_request("ann", "tablet") };
        async move { heard(door.client.sign_ins().begin_sign_in(request).await) }
    };
    let sign_in = SignIn::of(one(test.at_once(MANY, begin).await));
    assert_eq!(test.folder.database.count("sign_ins").await, sign_ins + 1);
    assert!(sign_in.token.starts_with("tgi_"), "no token");

    let challenge = test.door().challenge(&sign_in).await;
    let code = authenticator.next_code(test.door()).await;
    let answer = |_: usize, door: Frontend| {
        let request = answer_request(&sign_in, &challenge, &code);
        let request = proto::AnswerChallengeRequest { request_id: id.into(), ..request };
        async move { heard(door.client.challenges().answer_challenge(request).await) }
    };
    assert_eq!(one(test.at_once(MANY, answer).await).outcome(), ProofOutcome::Approved);
    assert_eq!(test.events("challenge_answered", "").await, 1);

    let other = proto::BeginSignInRequest { request_id: id.into(), ..begin_request("ann", "another-tablet") };
    let refused = heard(test.door().client.sign_ins().begin_sign_in(other).await).unwrap_err();
    assert_eq!(refused.name(), "REQUEST_ID_REUSED");
}

async fn inv_58_calls_that_overtake_each_other_get_one_session(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    for round in 1..=5 {
        let sign_in = test.door().begin("ann", "phone").await;
        let complete = |_: usize, door: Frontend| {
            let request = proto::CompleteSignInRequest {
                subject: Some(sign_in.subject()),
                request_id: format!("0192f0c1-0000-7000-8000-{round:012}"),
                ..Default::default()
            };
            async move { heard(door.client.sign_ins().complete_sign_in(request).await) }
        };
        let completed = one(test.at_once(MANY, complete).await);
        assert!(completed.session_token.starts_with("tgs_") && !completed.secret_withheld);
        assert_eq!(test.folder.database.count("sessions").await, round);
    }
}

async fn inv_58_a_wrong_answer_that_is_retried_is_charged_once(engine: Engine) {
    let test = RaceTest::on(engine, &["ann"]).await;
    test.door().enrolled("ann").await;
    let (sign_in, challenge) = test.challenged("ann", "tablet").await;
    let answer = |_: usize, door: Frontend| {
        let id = "0192f0c1-0000-7000-8000-000000000002";
        let request = answer_request(&sign_in, &challenge, WRONG);
        let request = proto::AnswerChallengeRequest { request_id: id.into(), ..request };
        async move { heard(door.client.challenges().answer_challenge(request).await) }
    };
    let answered = one(test.at_once(MANY, answer).await);
    assert_eq!((answered.outcome(), answered.tries_left), (ProofOutcome::WrongAnswer, Some(4)));
    assert_eq!(test.number("SELECT MAX(tries) FROM challenges").await, 1);
    assert_eq!(test.number("SELECT MAX(in_hour) FROM attempts").await, 1);
}

/// The answer, which must be the same for all of them.
fn one<T: PartialEq + std::fmt::Debug>(answers: Vec<Result<T, Refused>>) -> T {
    let mut answers: Vec<T> =
        answers.into_iter().map(|answer| answer.unwrap_or_else(|refused| panic!("{refused}"))).collect();
    let first = answers.pop().unwrap();
    for other in answers {
        assert_eq!(other, first);
    }
    first
}

async fn cancel(door: &Frontend, sign_in: &SignIn, challenge: &str) {
    let request = proto::CancelChallengeRequest {
        subject: Some(sign_in.subject()),
        challenge_id: challenge.to_owned(),
        ..Default::default()
    };
    heard(door.client.challenges().cancel_challenge(request).await).unwrap();
}
