//! What the machine gives: disks, open files, memory.

use std::process::Command;

use super::examined::{Examined, Level, doctor};
use crate::{
    folder::{Engine, Folder},
    program::{Program, Told},
};

/// Runs the doctor in a shell, after these commands.
async fn after(folder: &Folder, shell: &[&str], commands: &str, words: &str) -> Examined {
    let program = env!("CARGO_BIN_EXE_tidegate");
    let script = format!("{commands} && exec {program} doctor --json --timeout 600 {words}");
    let told = Told {
        words: shell[1..].iter().copied().chain(["-c", &script]).collect(),
        environment: vec![("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")],
        ..Told::default()
    };
    Examined::read(&Program::start_other(shell[0], folder.path(), &told).ended().await)
}

#[tokio::test]
async fn a_limit_of_open_files_that_is_too_low_is_a_warning() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let examined = after(&folder, &["/bin/sh"], "ulimit -n 256", "").await;
    let remedy = examined.has("limits", Level::Warning, "256 files may be open (ulimit -n)");
    assert!(remedy.contains("LimitNOFILE"), "{remedy}");
    let examined = after(&folder, &["/bin/sh"], "ulimit -n 430", "--set limits.connections=16").await;
    examined.has("limits", Level::Ok, "430 files may be open, and the settings allow 403");
}

#[tokio::test]
async fn more_memory_than_there_is_is_a_warning() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let examined = doctor(
        &folder,
        &["--set", "limits.cached_accounts=100000000", "--set", "limits.password_hashes=1024"],
    );
    let examined = examined.await;
    let what = "1024 passwords at once (19 MiB each), 100000000 cached accounts (2 KiB each) and large messages (128 MiB) take up to 214960 MiB, and";
    let remedy = examined.has("limits", Level::Warning, what);
    assert!(remedy.contains("limits.cached_accounts"), "{remedy}");
}

/// File systems of a mount namespace of its own, which needs root, or user namespaces that every user may make.
#[tokio::test]
async fn a_disk_that_is_full_or_read_only_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    // The whole database is in the file then, which is copied.
    folder.database.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    std::fs::create_dir(folder.file("volume")).unwrap();
    let is_root = String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap() == "0\n";
    let namespace = if is_root { "--mount" } else { "--mount --map-root-user" };
    let shell: Vec<_> =
        ["/usr/bin/unshare"].into_iter().chain(namespace.split(' ')).chain(["/bin/sh"]).collect();
    let mount = "mount -t tmpfs -o size=2m,nr_inodes=2000";
    let set = "--set database.url=sqlite:volume/tidegate.db";

    let full = format!(
        "{mount} tmpfs volume && cp tidegate.db volume && head -c 3m /dev/zero > volume/rest 2> /dev/null; true"
    );
    let examined = after(&folder, &shell, &full, set).await;
    let remedy = examined.has("disk", Level::Error, "0 MiB (0 %) are free at ");
    assert!(remedy.contains("enlarge the volume"), "{remedy}");

    let crowded = format!("{mount} tmpfs volume && for n in $(seq 1950); do : > volume/$n; done");
    let examined = after(&folder, &shell, &crowded, set).await;
    examined.has("disk", Level::Warning, "inodes (2 %) are free at ");

    let closed = format!("{mount} tmpfs volume && cp tidegate.db volume && mount -o remount,ro volume");
    let examined = after(&folder, &shell, &closed, set).await;
    let remedy = examined.has("disk", Level::Error, "is mounted read-only");
    assert!(remedy.contains("dmesg"), "{remedy}");
    examined.has("database", Level::Error, "volume cannot be written by this user");
    examined.is_well("schema");
}
