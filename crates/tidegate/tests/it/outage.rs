//! The database becomes unreachable and comes back. Callers are told when to retry, and nothing is half done.

use std::{collections::BTreeMap, ops::RangeInclusive};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;
use tidegate_tests::postgres::{self, Line};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::{
    folder::Folder,
    log::LogLines,
    owner::{Frontend, Realm, begin_request, heard, row},
    program::eventually,
    server::Server,
};

/// A server whose connections to its database can be cut, and the database itself.
struct OutageTest {
    line: Line,
    url: String,
    folder: Folder,
    server: Server,
    realm: Realm,
    frontend: Frontend,
}

impl OutageTest {
    async fn set_up() -> Self {
        let url = postgres::database().await;
        let line = Line::to(&url).await;
        let folder = Folder::with(&url);
        assert_eq!(folder.run(&["init"]).await.code, Some(0));
        let server = folder.serve(&[&format!("database.url={}", line.url())]).await;
        let realm = Realm::set_up(&server, &["ann"]).await;
        let frontend = realm.frontend(&server);
        Self { line, url, folder, server, realm, frontend }
    }

    fn operator(&self) -> &Client {
        &self.realm.operator
    }

    /// Another server on the same database and the same line. It waits only 100 ms for a connection.
    async fn hasty_server(&self) -> Server {
        let url = format!("database.url={}", self.line.url());
        self.folder.serve(&[&url, "database.acquire_timeout_ms=100"]).await
    }

    async fn create(&self, name: &str) -> Result<proto::CreateAccountResponse, Refused> {
        create(self.operator(), name).await
    }

    /// Counts of rows that are written together, so that a partial write shows.
    async fn written(&self) -> [i64; 4] {
        let database = &self.folder.database;
        let created = "SELECT COUNT(*) FROM events WHERE fact LIKE '%account_created%'";
        [
            database.count("accounts").await,
            database.count("passwords").await,
            database.number(created).await,
            database.count("sign_ins").await,
        ]
    }
}

async fn create(operator: &Client, name: &str) -> Result<proto::CreateAccountResponse, Refused> {
    let request = proto::CreateAccountRequest {
        external_id: name.to_owned(),
        email: format!("{name}@example.com"),
        password: "a password that is long enough".to_owned(),
        ..Default::default()
    };
    heard(operator.accounts().create_account(request).await)
}

/// Makes a call. If it met a broken connection, it must be told to retry, and the retry must succeed.
async fn once_more<T>(call: impl AsyncFn() -> Result<T, Refused>) -> T {
    match call().await {
        Ok(done) => done,
        Err(refused) => {
            assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
            call().await.unwrap_or_else(|refused| panic!("{refused}"))
        }
    }
}

#[tokio::test]
async fn while_the_database_is_away_callers_are_told_to_try_again() {
    let test = OutageTest::set_up().await;
    let hasty = test.hasty_server().await;
    let (operator, frontend) = (hasty.operator(), test.realm.frontend(&hasty));
    let before = test.written().await;
    assert_eq!(hasty.page("/readyz").await, (200, "ready\n".to_owned()));
    test.line.cut().await;

    let product = proto::GetProductRequest { product: "kasa".into() };
    let read = heard(operator.products().get_product(product).await).unwrap_err();
    let written = create(&operator, "bob").await.unwrap_err();
    let signing_in = begin_request("ann", "phone");
    let signed_in = heard(frontend.client.sign_ins().begin_sign_in(signing_in).await).unwrap_err();
    for refused in [read, written, signed_in] {
        assert_eq!((refused.code, refused.name()), (Code::Unavailable, "UNAVAILABLE"), "{refused}");
        assert!(refused.retry_after.is_some(), "{refused}");
        assert!(refused.incident.as_ref().is_some_and(|id| id.starts_with("inc_")), "{refused}");
        assert_eq!(refused.message, "the call could not be carried out");
    }
    let away = "the database cannot be reached\n".to_owned();
    eventually("a server that is not ready", async || {
        (hasty.page("/readyz").await == (503, away.clone())).then_some(())
    })
    .await;
    assert_eq!(hasty.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(test.written().await, before);

    test.line.mend().await;
    once_more(async || test.create("bob").await).await;
    test.frontend.sign_in("ann", "phone").await;
    eventually("a ready server", async || (hasty.page("/readyz").await.0 == 200).then_some(())).await;
    for server in [test.server, hasty] {
        let ended = server.stopped().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

/// More calls fail than the log writes lines, and each caller has a number that leads to one.
#[tokio::test]
async fn each_incident_is_found_in_the_log_with_its_cause() {
    const CALLS: usize = 60;
    let test = OutageTest::set_up().await;
    let url = format!("database.url={}", test.line.url());
    let hasty = test.folder.serve(&[&url, "database.acquire_timeout_ms=100", "log.format=json"]).await;
    let product = proto::GetProductRequest { product: "kasa".into() };
    // The credential is found, so that the calls fail where the product is read.
    heard(hasty.operator().products().get_product(product.clone()).await).unwrap();
    test.line.cut().await;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (operator, product) = (hasty.operator(), product.clone());
        calls.spawn(
            async move { heard(operator.products().get_product(product).await).unwrap_err().incident },
        );
    }
    let mut given = BTreeMap::<String, usize>::new();
    for incident in calls.join_all().await {
        *given.entry(incident.unwrap()).or_default() += 1;
    }
    assert!(given.len() < CALLS, "some share a number");
    let ended = hasty.stopped().await;
    let lines = LogLines::of(&ended);
    for (incident, calls) in given {
        let (written, left_out) = lines.count("a call failed", ("incident", &incident));
        assert_eq!(written + usize::try_from(left_out).unwrap(), calls, "{incident}");
        let line = ended.err.lines().find(|line| line.contains(&incident));
        assert!(line.is_some_and(|line| line.contains("the database is not reachable")), "{line:?}");
    }
    let mut failed = ended.err.lines().filter(|line| line.contains("a call failed"));
    assert!(failed.any(|line| line.contains("nothing listens there")), "{}", ended.err);
}

#[tokio::test]
async fn lost_connections_cost_one_call_at_most() {
    let test = OutageTest::set_up().await;
    // These calls fill the connection pool. All connections are idle when the line is cut.
    let calls: Vec<_> = (0..32).map(|number| tokio::spawn(named(test.operator().clone(), number))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    test.line.cut().await;
    test.line.mend().await;
    let mut failed = Vec::new();
    for number in 32..64 {
        if let Err(refused) = named(test.operator().clone(), number).await {
            assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
            failed.push(number);
        }
    }
    assert!(failed.len() <= 1, "{failed:?}");
    assert_eq!(test.folder.database.count("accounts").await, 65 - i64::try_from(failed.len()).unwrap());
}

/// Without a password, because so many hashes at once would queue.
async fn named(operator: Client, number: usize) -> Result<proto::CreateAccountResponse, Refused> {
    let request =
        proto::CreateAccountRequest { external_id: format!("account-{number}"), ..Default::default() };
    heard(operator.accounts().create_account(request).await)
}

#[tokio::test]
async fn inv_51_what_was_under_way_is_whole_or_not_at_all() {
    let test = OutageTest::set_up().await;
    let (messages, taken) = mpsc::channel(1);
    let mut accounts = test.operator().accounts();
    let import =
        tokio::spawn(async move { heard(accounts.import_accounts(ReceiverStream::new(taken)).await) });
    let rows = |lines: RangeInclusive<u64>| lines.map(|line| row(line, &format!("u-{line}"))).collect();
    messages.send(proto::ImportAccountsRequest { rows: rows(1..=500) }).await.unwrap();
    // One account was there before.
    let kept = async || (test.folder.database.count("accounts").await == 501).then_some(());
    eventually("the first message", kept).await;

    // The second message writes its accounts, and then waits for this lock to write its passwords.
    let mut holding = PgConnection::connect(&test.url).await.unwrap();
    holding.execute("BEGIN; LOCK TABLE passwords IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    messages.send(proto::ImportAccountsRequest { rows: rows(501..=1_000) }).await.unwrap();
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock' AND query LIKE '%INTO passwords%'";
    let waiting = async || (test.folder.database.number(waits).await > 0).then_some(());
    eventually("a message under way", waiting).await;
    test.line.cut().await;
    let refused = import.await.unwrap().unwrap_err();
    assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
    holding.execute("ROLLBACK").await.unwrap();

    // Waits until PostgreSQL has noticed the lost connection and has ended its transaction.
    let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL \
        AND pid <> pg_backend_pid()";
    eventually("the end of the transaction", async || {
        (test.folder.database.number(open).await == 0).then_some(())
    })
    .await;
    let [accounts, passwords, created, _] = test.written().await;
    assert_eq!((accounts, passwords, created), (501, 501, 501));

    test.line.mend().await;
    let again = once_more(async || test.operator().import_accounts(rows(1..=1_000), |_| {}).await).await;
    assert_eq!((again.failed_count, again.unchanged_count, again.created_count), (0, 500, 500));
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let test = OutageTest::set_up().await;
    let sign_in = test.frontend.begin("ann", "phone").await;
    postgres::hang_up(&test.url).await;
    let completed = once_more(async || test.frontend.complete(&sign_in).await).await;
    assert!(completed.session.is_some());
}

#[tokio::test]
async fn serve_says_that_the_database_cannot_be_reached() {
    let url = postgres::database().await;
    let line = Line::to(&url).await;
    let folder = Folder::with(line.url());
    line.cut().await;
    for command in ["serve", "init", "migrate"] {
        let ended = folder.run(&[command, "--set", "database.connect_timeout_ms=100"]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("the database cannot be reached"), "{}", ended.err);
    }
    assert_eq!(folder.names().len(), 0);
}

/// The server is stopped, or the network swallows what is sent: connections stay up, and nothing is answered.
#[tokio::test]
async fn while_the_database_is_silent_callers_are_told_to_try_again() {
    let test = OutageTest::set_up().await;
    let url = format!("database.url={}", test.line.url());
    let bounds = ["database.statement_timeout_ms=3000", "database.acquire_timeout_ms=1000"];
    let hasty = test.folder.serve(&[&url, bounds[0], bounds[1]]).await;
    let frontend = test.realm.frontend(&hasty);
    frontend.sign_in("ann", "phone").await;
    test.line.silence(true);
    // More than there are connections: the first ones wait for an answer, the others for a connection.
    let mut calls = JoinSet::new();
    for _ in 0..24 {
        let client = frontend.client.clone();
        calls.spawn(async move {
            heard(client.sign_ins().begin_sign_in(begin_request("ann", "phone")).await).unwrap_err()
        });
    }
    for refused in calls.join_all().await {
        assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
    }
    test.line.silence(false);
    eventually("a sign-in", async || {
        let begun = frontend.client.sign_ins().begin_sign_in(begin_request("ann", "phone")).await;
        heard(begun).ok()
    })
    .await;
    // The workers go on, too.
    test.folder.database.sealed().await;
    let ended = hasty.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The stop has a bound, and what it waited for is told.
#[tokio::test]
async fn sigterm_ends_it_though_the_database_is_silent() {
    let test = OutageTest::set_up().await;
    let url = format!("database.url={}", test.line.url());
    let patient = test.folder.serve(&[&url, "grpc.drain_ms=100", "grpc.close_ms=100"]).await;
    test.line.silence(true);
    let client = test.realm.frontend(&patient).client;
    let call =
        tokio::spawn(
            async move { heard(client.sign_ins().begin_sign_in(begin_request("ann", "phone")).await) },
        );
    let ended = patient.stopped().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "did not end within grpc.close_ms (100ms) and ends now; it waited for";
    assert!(ended.err.contains(said), "{}", ended.err);
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn sigterm_during_the_start_ends_it() {
    let url = postgres::database().await;
    let line = Line::to(&url).await;
    let folder = Folder::with(line.url());
    line.silence(true);
    let starting = folder.start(&["serve"]);
    // Signals are listened to before the first connection is opened.
    eventually("a connection", async || (line.opened() > 0).then_some(())).await;
    starting.signal("TERM");
    let ended = starting.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("SIGTERM: stopped before it served"), "{}", ended.err);
}

/// Another session locks a table that lists read and a row that commands write. What waits for them leaves connections
/// to the hot path.
#[tokio::test]
async fn locked_tables_and_heavy_lists_leave_connections_to_sign_ins() {
    let test = OutageTest::set_up().await;
    let acme =
        proto::CreateCustomerRequest { key: "acme".into(), title: "Acme".into(), ..Default::default() };
    let acme = heard(test.operator().customers().create_customer(acme).await).unwrap().customer.unwrap();
    let locks =
        "BEGIN; UPDATE customers SET title = title; LOCK TABLE rollout_hours IN ACCESS EXCLUSIVE MODE";
    let holding = test.folder.database.holding(locks).await;
    let (mut lists, mut writes) = (JoinSet::new(), JoinSet::new());
    for _ in 0..40 {
        let (lister, changer, etag) = (test.operator().clone(), test.operator().clone(), acme.etag.clone());
        lists.spawn(async move {
            let stats = proto::GetStatsRequest { rollout: "two-step".to_owned(), ..Default::default() };
            heard(lister.rollouts().get_stats(stats).await).unwrap();
        });
        writes.spawn(async move {
            let (customer, title) = ("acme".to_owned(), "Acme Inc".to_owned());
            let mut request = proto::UpdateCustomerRequest { customer, title, etag, ..Default::default() };
            request.update_mask.get_or_insert_default().paths.push("title".to_owned());
            heard(changer.customers().update_customer(request).await).is_ok()
        });
    }
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let stuck = async || (test.folder.database.number(waits).await >= 4).then_some(());
    eventually("calls that wait for the table", stuck).await;
    let sign_in = test.frontend.begin("ann", "phone").await;
    let completed = test.frontend.complete(&sign_in).await.unwrap();
    let introspect = proto::IntrospectRequest { session_token: completed.session_token };
    let shown = heard(test.frontend.client.sessions().introspect(introspect).await).unwrap();
    assert!(shown.session.is_some());
    drop(holding);
    lists.join_all().await;
    let written = writes.join_all().await.into_iter().filter(|written| *written).count();
    assert_eq!(written, 1, "the others named an etag that was no longer current");
}
