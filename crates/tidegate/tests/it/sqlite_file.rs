//! The SQLite file: after a stop it alone is the whole database; one that is lost, replaced, read-only or oddly named is
//! noticed, and nothing is made in its place.

use std::os::unix::fs::symlink;

use tidegate_proto as proto;
use tonic::Code;

use crate::{
    database::Database,
    folder::{Engine, Folder},
    owner::heard,
    program::{Ended, Program, Told, eventually},
    server::Server,
};

fn account(name: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest { external_id: name.to_owned(), ..Default::default() }
}

fn logs(folder: &Folder) -> Vec<String> {
    let beside = |name: &String| name.ends_with("-wal") || name.ends_with("-shm");
    folder.names().into_iter().filter(beside).collect()
}

#[tokio::test]
async fn after_a_stop_the_file_alone_is_the_database() {
    let folder = Folder::empty();
    let mut accounts = 0;
    for _ in 0..3 {
        let server = folder.serve(&[]).await;
        // Readers are open too, and the last write comes right before the end.
        for _ in 0..5 {
            accounts += 1;
            let created = account(&format!("account-{accounts}"));
            heard(server.operator().accounts().create_account(created).await).unwrap();
        }
        let ended = server.stopped().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(logs(&folder), [""; 0], "{}", ended.err);
        std::fs::copy(folder.file("tidegate.db"), folder.file("copy.db")).unwrap();
        assert_eq!(Database::Sqlite(folder.file("copy.db")).count("accounts").await, accounts);
    }
}

#[tokio::test]
async fn short_commands_leave_the_file_alone_too() {
    let folder = Folder::empty();
    for words in [
        &["init"][..],
        &["init"],
        &["migrate"],
        &["credential", "recover", "--holder", "Ann", "--reason", "lost"],
        &["credential", "recover", "--holder", "Ann", "--reason", "lost", "--file", "no-folder/file"],
        &["forget-clock"],
        // It fails when the database is open.
        &["serve", "--set", "admin.listen=192.0.2.1:1"],
    ] {
        let ended = folder.run(words).await;
        assert_eq!(logs(&folder), [""; 0], "{words:?}: {ended:?}");
    }
}

/// While a reader holds its snapshot, the log cannot begin again and grows by all that is written. Afterwards it is as small as
/// before.
#[tokio::test]
async fn the_log_shrinks_after_a_burst() {
    const LIMIT: u64 = 65_536_000;
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let log = || std::fs::metadata(folder.file("tidegate.db-wal")).unwrap().len();
    let reader = folder.database.holding("BEGIN; SELECT * FROM realms").await;
    let burst = "CREATE TABLE burst AS WITH RECURSIVE pages (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM pages WHERE n < 80) \
        SELECT zeroblob(1000000) AS page FROM pages; DROP TABLE burst";
    folder.database.run(burst).await;
    assert!(log() > LIMIT, "{}", log());
    drop(reader);
    let (operator, mut accounts) = (server.operator(), 0..);
    // The first write copies the log into the database, and the next one begins it again.
    let written = async || {
        let created = account(&format!("account-{}", accounts.next().unwrap()));
        heard(operator.accounts().create_account(created).await).unwrap();
        (log() <= LIMIT).then_some(())
    };
    eventually("a log within its limit", written).await;
    assert_eq!(server.stopped().await.code, Some(0));
}

/// What a copy looks like that was made without the log, and a volume that is not mounted.
#[tokio::test]
async fn a_master_key_without_tables_is_refused_and_nothing_is_made() {
    let folder = Folder::installed(Engine::Sqlite).await;
    std::fs::remove_file(folder.file("tidegate.db")).unwrap();
    let names = folder.names();
    let missing = folder.run(&["serve"]).await;
    assert_eq!((missing.code, folder.names()), (Some(1), names.clone()), "{missing:?}");
    folder.write("tidegate.db", "");
    let empty = folder.run(&["serve"]).await;
    // A head without tables.
    folder.database.run("PRAGMA user_version = 1").await;
    let headed = folder.run(&["serve"]).await;
    for ended in [missing, empty, headed] {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for part in ["master.key", "tidegate.db has no tables", "tidegate.db-wal", "`tidegate init`"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    }
    assert_eq!(folder.database.tables().await, [""; 0]);
    // As the error says. The first credential is for the database that is gone.
    std::fs::remove_file(folder.file("operator.credential")).unwrap();
    assert_eq!(folder.run(&["init"]).await.code, Some(0));
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

#[tokio::test]
async fn the_database_itself_is_locked() {
    let folder = Folder::empty();
    let first = folder.serve(&[]).await;
    std::fs::remove_file(folder.file("tidegate.db.lock")).unwrap();
    for command in ["serve", "init", "migrate", "forget-clock"] {
        let second = folder.run(&[command]).await;
        assert_eq!(second.code, Some(1), "{command}: {second:?}");
        assert!(second.err.contains("another program is using"), "{command}: {}", second.err);
    }
    heard(first.operator().accounts().create_account(account("ann")).await).unwrap();
    assert_eq!(first.stopped().await.code, Some(0));
}

/// They lock the file beside the database alone.
#[tokio::test]
async fn a_database_that_an_older_version_uses_is_left_to_it() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let older = std::fs::File::open(folder.file("tidegate.db.lock")).unwrap();
    older.try_lock().unwrap();
    for command in ["migrate", "forget-clock"] {
        let second = folder.run(&[command]).await;
        assert_eq!(second.code, Some(1), "{command}: {second:?}");
        assert!(second.err.contains("another program is using"), "{command}: {}", second.err);
    }
    drop(older);
    assert_eq!(folder.run(&["migrate"]).await.code, Some(0));
}

/// The write that comes first is not acknowledged, and the program ends and says why.
#[tokio::test]
async fn a_database_that_is_taken_away_is_noticed() {
    for (file, is_replaced) in [
        ("tidegate.db", false),
        ("tidegate.db", true),
        ("tidegate.db-wal", false),
        ("tidegate.db-shm", false),
    ] {
        let folder = Folder::empty();
        let mut server = folder.serve(&[]).await;
        let operator = server.operator();
        heard(operator.accounts().create_account(account("ann")).await).unwrap();
        if is_replaced {
            folder.database.run(&format!("VACUUM INTO '{}'", folder.file("backup.db").display())).await;
            std::fs::rename(folder.file("backup.db"), folder.file(file)).unwrap();
        } else {
            std::fs::remove_file(folder.file(file)).unwrap();
        }
        let refused = heard(operator.accounts().create_account(account("bob")).await).unwrap_err();
        assert_eq!(refused.code, Code::Unavailable, "{file}: {refused}");
        server.program.logs("the program stops by itself").await;
        let ended = server.program.ended().await;
        assert_eq!(ended.code, Some(1), "{file}: {ended:?}");
        let said = format!("{file} was deleted or replaced while the program used it");
        assert!(ended.err.contains(&said) && ended.err.contains("restore a backup"), "{}", ended.err);
        if file != "tidegate.db" {
            // What was acknowledged before is copied into the database at the end.
            assert_eq!(folder.database.count("accounts").await, 1, "{file}");
        }
    }
}

/// A restore by a link that is pointed at another file.
#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_noticed() {
    let folder = Folder::empty();
    symlink("one.db", folder.file("tidegate.db")).unwrap();
    folder.write("one.db", "");
    let server = folder.serve(&[]).await;
    folder.database.run(&format!("VACUUM INTO '{}'", folder.file("two.db").display())).await;
    symlink("two.db", folder.file("link")).unwrap();
    std::fs::rename(folder.file("link"), folder.file("tidegate.db")).unwrap();
    let ended = server.program.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("was deleted or replaced"), "{}", ended.err);
}

#[tokio::test]
async fn an_odd_address_is_refused_by_its_setting_and_makes_no_file() {
    let folder = Folder::empty();
    std::fs::create_dir(folder.file("folder")).unwrap();
    let names = folder.names();
    for (url, says) in [
        ("sqlite:x.db?mode=rwc", "has parameters"),
        ("sqlite::memory:", "lost when the program ends"),
        ("sqlite:file:x", "leave it out"),
        ("sqlite:", "names no file: write, for example, sqlite:tidegate.db"),
        ("sqlite:a%20b.db", "percent-escape"),
        ("sqlite:folder/", "names a folder"),
        ("sqlite:folder", "is a folder: add the name of the file"),
        ("sqlite:none/x.db", "the folder none of the database does not exist: make it"),
        ("sqlite:/dev/null", "is no regular file"),
        ("sqlite:x.db ", "begins or ends with a blank"),
    ] {
        for command in ["serve", "init", "migrate", "forget-clock"] {
            let ended = folder.run(&[command, "--set", &format!("database.url={url}")]).await;
            assert_eq!(ended.code, Some(1), "{command} {url}: {ended:?}");
            let said = ended.err.contains("database.url") && ended.err.contains(says);
            assert!(said, "{command} {url}: {}", ended.err);
        }
        assert_eq!(folder.names(), names, "{url}");
    }
    // From a file, which a secret store may have made.
    folder.write("url", "sqlite:x.db?mode=rwc\n");
    let ended = folder.run(&["serve", "--set", "database.url_file=url"]).await;
    let said = "database.url_file: the address in url has parameters";
    assert!(ended.code == Some(1) && ended.err.contains(said), "{ended:?}");
}

#[tokio::test]
async fn usual_addresses_work_as_one_expects() {
    for (url, file) in
        [("sqlite://a b.db", "a b.db"), ("sqlite:./100%.db", "100%.db"), ("sqlite:x#1.db", "x#1.db")]
    {
        let folder = Folder::empty();
        let ended = folder.serve(&[&format!("database.url={url}")]).await.stopped().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(folder.file(file).exists(), "{url}: {:?}", folder.names());
    }
    let folder = Folder::empty();
    let url = format!("database.url=sqlite://{}", folder.file("absolute.db").display());
    assert_eq!(folder.serve(&[&url]).await.stopped().await.code, Some(0));
    assert!(folder.file("absolute.db").exists());
}

/// Runs the program so that modes of files bind it, although the tests may run as root.
fn bound_by_modes(folder: &Folder, words: &[&str]) -> Program {
    let shell = r#"if [ "$(id -u)" = 0 ]; then exec setpriv --bounding-set=-dac_override,-dac_read_search "$0" "$@"; fi
        exec "$0" "$@""#;
    let local = ["--set", "grpc.listen=127.0.0.1:0", "--set", "admin.listen=127.0.0.1:0"];
    let words = [&["-c", shell, env!("CARGO_BIN_EXE_tidegate")], words, &local].concat();
    let environment = vec![("PATH", "/usr/bin:/bin")];
    Program::start_other("/bin/sh", folder.path(), &Told { words, environment, input: "" })
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_refused_at_the_start() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let refused = async |what: &str| -> Ended {
        let ended = bound_by_modes(&folder, &["serve"]).ended().await;
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        let said = ["tidegate.db cannot be written", "chmod u+w", "mount the file system writable"];
        assert!(said.iter().all(|part| ended.err.contains(part)), "{what}: {}", ended.err);
        ended
    };
    folder.set_mode("tidegate.db", 0o444);
    refused("the file").await;
    folder.set_mode("tidegate.db", 0o600);
    folder.set_mode(".", 0o500);
    refused("the folder").await;
    std::fs::remove_file(folder.file("tidegate.db.lock")).unwrap();
    refused("the folder, without a lock in it").await;
    folder.set_mode(".", 0o700);
    let server = Server::ready(bound_by_modes(&folder, &["serve"]), folder.path()).await;
    heard(server.operator().accounts().create_account(account("ann")).await).unwrap();
    assert_eq!(server.stopped().await.code, Some(0));
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_not_touched() {
    let folder = Folder::empty();
    let text =
        "something else, which is long enough to be read as the head of a database and is none.".repeat(20);
    folder.write("tidegate.db", &text);
    let ended = folder.run(&["serve"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("tidegate.db is no SQLite database"), "{}", ended.err);
    assert_eq!(folder.read("tidegate.db"), text);
}

/// Another program holds the write lock, as `BEGIN IMMEDIATE` of sqlite3 does. Writers wait together: if each waited in its
/// turn, the last one would wait for longer than this test does. Reads are answered.
#[tokio::test]
async fn a_foreign_write_lock_refuses_writes_soon_and_no_read() {
    let folder = Folder::empty();
    let server = folder.serve(&["database.lock_timeout_ms=2000"]).await;
    let operator = server.operator();
    heard(operator.accounts().create_account(account("ann")).await).unwrap();
    let holding = folder.database.holding("BEGIN IMMEDIATE").await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..400 {
        let operator = operator.clone();
        writers.spawn(async move {
            heard(operator.accounts().create_account(account(&format!("u-{number}"))).await).unwrap_err()
        });
    }
    heard(operator.products().list_products(proto::ListProductsRequest::default()).await).unwrap();
    for refused in writers.join_all().await {
        assert_eq!((refused.code, refused.retry_after.is_some()), (Code::Unavailable, true), "{refused}");
    }
    drop(holding);
    let created = async || heard(operator.accounts().create_account(account("bob")).await).ok();
    eventually("a write", created).await;
    assert_eq!(folder.database.count("accounts").await, 2);
}
