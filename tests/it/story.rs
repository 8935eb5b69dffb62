//! Stories run on both engines. Their transcripts are compared with each other, and then with the snapshot.

use std::path::Path;

use expect_test::expect_file;

use crate::test_server::TestServer;

/// Both transcripts must be the same before one is compared with the snapshot, so that an update of the
/// snapshot cannot hide a difference between the engines.
pub async fn tell(name: &str, story: impl AsyncFn(TestServer)) {
    let (sqlite, postgres) = tokio::join!(TestServer::sqlite(), TestServer::postgres());
    // Stories are long, and so are their futures.
    tokio::join!(Box::pin(story(sqlite.clone())), Box::pin(story(postgres.clone())));
    let (sqlite, postgres) = (sqlite.transcript.told(), postgres.transcript.told());
    // Only the name of the database may differ.
    let postgres = postgres.replace("database: \"postgresql\"", "database: \"sqlite\"");
    for (number, (one, other)) in sqlite.lines().zip(postgres.lines()).enumerate() {
        assert_eq!(one, other, "SQLite (left) and PostgreSQL (right) differ in line {}", number + 1);
    }
    assert_eq!(sqlite, postgres, "one of the engines says more");
    compare(name, &sqlite);
}

/// Compares the text with `snapshots/<name>.txt`.
pub fn compare(name: &str, told: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("it/snapshots/{name}.txt"));
    // A new story may need a new folder.
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    expect_file![file].assert_eq(told);
}

/// The text of all snapshots.
pub fn snapshots() -> String {
    fn read(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| if path.is_dir() { read(&path) } else { std::fs::read_to_string(path).unwrap() })
            .collect()
    }
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("it/snapshots"))
}
