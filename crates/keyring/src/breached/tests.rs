//! Files that are written, read, cut and changed.

use std::{fs, path::Path};

use sha1::Sha1;
use tidegate_core::Secret;

use super::*;

fn hash(password: &str) -> Sha1Hash {
    Sha1::digest(password.as_bytes()).into()
}

fn write(path: &Path, passwords: &[(&str, u64)], least_count: u64) -> Result<u64, WriteFault> {
    let mut hashes: Vec<_> = passwords.iter().map(|(password, count)| (hash(password), *count)).collect();
    hashes.sort_unstable();
    let mut writer = BreachedWriter::new(fs::File::create(path)?, least_count)?;
    for (hash, count) in hashes {
        writer.add(&hash, count)?;
    }
    writer.finish()
}

fn has(file: &BreachedPasswords, password: &str) -> bool {
    file.has(&Secret::new(password.to_owned())).unwrap()
}

#[test]
fn a_password_is_found_if_it_was_counted_often_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let passwords =
        [("correct horse battery staple", 5), ("schöne Passphrase", 3), ("seldom", 2), ("padding", 0)];
    assert_eq!(write(&path, &passwords, 3).unwrap(), 2);
    let file = BreachedPasswords::open(&path).unwrap();
    assert_eq!((file.entries(), file.least_count()), (2, 3));
    assert!(has(&file, "correct horse battery staple"));
    assert!(has(&file, "schöne Passphrase") && has(&file, "scho\u{308}ne Passphrase"), "in any normal form");
    assert!(!has(&file, "seldom") && !has(&file, "padding") && !has(&file, "Correct horse battery staple"));
}

#[test]
fn every_password_of_many_is_found_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let names: Vec<_> = (0..20_000).map(|number| format!("password {number}")).collect();
    let (even, odd): (Vec<_>, Vec<_>) = names.iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let passwords: Vec<_> = even.iter().map(|(_, name)| (name.as_str(), 1)).collect();
    assert_eq!(write(&path, &passwords, 1).unwrap(), 10_000);
    let file = BreachedPasswords::open(&path).unwrap();
    assert!(even.iter().all(|(_, name)| has(&file, name)));
    assert!(!odd.iter().any(|(_, name)| has(&file, name)));
}

#[test]
fn hashes_at_the_edges_of_a_range_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let of = |first: u64| {
        let mut hash = [0; 20];
        hash[..8].copy_from_slice(&first.to_be_bytes());
        hash
    };
    let hashes = [0, 0x0000_0fff_ffff_fff0, 0x0000_1000_0000_0000, 0xffff_f000_0000_0000, u64::MAX].map(of);
    let mut writer = BreachedWriter::new(fs::File::create(&path).unwrap(), 1).unwrap();
    for hash in &hashes {
        writer.add(hash, 1).unwrap();
    }
    // The same one again, as far as it is stored.
    writer.add(&[0xff; 20], 1).unwrap();
    assert!(matches!(writer.add(&of(1 << 44), 1), Err(WriteFault::Order)));
    assert_eq!(writer.finish().unwrap(), 5);
    let file = lookup::tests::opened(&path);
    assert!(hashes.iter().all(&file));
    assert!(![0x10, 0x0000_1000_0000_0010, 0xffff_efff_ffff_fff0].map(of).iter().any(&file));
}

#[test]
fn a_file_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let told = |change: &dyn Fn(&mut Vec<u8>)| {
        write(&path, &[("one", 1), ("two", 1)], 1).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = BreachedPasswords::open(&path).map(drop).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    };
    let again = "; make it again with `tidegate passwords build`";
    let foreign = "FILE is no file of breached passwords: make one with `tidegate passwords build`";
    assert_eq!(told(&|bytes| bytes.clear()), foreign);
    assert_eq!(told(&|bytes| bytes[0] = b'x'), foreign);
    assert!(told(&|bytes| bytes[11] = 2).starts_with("FILE is of version 2, which"));
    let checksum = "FILE is damaged: its header does not have the right checksum";
    assert_eq!(told(&|bytes| bytes[23] = 1), format!("{checksum}{again}"));
    let length = "FILE is damaged: it is not as long as its header says";
    assert_eq!(told(&|bytes| bytes.truncate(bytes.len() - 1)), format!("{length}{again}"));
    assert_eq!(told(&|bytes| bytes.push(0)), format!("{length}{again}"));
    let index = "FILE is damaged: its index does not end with its last entry";
    let end = usize::try_from(ENTRIES).unwrap() - 1;
    assert_eq!(told(&|bytes| bytes[end] = 1), format!("{index}{again}"));
}

#[test]
fn a_file_that_is_damaged_or_lost_later_fails_the_lookup() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    write(&path, &[("one", 1)], 1).unwrap();
    let file = BreachedPasswords::open(&path).unwrap();
    let of_two = usize::try_from(split(&hash("two")).0).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER + 8 * of_two] = 0xff;
    fs::write(&path, &bytes).unwrap();
    let told = |file: &BreachedPasswords| {
        file.has(&Secret::new("two".to_owned())).map_err(|error| error.to_string())
    };
    assert!(told(&file).unwrap_err().contains("its index does not ascend"));
    fs::File::options().write(true).open(&path).unwrap().set_len(70).unwrap();
    assert!(told(&file).unwrap_err().contains("failed to read"));
}

#[test]
fn a_replaced_file_is_read_after_it_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, next) = (folder.path().join("breached"), folder.path().join("next"));
    write(&path, &[("one", 1)], 1).unwrap();
    let file = BreachedPasswords::open(&path).unwrap();
    let clone = file.clone();
    write(&next, &[("two", 1)], 1).unwrap();
    fs::rename(&next, &path).unwrap();
    assert!(has(&file, "one") && !has(&file, "two"), "the one that was opened is read on");
    file.open_again().unwrap();
    assert!(!has(&clone, "one") && has(&clone, "two"));
    fs::write(&next, "no such file").unwrap();
    fs::rename(&next, &path).unwrap();
    assert!(file.open_again().is_err());
    assert!(has(&file, "two"), "the old one stays");
}
