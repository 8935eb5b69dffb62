//! Every statement of the store is valid on both engines, and belongs to a realm.

use sqlx::{Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection, Statement as _};
use tidegate_store::Statement;

use crate::test_server::TestServer;

/// The statements that are not held to one realm, and why.
const ACROSS: &[(&str, &str)] = &[
    ("tidegate_store::accounts::DELETED_BEFORE", "the worker serves all realms"),
    ("tidegate_store::credentials::EXPIRING", "warnings are of all realms"),
    ("tidegate_store::credentials::FIND", "a credential names its realm"),
    ("tidegate_store::credentials::OTHER_OPERATOR", "operators serve all realms"),
    ("tidegate_store::credentials::OUTLOOK", "metrics are of all realms"),
    ("tidegate_store::deliveries::BY_GATEWAY_ID", "a receipt names no realm"),
    ("tidegate_store::deliveries::BY_ID", "a receipt names no realm"),
    ("tidegate_store::deliveries::DUE", "the courier serves all realms"),
    ("tidegate_store::deliveries::OLDEST", "metrics are of all realms"),
    ("tidegate_store::delivery_claims::OF_OTHERS", "a process serves all realms"),
    ("tidegate_store::delivery_claims::OF_PROCESS", "a process serves all realms"),
    ("tidegate_store::events::BACKLOG", "metrics are of all realms"),
    ("tidegate_store::chain::HEADS", "followers serve all realms"),
    ("tidegate_store::processes::APPLIED", "there is one schema for all realms"),
    ("tidegate_store::processes::RAISE_FLOOR", "there is one installation for all realms"),
    ("tidegate_store::products::EVERY", "readiness is of all realms"),
    ("tidegate_store::rollouts::EVERY", "readiness is of all realms"),
    ("tidegate_store::events::NEXT_UNSEALED", "the sealer serves all realms"),
    ("tidegate_store::events::UNSEALED", "followers serve all realms"),
    ("tidegate_store::installation::APPLIED", "there is one schema for all realms"),
    ("tidegate_store::installation::CLOCK", "there is one clock for all realms"),
    ("tidegate_store::installation::FIND", "there is one installation for all realms"),
    ("tidegate_store::installation::HAS_TABLE", "there is one schema for all realms"),
    ("tidegate_store::installation::INSERT", "binds it as the first realm"),
    ("tidegate_store::installation::FIND_IN_ANY_SCHEMA", "there is one installation for all realms"),
    ("tidegate_store::installation::LOCK", "there is one installation for all realms"),
    ("tidegate_store::inspection::DAMAGE", "SQLite itself is asked"),
    ("tidegate_store::inspection::SERVER", "PostgreSQL itself is asked"),
    ("tidegate_store::inspection::UNWRITABLE", "PostgreSQL itself is asked"),
    ("tidegate_store::recoveries::OLDEST", "the worker serves all realms"),
    ("tidegate_store::rollouts::DUE", "the scheduler serves all realms"),
    ("tidegate_store::realms::FIND", "an operator names a realm by its key"),
    ("tidegate_store::realms::INSERT", "binds the realm in which the new one is made"),
    ("tidegate_store::realms::PAGE", "operators see all realms"),
    ("tidegate_store::rollout_hours::NEXT_BEHIND", "the worker serves all realms"),
];

/// On PostgreSQL this also finds a statement that does not use its realm: then the type of `$1` cannot be
/// inferred.
#[tokio::test]
async fn every_statement_prepares_on_both_engines() {
    let (sqlite, postgres) = tokio::join!(TestServer::sqlite(), TestServer::postgres());
    let mut sqlite = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut postgres = PgConnection::connect(&postgres.url).await.unwrap();
    let mut wrong = Vec::new();
    for Statement { name, sqlite: one, postgres: other } in tidegate_store::statements() {
        let one = (&mut sqlite).prepare(one.into_sql_str()).await;
        let other = (&mut postgres).prepare(other.into_sql_str()).await;
        match (one, other) {
            (Ok(one), Ok(other)) if one.columns().len() == other.columns().len() => {}
            (Ok(_), Ok(_)) if is_done_otherwise(name) => {}
            (Ok(_), Ok(_)) => wrong.push(format!("{name}: the engines return different columns")),
            (one, other) => wrong.push(format!("{name}: {:?} {:?}", one.err(), other.err())),
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn both_texts_of_a_statement_take_the_same_arguments() {
    let arguments = |text: &str| (1..100).take_while(|n| text.contains(&format!("${n}"))).count();
    let statements = tidegate_store::statements().filter(|statement| !is_done_otherwise(statement.name));
    for Statement { name, sqlite, postgres } in statements {
        let count = arguments(sqlite);
        assert_eq!(count, arguments(postgres), "{name}");
        assert!(!sqlite.contains(&format!("${}", count + 2)), "{name} leaves out an argument");
    }
}

#[test]
fn every_statement_names_its_realm() {
    let (mut wrong, mut left) = (Vec::new(), Vec::from(ACROSS));
    for Statement { name, sqlite, postgres } in tidegate_store::statements() {
        let excused = left.iter().position(|(excused, _)| *excused == name).map(|place| left.remove(place));
        let named = (is_of_one_realm(sqlite) || is_done_otherwise(name)) && is_of_one_realm(postgres);
        if named == excused.is_some() {
            wrong.push(name);
        }
    }
    assert_eq!(wrong, [""; 0], "does not bind its realm, or is excused and does");
    assert_eq!(left, [("", ""); 0], "excuses a statement that is not there");
}

/// The statement has no text for SQLite, whose one writer runs the items of a batch one after the other.
fn is_done_otherwise(name: &str) -> bool {
    name.starts_with("tidegate_store::answers::") && name.ends_with("_BATCH")
}

/// The name is that of a list argument, or of what a statement found for one, and not of a table.
fn is_argument(table: &str) -> bool {
    ["wanted", "json_each(", "unnest("].iter().any(|list| table.starts_with(list))
}

/// Whether every table that the statement reads or changes is held to the realm, also in subqueries.
fn is_of_one_realm(text: &str) -> bool {
    // `extract(epoch FROM column)` reads no table.
    let plain = text.replace("(epoch FROM ", "(");
    let words: Vec<&str> = plain.split_whitespace().map(|word| word.trim_start_matches('(')).collect();
    let tables = words.windows(2).filter(|pair| match *pair {
        ["FROM" | "JOIN", table] => !is_argument(table),
        ["UPDATE", table] => !["SET", "OF"].contains(table),
        _ => false,
    });
    let held = text.matches("realm_id = $1").count();
    match text.split_once(" VALUES ($1,") {
        Some((into, rest)) => {
            into.contains(" (realm_id,") && tables.count() == rest.matches("realm_id = $1").count()
        }
        None => held > 0 && held == tables.count() && inserts_into_its_realm(&words),
    }
}

/// Whether the rows that are selected for an insert begin with the realm.
fn inserts_into_its_realm(words: &[&str]) -> bool {
    let mut inserts = words.split(|word| *word == "INTO").skip(1);
    inserts.all(|insert| {
        let mut selected = insert.iter().skip_while(|word| **word != "SELECT").skip(1);
        insert.get(1) == Some(&"realm_id,") && selected.next() == Some(&"$1,")
    })
}

/// Shows that the check above finds mistakes.
#[test]
fn a_forgotten_realm_is_noticed() {
    for text in [
        "SELECT a FROM t WHERE a = $2",
        "SELECT a FROM t WHERE realm_id = $2",
        "SELECT a FROM t JOIN u ON u.a = t.a WHERE realm_id = $1",
        "DELETE FROM t WHERE realm_id = $1 AND a NOT IN (SELECT a FROM t WHERE b = $2)",
        "UPDATE t SET a = $1 WHERE b = $2",
        "INSERT INTO t (a, realm_id) VALUES ($1, $2)",
        "INSERT INTO t (realm_id, a) VALUES ($2, $1)",
        "INSERT INTO t (realm_id, a) SELECT $2, a FROM u WHERE realm_id = $1",
        "INSERT INTO t (a, realm_id) SELECT $1, realm_id FROM u WHERE realm_id = $1",
        "WITH hit AS (UPDATE t SET a = $2 WHERE b = $3 RETURNING a) DELETE FROM u WHERE realm_id = $1",
        "UPDATE t SET a = $2 WHERE realm_id = $1; UPDATE u SET a = $2 WHERE b = $3",
        "WITH wanted AS (SELECT a FROM unnest($2)) UPDATE t SET a = $3 FROM wanted WHERE t.b = wanted.a",
    ] {
        assert!(!is_of_one_realm(text), "{text}");
    }
}
