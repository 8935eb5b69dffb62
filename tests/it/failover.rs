//! The database moves: a standby is promoted under traffic, a server is read-only for a while, another database stands in
//! the place of the one that is served.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tidegate_core::{RealmId, Role};
use tidegate_proto::{self as proto, DecisionReason as Why, ErrorReason};
use tidegate_store::{OpenError, Pooler, Settings, Store, Timeouts, installation};
use tidegate_tests::postgres::{self, Durable};

use crate::{serving::PATIENT, test_server::TestServer};

/// Long enough to ask a server what it is.
const SHORT: Duration = Duration::from_millis(500);

async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

fn create(name: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest { external_id: name.to_owned(), ..Default::default() }
}

fn database_name(url: &str) -> String {
    url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The socket folder that a test server's URL names.
fn host(url: &str) -> String {
    url.split_once("host=").unwrap().1.split('&').next().unwrap().to_owned()
}

/// Every commit that was confirmed is on the standby too, because it is synchronous. While the standby is not promoted,
/// nothing is read from it either: it may lack the end of a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_write_is_lost_when_a_standby_is_promoted_under_traffic() {
    let (primary, standby) = tokio::task::spawn_blocking(|| {
        let primary = Durable::start().unwrap();
        let standby = primary.standby().unwrap();
        (primary, standby)
    })
    .await
    .unwrap();
    run(&primary.url("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    run(&primary.url("postgres"), "SELECT pg_reload_conf()").await;
    let both = format!(
        "postgres:///postgres?host={},{}&port=5432&user=postgres",
        host(&primary.url("postgres")),
        host(&standby.url("postgres"))
    );
    let server = TestServer::at(both, PATIENT).await;
    let operator = server.operator();
    let stopping = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (operator, stopping) = (operator.clone(), stopping.clone());
            tokio::spawn(async move {
                let mut confirmed = Vec::new();
                for n in 0.. {
                    let name = format!("person-{caller}-{n}");
                    if operator.call(create(&name)).await.is_ok() {
                        confirmed.push(name);
                    }
                    if stopping.load(Ordering::SeqCst) {
                        return confirmed;
                    }
                }
                confirmed
            })
        })
        .collect();
    for n in 0..20 {
        operator.ok(create(&format!("before-{n}"))).await;
    }
    tokio::task::spawn_blocking(move || drop(primary)).await.unwrap();
    // A server that starts meanwhile does not wait for the promotion for ever.
    let early = Settings {
        url: server.url.clone(),
        connections: 1,
        timeouts: Timeouts { connect: SHORT, ..PATIENT },
        pooler: Pooler::None,
    };
    let refused = Store::open(&early).await.err().unwrap();
    assert!(refused.to_string().contains("is a standby"), "{refused}");
    run(&standby.url("postgres"), "SELECT pg_promote()").await;
    operator.ok(create("after")).await;
    stopping.store(true, Ordering::SeqCst);
    let mut confirmed = vec!["after".to_owned()];
    confirmed.extend((0..20).map(|n| format!("before-{n}")));
    for caller in callers {
        confirmed.extend(caller.await.unwrap());
    }
    let mut connection = PgConnection::connect(&standby.url("postgres")).await.unwrap();
    for name in confirmed {
        let found = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM accounts WHERE external_id = $1");
        assert_eq!(found.bind(&name).fetch_one(&mut connection).await.unwrap(), 1, "{name}");
    }
}

/// The setting of a session is that of its beginning, so a connection that was opened meanwhile stays read-only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_cannot_write_is_not_kept() {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    let name = database_name(&server.url);
    run(&server.url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    postgres::hang_up(&server.url).await;
    // The first call finds that its connection is broken, the next one that the server is read-only.
    let _ = operator.call(create("ann")).await;
    let refused = operator.refused(create("ann")).await;
    assert_eq!(refused.reason, Some(ErrorReason::Unavailable));
    assert!(refused.retry_after.is_some(), "{refused:?}");
    let elsewhere = postgres::database().await;
    run(&elsewhere, &format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    operator.ok(create("ann")).await;
}

/// A restore under another name, for example: rows that are sealed with one installation's key must not come into
/// another's database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_installation_in_the_place_of_the_database_is_not_used() {
    // The random source of tests is repeatable.
    is_not_used("UPDATE installation SET first_realm_id = gen_random_uuid()").await;
}

/// It has the tables, and the rows that the cache knows would go into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_never_initialised_in_the_place_of_the_database_is_not_used() {
    is_not_used("DELETE FROM installation").await;
}

/// Another database, changed like this, takes the name of the one that is served.
async fn is_not_used(change: &str) {
    let (server, other) = (TestServer::postgres().await, TestServer::postgres().await);
    run(&other.url, change).await;
    server.store.serve_only(first_realm(&server.store).await);
    let operator = server.operator();
    operator.ok(create("ann")).await;
    let names = [&server.url, &other.url].map(|url| database_name(url));
    let elsewhere = postgres::database().await;
    let aside = format!("{}_aside", names[0]);
    let swap = async |one: &str, two: &str| {
        for url in [&server.url, &other.url] {
            postgres::hang_up(url).await;
        }
        for (from, to) in [(one, aside.as_str()), (two, one), (aside.as_str(), two)] {
            run(&elsewhere, &format!("ALTER DATABASE {from} RENAME TO {to}")).await;
        }
    };
    swap(&names[0], &names[1]).await;
    let _ = operator.call(create("bob")).await;
    let refused = operator.refused(create("bob")).await;
    assert_eq!(refused.reason, Some(ErrorReason::Unavailable));
    let mut connection = PgConnection::connect(&server.url).await.unwrap();
    let accounts =
        sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM accounts").fetch_one(&mut connection).await;
    assert_eq!(accounts.unwrap(), 0, "nothing was written into the other one");
    connection.close().await.unwrap();
    swap(&names[0], &names[1]).await;
    operator.ok(create("bob")).await;
}

async fn first_realm(store: &Store) -> RealmId {
    installation::find(&mut store.across("test")).await.unwrap().unwrap().first_realm
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let url = postgres::database().await;
    let name = format!("{}_ascii", database_name(&url));
    run(
        &url,
        &format!(
            "CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        ),
    )
    .await;
    let (before, parameters) = url.split_once('?').unwrap();
    let url = format!("{}/{name}?{parameters}", before.rsplit_once('/').unwrap().0);
    let settings = Settings { url, connections: 1, timeouts: PATIENT, pooler: Pooler::None };
    let refused = Store::open(&settings).await.err().unwrap();
    assert!(matches!(&refused, OpenError::Unreachable(text) if text.contains("SQL_ASCII")), "{refused}");
}

/// What the cache has seen since the copy was made is lost, and no event will tell it. The record has lost a batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_empties_the_cache() {
    a_restore_empties_the_cache(async |server| server.seal().await).await;
}

/// The same where the record has lost nothing: the last event had no place in it yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_empties_the_cache_of_what_was_not_sealed() {
    a_restore_empties_the_cache(async |_| ()).await;
}

/// `sealed`: what is done after the last change.
async fn a_restore_empties_the_cache(sealed: impl AsyncFn(&TestServer)) {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let person = operator.person("ann").await;
    let frontend = server.actor("app", Role::Frontend).await.quiet();
    server.seal().await;
    let (name, elsewhere) = (database_name(&server.url), postgres::database().await);
    postgres::hang_up(&server.url).await;
    run(&elsewhere, &format!("CREATE DATABASE {name}_copy TEMPLATE {name}")).await;

    let there = server.replica().await;
    there.app.follow().await.unwrap();
    let decided = async || {
        let frontend = frontend.at(there.channel.clone());
        frontend.evaluate(&person, "kasa").await.reason()
    };
    let _ = operator.call(proto::GetProductRequest { product: "kasa".into() }).await;
    operator.start(&draft).await;
    sealed(&server).await;
    there.app.follow().await.unwrap();
    assert_eq!(decided().await, Why::Wave);

    postgres::hang_up(&server.url).await;
    run(&elsewhere, &format!("ALTER DATABASE {name} RENAME TO {name}_lost")).await;
    run(&elsewhere, &format!("ALTER DATABASE {name}_copy RENAME TO {name}")).await;
    // The first look finds that its connection is broken.
    assert!(there.app.follow().await.is_err());
    there.app.follow().await.unwrap();
    assert_eq!(decided().await, Why::NotYet);
}

/// As by `pg_restore --clean` under a server that runs: the connections stay up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_breaks_no_connection_empties_the_cache() {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let person = operator.person("ann").await;
    let frontend = server.actor("app", Role::Frontend).await.quiet();
    server.seal().await;
    let tables = ["rollouts", "rollout_revisions", "events", "chain"];
    for table in tables {
        run(&server.url, &format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).await;
    }
    let there = server.replica().await;
    there.app.follow().await.unwrap();
    let frontend = frontend.at(there.channel.clone());
    operator.start(&draft).await;
    server.seal().await;
    there.app.follow().await.unwrap();
    assert_eq!(frontend.evaluate(&person, "kasa").await.reason(), Why::Wave);
    let restored = tables
        .map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM copy_of_{table}"))
        .join("; ");
    run(&server.url, &format!("BEGIN; {restored}; COMMIT")).await;
    there.app.follow().await.unwrap();
    assert_eq!(frontend.evaluate(&person, "kasa").await.reason(), Why::NotYet);
}
