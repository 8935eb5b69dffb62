//! Without the master key of its database the program does not serve, and changes nothing.

use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    serve_refuses_another_master_key,
    serve_refuses_to_start_without_the_master_key,
    serve_refuses_a_file_without_a_master_key,
}

async fn serve_refuses_another_master_key(engine: Engine) {
    let folder = Folder::installed(engine).await;
    folder.write("master.key", &format!("{}\n", "0f".repeat(32)));
    refused(&folder, "the master key in master.key is not the one the database was made with").await;
}

async fn serve_refuses_to_start_without_the_master_key(engine: Engine) {
    let folder = Folder::installed(engine).await;
    std::fs::remove_file(folder.file("master.key")).unwrap();
    refused(&folder, "failed to find the master key that the database was made with").await;
}

async fn serve_refuses_a_file_without_a_master_key(engine: Engine) {
    let folder = Folder::installed(engine).await;
    folder.write("master.key", "# a key that somebody shortened\n0f0f\n");
    let told = refused(&folder, "line 2 is not a key: 64 hexadecimal digits").await;
    assert!(!told.contains("0f0f"), "what is in the file is told: {told}");
}

#[tokio::test]
async fn secrets_that_every_user_of_the_machine_can_read_are_told() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let serve = async || folder.serve(&[]).await.stopped().await.err;
    // Kubernetes lets a pod read its secrets by their group.
    for (file, mode) in [("master.key", 0o640), ("operator.credential", 0o600), ("tidegate.db", 0o660)] {
        folder.set_mode(file, mode);
    }
    assert!(!serve().await.contains("has mode"));
    for (file, mode) in [("master.key", 0o644), ("operator.credential", 0o604), ("tidegate.db", 0o666)] {
        folder.set_mode(file, mode);
        let said = serve().await;
        assert!(
            said.contains(&format!("{file} (")) && said.contains(&format!("has mode {mode:04o}")),
            "{said}"
        );
        folder.set_mode(file, 0o600);
    }
}

/// Checks that `serve` refuses for this reason, and that neither `serve` nor `init` changes the folder or the
/// database. Returns what `serve` prints.
async fn refused(folder: &Folder, why: &str) -> String {
    let key = || std::fs::read_to_string(folder.file("master.key")).ok();
    let secrets = || (key(), folder.read("operator.credential"));
    let before = (secrets(), folder.database.contents().await);
    for command in ["serve", "init"] {
        let ended = folder.run(&[command]).await;
        if command == "serve" {
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.err.contains(why), "{}", ended.err);
        }
        assert_eq!((secrets(), folder.database.contents().await), before, "{command} changed something");
    }
    folder.run(&["serve"]).await.err
}
