//! The chart's PostgreSQL to try things with: what its two users may do is enough, and no more than that.

use std::str::FromStr as _;

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tidegate_proto as proto;
use tidegate_tests::postgres;

use crate::{database::Database, folder::Folder, owner::heard};

const EXAMPLE: &str = include_str!("../../../../charts/tidegate/examples/postgres.yaml");

#[tokio::test]
async fn the_owner_migrates_and_the_other_user_serves() {
    let url = postgres::database().await;
    let address = PgConnectOptions::from_str(&url).unwrap();
    // Users belong to the whole server, so the names of this run are its own.
    let name = format!("{}_chart", address.get_database().unwrap());
    let (before, after) = users().replace("tidegate", &name).split_once("\\connect").map(owned).unwrap();
    let on = |user: &str| {
        let address = address.clone().database(&name);
        let address = if user.is_empty() { address } else { address.username(user).password("for-a-try") };
        address.to_url_lossy().to_string()
    };
    run_each(&Database::Postgres(url), &before).await;
    run_each(&Database::Postgres(on("")), after.split_once('\n').unwrap().1).await;

    let owner = Folder::with(&on(&format!("{name}_owner")));
    let ended = owner.run(&["init"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(owner.run(&["migrate"]).await.code, Some(0));

    let folder = Folder::with(&on(&name));
    for secret in ["master.key", "operator.credential"] {
        folder.write(secret, &owner.read(secret));
    }
    let server = folder.serve(&[]).await;
    assert_eq!(server.page("/readyz").await.0, 200);
    let settings =
        proto::ProductSettings { link_url: "https://kasa.example/confirm".into(), ..Default::default() };
    let request = proto::CreateProductRequest {
        key: "kasa".into(),
        title: "Kasa".into(),
        settings: Some(settings),
        ..Default::default()
    };
    heard(server.operator().products().create_product(request).await).unwrap();
    owner.database.sealed().await;
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("permission denied"), "{}", ended.err);

    // It owns no table, so no statement of it changes the schema.
    let may = format!("SELECT COUNT(*) FROM pg_tables WHERE tableowner = '{name}'");
    assert_eq!(owner.database.number(&may).await, 0);
    let may = format!("SELECT COUNT(*) WHERE has_schema_privilege('{name}', 'public', 'CREATE')");
    assert_eq!(owner.database.number(&may).await, 0);
}

/// The script of the example, without the indentation of YAML.
fn users() -> String {
    let script = EXAMPLE.split_once("users.sql: |\n").unwrap().1.split_once("---").unwrap().0;
    script.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// One statement after the other: a database cannot be made inside of a transaction.
async fn run_each(database: &Database, script: &str) {
    for statement in script.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        database.run(statement).await;
    }
}

fn owned((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}
