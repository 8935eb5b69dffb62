//! The file of SQLite: where it is, and whether it is sound.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::{Access, access, statfs};
use tidegate_store::Inspection;
use tokio::time::timeout;

use super::{
    database::failed,
    finding::{Check, Finding},
    story,
};

const CHECK: Check = Check::Database;
/// <https://www.sqlite.org/fileformat.html#the_database_header>
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The place of the two versions that are 2 in WAL mode.
const VERSIONS: std::ops::Range<usize> = 18..20;

/// The folder and the head of the file. Opens nothing in SQLite.
pub(super) fn look(file: &Path) -> Vec<Finding> {
    let folder = folder(file);
    if !folder.is_dir() {
        return vec![CHECK.error(
            format!(
                "the folder {} of the database does not exist, so `serve` does not start",
                folder.display()
            ),
            "make it, mount the volume that holds it, or correct database.url",
        )];
    }
    let mut found = Vec::new();
    if let Some(network) = network(&folder) {
        found.push(CHECK.error(
            format!(
                "{} is on {network}: the locks of SQLite do not hold there, and two programs can break the file",
                folder.display()
            ),
            "move the database to a disk of this machine (a block volume), or use PostgreSQL",
        ));
    }
    // SQLite makes its log beside the file.
    for path in [&folder, file] {
        if path.exists() && access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
            found.push(CHECK.error(
                format!("{} cannot be written by this user, so `serve` does not start", path.display()),
                "give it to the user of the program (`chown`), or mount the volume writable",
            ));
        }
    }
    if !file.exists() {
        found.push(CHECK.ok(format!("{} does not exist yet: the first `serve` makes it", file.display())));
        return found;
    }
    found.extend(head(file));
    found
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn head(file: &Path) -> Option<Finding> {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|file| file.take(VERSIONS.end as u64).read_to_end(&mut head));
    let shown = file.display();
    if let Err(error) = read {
        return Some(CHECK.error(
            format!("{shown} cannot be read: {error}"),
            "let the user of the program read it, and look for errors of the disk (`dmesg`)",
        ));
    }
    match head.get(VERSIONS) {
        // SQLite writes the head with the first table.
        None if head.is_empty() => None,
        Some(versions) if head.starts_with(MAGIC) => (versions != [2, 2]).then(|| {
            CHECK.warning(
                format!("{shown} is not in WAL mode: readers wait for the writer, and sign-ins are slow"),
                "`serve` sets the mode when it starts; if this stays, the file system does not support shared memory: move the \
                 file",
            )
        }),
        _ => Some(CHECK.error(
            format!("{shown} is no SQLite database"),
            "correct database.url, or restore the file from a copy",
        )),
    }
}

/// The kinds of network file systems, by the numbers of statfs(2).
fn network(folder: &Path) -> Option<&'static str> {
    // The field's type differs between platforms.
    let kind = u64::try_from(statfs(folder).ok()?.f_type).ok()?;
    network_kind(kind)
}

const fn network_kind(kind: u64) -> Option<&'static str> {
    match kind {
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414f => Some("AFS"),
        _ => None,
    }
}

/// Reads the whole file, so a large one may need more than the deadline.
pub(super) async fn integrity(inspection: &Arc<Inspection>, deadline: Duration) -> Vec<Finding> {
    match timeout(deadline, inspection.damage()).await {
        Ok(Ok(damage)) if damage.is_empty() => {
            vec![CHECK.ok("the SQLite file is sound (quick_check)")]
        }
        Ok(Ok(damage)) => vec![damaged(&damage.join("; "))],
        Ok(Err(error)) if story(&error).contains("malformed") => vec![damaged(&story(&error))],
        Ok(Err(error)) => vec![failed(CHECK, &error)],
        Err(_) => vec![CHECK.unknown(
            format!("the SQLite file was not read to its end within {} s (quick_check)", deadline.as_secs()),
            "give more time: `tidegate doctor --timeout 600`",
        )],
    }
}

fn damaged(how: &str) -> Finding {
    CHECK.error(
        format!("the SQLite file is damaged: {how}"),
        "stop the server, keep a copy of the file and of its -wal, and restore a backup; `sqlite3 … .recover` saves what can \
         still be read",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known() {
        assert_eq!(network_kind(0x6969), Some("NFS"));
        // ext4, tmpfs, overlayfs.
        for local in [0xef53, 0x0102_1994, 0x794c_7630] {
            assert_eq!(network_kind(local), None, "{local:x}");
        }
    }
}
