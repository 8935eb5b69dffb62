//! The database goes away and comes back: callers hear when to try again, and nothing is half done.

use tidegate_client::{Client, Refused};
use tidegate_proto as proto;
use tidegate_tests::postgres::{self, Line};
use tonic::Code;

use crate::{
    folder::Folder,
    owner::{Frontend, Realm, SignIn, begin_request, heard, row},
    program::eventually,
    server::Server,
};

/// A server whose way to its database can be cut, and the database itself.
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

    async fn create(&self, name: &str) -> Result<proto::CreateAccountResponse, Refused> {
        create(self.operator(), name).await
    }

    /// What was written, so that one without the other is seen.
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

#[tokio::test]
async fn while_the_database_is_away_callers_are_told_to_try_again() {
    let test = OutageTest::set_up().await;
    let before = test.written().await;
    assert_eq!(test.server.page("/readyz").await, (200, "ready\n".to_owned()));
    test.line.cut().await;

    let product = proto::GetProductRequest { product: "kasa".into() };
    let read = heard(test.operator().products().get_product(product).await).unwrap_err();
    let written = test.create("bob").await.unwrap_err();
    let signing_in = begin_request("ann", "phone");
    let signed_in = heard(test.frontend.client.sign_ins().begin_sign_in(signing_in).await).unwrap_err();
    for refused in [read, written, signed_in] {
        assert_eq!((refused.code, refused.name()), (Code::Unavailable, "UNAVAILABLE"), "{refused}");
        assert!(refused.retry_after.is_some(), "{refused}");
        assert!(refused.incident.as_ref().is_some_and(|id| id.starts_with("inc_")), "{refused}");
        assert_eq!(refused.message, "the call could not be carried out");
    }
    let away = "the database cannot be reached\n".to_owned();
    assert_eq!(test.server.page("/readyz").await, (503, away));
    assert_eq!(test.server.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(test.written().await, before);

    test.line.mend().await;
    eventually("a ready server", async || (test.server.page("/readyz").await.0 == 200).then_some(())).await;
    eventually("a call that works", async || test.create("bob").await.ok()).await;
    test.frontend.sign_in("ann", "phone").await;
    let ended = test.server.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn each_incident_is_found_in_the_log_with_its_cause() {
    let test = OutageTest::set_up().await;
    test.line.cut().await;
    let incident = test.create("bob").await.unwrap_err().incident.unwrap();
    let ended = test.server.stopped().await;
    let line = ended.err.lines().find(|line| line.contains(&incident));
    assert!(
        line.is_some_and(|line| line.contains("the database is not reachable")),
        "{incident} in {}",
        ended.err
    );
}

#[tokio::test]
async fn lost_connections_cost_one_call_at_most() {
    let test = OutageTest::set_up().await;
    // As many connections as there may be, all of them idle when the line is cut.
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

/// Without a password: so many at once would wait for each other.
async fn named(operator: Client, number: usize) -> Result<proto::CreateAccountResponse, Refused> {
    let request =
        proto::CreateAccountRequest { external_id: format!("account-{number}"), ..Default::default() };
    heard(operator.accounts().create_account(request).await)
}

#[tokio::test]
async fn inv_51_what_was_under_way_is_whole_or_not_at_all() {
    const ROWS: i64 = 6_000;
    let test = OutageTest::set_up().await;
    let import = async |operator: Client| {
        let rows = (1..).zip(1..=ROWS).map(|(line, number)| row(line, &format!("u-{number}")));
        operator.import_accounts(rows, |_| {}).await
    };
    let under_way = tokio::spawn(import(test.operator().clone()));
    // In the middle of a message, if each row were kept by itself.
    let kept = async || (test.folder.database.count("accounts").await > 1_200).then_some(());
    eventually("an import under way", kept).await;
    test.line.cut().await;
    let refused = under_way.await.unwrap().unwrap_err();
    assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");

    // Once PostgreSQL has noticed: who holds a lock still has a transaction open.
    let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL \
        AND pid <> pg_backend_pid()";
    eventually("the end of the transaction", async || {
        (test.folder.database.number(open).await == 0).then_some(())
    })
    .await;
    let [accounts, passwords, created, _] = test.written().await;
    assert_eq!((passwords, created), (accounts, accounts));
    // One account was there before; each message has 500 rows.
    assert_eq!((accounts - 1) % 500, 0, "{accounts}");
    assert!(accounts - 1 < ROWS, "the cut came too late");

    test.line.mend().await;
    let again = eventually("an import that works", async || import(test.operator().clone()).await.ok()).await;
    assert_eq!((again.failed_count, again.unchanged_count), (0, accounts - 1));
    assert_eq!(again.created_count + again.unchanged_count, ROWS);
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let test = OutageTest::set_up().await;
    let sign_in = test.frontend.begin("ann", "phone").await;
    postgres::hang_up(&test.url).await;
    let complete = async |sign_in: &SignIn| test.frontend.complete(sign_in).await;
    let completed = eventually("a call that works", async || match complete(&sign_in).await {
        Ok(completed) => Some(completed),
        Err(refused) => {
            assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
            None
        }
    })
    .await;
    assert!(completed.session.is_some());
}

#[tokio::test]
async fn serve_says_that_the_database_cannot_be_reached() {
    let url = postgres::database().await;
    let line = Line::to(&url).await;
    let folder = Folder::with(line.url());
    line.cut().await;
    for command in ["serve", "init", "migrate"] {
        let ended = folder.run(&[command]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("the database cannot be reached"), "{}", ended.err);
    }
    assert_eq!(folder.names().len(), 0);
}
