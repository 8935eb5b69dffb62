//! The migration that gives challenges to sessions leaves older challenges as they were.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tidegate_tests::postgres;

macro_rules! migration {
    ($engine:literal, $name:literal) => {
        include_str!(concat!("../../../migrations/", $engine, "/", $name, ".sql"))
    };
}

/// Inserts a challenge with the same id and the same time in every such column.
fn insert(id: &str, at: &str) -> String {
    format!(
        "INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, factor_id, purpose, state, tries, \
         created_at, expires_at) VALUES ({id}, {id}, {id}, {id}, {id}, 'sign_in', 'open', 3, {at}, {at})"
    )
}

const SELECT_KEPT: &str = "SELECT count(*) FROM challenges WHERE sign_in_id = challenge_id AND factor_id = account_id AND \
    purpose = 'sign_in' AND state = 'open' AND tries = 3 AND created_at = expires_at AND session_id IS NULL";

#[tokio::test]
async fn on_sqlite() {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    db.execute(migration!("sqlite", "0001_init")).await.unwrap();
    db.execute(AssertSqlSafe(insert("x'07'", "7"))).await.unwrap();
    db.execute(migration!("sqlite", "0004_switch")).await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(SELECT_KEPT).fetch_one(&mut db).await.unwrap(), 1);
}

#[tokio::test]
async fn on_postgres() {
    let mut db = PgConnection::connect(&postgres::database().await).await.unwrap();
    db.execute(migration!("postgres", "0001_init")).await.unwrap();
    let id = "'01890a5d-ac96-774b-bcce-b302099a8057'";
    db.execute(AssertSqlSafe(insert(id, "'2026-03-02'"))).await.unwrap();
    db.execute(migration!("postgres", "0004_switch")).await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(SELECT_KEPT).fetch_one(&mut db).await.unwrap(), 1);
}
