//! Room on the file systems that the program writes to.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{
    database,
    finding::{Check, Finding, Level},
};
use crate::config::Config;

const CHECK: Check = Check::Disk;
const MIB: u64 = 1024 * 1024;
/// Less than both of these is a warning: a tenth of a small volume, 1 GiB of a large one.
const LOW: (u64, u64) = (10, 1024 * MIB);
/// Less than both of these is an error. SQLite's log alone grows to 64 MiB.
const FULL: (u64, u64) = (2, 100 * MIB);
/// The same percentages hold for inodes, of which many file systems have no fixed number.
const ENOUGH_INODES: (u64, u64) = (10_000, 1_000);

/// A folder that the program writes to.
struct DiskPlace {
    what: &'static str,
    path: PathBuf,
    /// Whether the program does not work without it.
    is_needed: bool,
}

/// A file system, as statvfs(2) shows it to this user.
#[derive(Debug, Clone, Copy)]
struct Room {
    size: u64,
    free: u64,
    /// All, and free ones; zero: there is no fixed number.
    inodes: (u64, u64),
    read_only: bool,
}

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for place in places(config) {
        // A folder that does not exist yet will be made on the file system of the one above it.
        let Some(folder) = place.path.ancestors().map(existing).find(|folder| folder.is_dir()) else {
            continue;
        };
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let room = folder.metadata().map(|metadata| metadata.dev()).and_then(|id| Ok((id, room(&folder)?)));
        match room {
            Ok((id, _)) if seen.contains(&id) => {}
            Ok((id, room)) => {
                seen.push(id);
                found.extend(judge(&place, &folder, room));
            }
            Err(error) => found.push(CHECK.unknown(
                format!("the room for {} in {} cannot be read: {error}", place.what, folder.display()),
                "run as the user of the program",
            )),
        }
    }
    if seen.is_empty() && found.is_empty() {
        found.push(CHECK.ok("with these settings the program writes to no disk of this machine"));
    }
    found
}

/// The ones that are needed come first, because of each file system only the first place is told.
fn places(config: &Config) -> Vec<DiskPlace> {
    let needed = |what, path: &Path| DiskPlace { what, path: path.to_owned(), is_needed: true };
    let database = database::file(config);
    let mail = config.smtp.host.is_empty().then(|| needed("mails", &config.mail.folder));
    let texts = !config.sms.folder.as_os_str().is_empty() && config.sms.url.is_empty();
    let texts = texts.then(|| needed("text messages", &config.sms.folder));
    // SQLite sorts there what does not fit into memory. Nothing else of a server uses it.
    let temporary = DiskPlace { what: "temporary files", path: std::env::temp_dir(), is_needed: false };
    let temporary = database.is_some().then_some(temporary);
    let database = database.map(|file| needed("the database", &file));
    database.into_iter().chain(mail).chain(texts).chain(temporary).collect()
}

fn existing(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

fn room(folder: &Path) -> io::Result<Room> {
    let found = statvfs(folder)?;
    Ok(Room {
        size: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
        inodes: (found.f_files, found.f_favail),
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

fn judge(place: &DiskPlace, folder: &Path, room: Room) -> Vec<Finding> {
    let (what, shown) = (place.what, folder.display());
    // What the program can do without is at most a warning.
    let capped = |level| if level == Level::Error && !place.is_needed { Level::Warning } else { level };
    if room.read_only {
        return vec![CHECK.found(
            capped(Level::Error),
            format!("the file system of {shown}, for {what}, is mounted read-only"),
            "mount it writable. A disk with errors becomes read-only by itself: look at `dmesg`. On Kubernetes, mount a volume \
             there",
        )];
    }
    let remedy =
        "delete what is not needed, or enlarge the volume: a full disk ends every sign-in that writes";
    let mut found = Vec::new();
    let percent = |free: u64, all: u64| free.saturating_mul(100) / all.max(1);
    // Pseudo file systems have no size.
    if let Some(level) = shortage(room.free, room.size, LOW.1, FULL.1).filter(|_| room.size > 0) {
        let (free, share) = (room.free / MIB, percent(room.free, room.size));
        found.push(CHECK.found(
            capped(level),
            format!("{free} MiB ({share} %) are free at {shown}, for {what}"),
            remedy,
        ));
    }
    let (inodes, free_inodes) = room.inodes;
    let short = shortage(free_inodes, inodes, ENOUGH_INODES.0, ENOUGH_INODES.1);
    if let Some(level) = short.filter(|_| inodes > 0) {
        let share = percent(free_inodes, inodes);
        found.push(CHECK.found(
            capped(level),
            format!(
                "{free_inodes} inodes ({share} %) are free at {shown}, for {what}: soon no file can be made"
            ),
            "delete many small files, or make the file system again with more inodes",
        ));
    }
    if found.is_empty() {
        found.push(CHECK.ok(format!("{} MiB are free at {shown}, for {what}", room.free / MIB)));
    }
    found
}

fn shortage(free: u64, all: u64, low: u64, full: u64) -> Option<Level> {
    let below =
        |percent: u64, most: u64| free < most && free.saturating_mul(100) < all.saturating_mul(percent);
    if below(FULL.0, full) { Some(Level::Error) } else { below(LOW.0, low).then_some(Level::Warning) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * MIB;

    fn level(room: Room, is_needed: bool) -> Level {
        let place = DiskPlace { what: "tests", path: PathBuf::new(), is_needed };
        judge(&place, Path::new("."), room).first().unwrap().level
    }

    fn with(size: u64, free: u64) -> Room {
        Room { size, free, inodes: (0, 0), read_only: false }
    }

    #[test]
    fn a_shortage_is_measured_by_the_volume_and_by_what_is_needed() {
        for (size, free, expected) in [
            (1000 * GIB, 20 * GIB, Level::Ok),
            (1000 * GIB, GIB - 1, Level::Warning),
            (1000 * GIB, 99 * MIB, Level::Error),
            (GIB, 200 * MIB, Level::Ok),
            (GIB, 100 * MIB, Level::Warning),
            (GIB, 20 * MIB, Level::Error),
            (64 * MIB, 60 * MIB, Level::Ok),
            (0, 0, Level::Ok),
        ] {
            assert_eq!(level(with(size, free), true), expected, "{free} of {size}");
        }
        assert_eq!(level(with(GIB, 0), false), Level::Warning, "temporary files can wait");
    }

    #[test]
    fn inodes_and_a_read_only_mount_count_too() {
        let well = with(GIB, GIB);
        assert_eq!(level(Room { inodes: (1_000_000, 500_000), ..well }, true), Level::Ok);
        assert_eq!(level(Room { inodes: (50_000, 4_000), ..well }, true), Level::Warning);
        assert_eq!(level(Room { inodes: (1_000_000, 10), ..well }, true), Level::Error);
        assert_eq!(level(Room { read_only: true, ..well }, true), Level::Error);
        assert_eq!(level(Room { read_only: true, ..well }, false), Level::Warning);
    }
}
