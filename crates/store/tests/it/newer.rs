//! A document that a newer version wrote is refused as such.

use tidegate_store::{Error, products, rollouts};

use crate::{
    database::{Database, realm},
    on_both,
};

on_both!(newer_settings, newer_rollout,);

const ROWS: &str = r#"
INSERT INTO products (realm_id, product_key, title, revision, created_at, updated_at, settings) VALUES (ID1, 'one', 'One', 1, AT , AT ,
  '{"link_url":"https://one.example/","methods":{"rules":[{"method":"totp"}]},"trusted_device":0,"session_idle":1,"session_absolute":1}');
INSERT INTO rollouts (realm_id, rollout_key, revision, document) VALUES (ID1, 'first', 1,
  '{"key":"first","title":"First","products":["one"],"salt":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"waves":[{"ordinal":1,"title":"All","edge":1000000,"products":[],"state":"draft"}],"stop":{"since":"2026-03-02T00:00:00Z","by":{"name":"Ann","person":"acct_01h455vb4pex5vsknk084sn02q"},"reason":null},"revision":1,"created_at":"2026-03-02T00:00:00Z","updated_at":"2026-03-02T00:00:00Z"}');
"#;

async fn newer_settings(database: &Database) {
    let store = database.store().await;
    database.run(ROWS).await;
    let find = async || products::find(&mut store.view("test", realm()), &"one".parse().unwrap()).await;
    find().await.unwrap();
    for (old, new) in [
        (r#"{"link_url""#, r#"{"captcha":true,"link_url""#),
        (r#"{"method""#, r#"{"captcha":true,"method""#),
        (r#""totp""#, r#""captcha""#),
    ] {
        database.run(&format!("UPDATE products SET settings = replace(settings, '{old}', '{new}')")).await;
        let found = find().await;
        let newer = matches!(&found, Err(Error::NewerDocument { table: "products", key }) if key == "one");
        assert!(newer, "{new}: {found:?}");
        database.run(&format!("UPDATE products SET settings = replace(settings, '{new}', '{old}')")).await;
    }
    database.run("UPDATE products SET settings = '{}'").await;
    let found = find().await;
    assert!(matches!(&found, Err(Error::Inconsistent { column: "settings", .. })), "{found:?}");
}

async fn newer_rollout(database: &Database) {
    let store = database.store().await;
    database.run(ROWS).await;
    let find = async || rollouts::find(&mut store.view("test", realm()), &"first".parse().unwrap()).await;
    find().await.unwrap();
    for (old, new) in [
        (r#"{"key""#, r#"{"pace":1,"key""#),
        (r#"{"ordinal""#, r#"{"pace":1,"ordinal""#),
        (r#"{"name""#, r#"{"pace":1,"name""#),
    ] {
        database.run(&format!("UPDATE rollouts SET document = replace(document, '{old}', '{new}')")).await;
        let found = find().await;
        let newer = matches!(&found, Err(Error::NewerDocument { table: "rollouts", key }) if key == "first");
        assert!(newer, "{new}: {found:?}");
        database.run(&format!("UPDATE rollouts SET document = replace(document, '{new}', '{old}')")).await;
    }
}
