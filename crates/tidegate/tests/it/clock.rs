//! A database that was used with a clock ahead of this machine's, and the way back.

use crate::folder::{Engine, Folder};

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

#[tokio::test]
async fn serve_refuses_a_clock_that_went_back_until_it_is_forgotten() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.database.run(&format!("UPDATE installation SET clock_floor = clock_floor + {DAY}")).await;
    let floor = "SELECT clock_floor FROM installation";
    let ahead = folder.database.number(floor).await;
    let refused = folder.run(&["serve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("run `tidegate forget-clock`"), "{}", refused.err);
    assert_eq!(folder.database.number(floor).await, ahead);

    let forgotten = folder.run(&["forget-clock"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    assert!(folder.database.number(floor).await <= ahead - DAY + 3_600_000_000, "it is still ahead");
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

#[tokio::test]
async fn there_is_no_clock_to_forget_where_the_database_has_its_own() {
    let folder = Folder::installed(Engine::Postgres).await;
    let before = folder.database.contents().await;
    let ended = folder.run(&["forget-clock"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("there is nothing to forget"), "{}", ended.err);
    assert_eq!(folder.database.contents().await, before);
}

#[tokio::test]
async fn forget_clock_names_init_where_nothing_is_initialised() {
    let folder = Folder::empty();
    let ended = folder.run(&["forget-clock"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("run `tidegate init`"), "{}", ended.err);
}
