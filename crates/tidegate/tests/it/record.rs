//! `tidegate events` exports the record to a file, and verifies it in the database.

use std::net::TcpListener;

use serde_json::Value;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::Realm,
    program::{Ended, eventually},
    server::Server,
};

on_both_engines! {
    an_export_holds_every_event_and_ends_with_an_anchor,
    a_changed_record_is_found,
}

async fn an_export_holds_every_event_and_ends_with_an_anchor(engine: Engine) {
    let (folder, server, count) = recorded(engine).await;
    let ended = events(&folder, &server, &["export", "--output", "record.ndjson"]).await;
    let file = folder.read("record.ndjson");
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> = lines.iter().filter_map(|line| line["sequence"].as_i64()).collect();
    assert_eq!(places, (1..=count).collect::<Vec<_>>());
    let batch = &lines.last().unwrap()["batch"];
    assert_eq!(batch["last"], count);
    let anchor = format!("{count}:{}", batch["digest"].as_str().unwrap());
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
    assert_eq!(ended.err, format!("exported; the record ended at {anchor}\n"));
    assert_eq!(folder.mode("record.ndjson"), 0o600);

    let valid = format!("valid: {count} events; anchor {anchor}\n");
    for words in [&["verify"][..], &["verify", "--anchor", &anchor]] {
        let ended = events(&folder, &server, words).await;
        assert_eq!((ended.code, &ended.out, ended.err.as_str()), (Some(0), &valid, ""));
    }

    // No export overwrites a file, which may be the only copy of events that are no longer kept.
    let ended = events(&folder, &server, &["export", "--output", "record.ndjson"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("failed to make record.ndjson"), "{}", ended.err);
    assert_eq!(folder.read("record.ndjson"), file);
    let ended = events(&folder, &server, &["export", "--output", "-"]).await;
    assert_eq!((ended.code, ended.out), (Some(0), file));
}

/// A file under the final name is whole.
#[tokio::test]
async fn an_export_that_is_interrupted_leaves_no_file() {
    let folder = Folder::installed(Engine::Sqlite).await;
    // A server that takes the connection and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let before = folder.names();
    let words = ["events", "export", "--output", "record.ndjson", "--address", &address];
    let export = folder.start(&words);
    eventually("the unfinished file", async || (folder.names() != before).then_some(())).await;
    assert!(!folder.file("record.ndjson").exists());
    export.signal("INT");
    let ended = export.ended().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(130), "SIGINT: nothing was exported\n"));
    assert_eq!(folder.names(), before);
}

async fn a_changed_record_is_found(engine: Engine) {
    let (folder, server, count) = recorded(engine).await;
    let other = format!("{count}:{}", "0".repeat(64));
    let ended = events(&folder, &server, &["verify", "--anchor", &other]).await;
    assert_eq!((ended.code, ended.out), (Some(1), format!("broken: HEAD_MISSING at {count} to {count}\n")));
    let ended = events(&folder, &server, &["verify", "--anchor", "14"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("must be a number, a colon and a digest"), "{}", ended.err);

    folder.database.run("UPDATE events SET actor = 'nobody' WHERE sequence = 2").await;
    let ended = events(&folder, &server, &["verify"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.starts_with("broken: EVENT_CHANGED at "), "{}", ended.out);
}

/// A realm with a record, all of it sealed, and how many events there are.
async fn recorded(engine: Engine) -> (Folder, Server, i64) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    Realm::set_up(&server, &["ann"]).await;
    folder.database.sealed().await;
    let count = folder.database.count("events").await;
    (folder, server, count)
}

async fn events(folder: &Folder, server: &Server, words: &[&str]) -> Ended {
    let address = format!("http://{}", server.grpc);
    folder.run(&[&["events"], words, &["--address", &address]].concat()).await
}
