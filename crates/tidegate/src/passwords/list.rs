//! Lists of Have I Been Pwned: lines of a SHA-1 in hexadecimal digits, a colon, and how often the password was counted.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::{Context as _, anyhow, bail};
use tidegate_keyring::breached::Sha1Hash;

/// Files of a whole folder: one for each first 20 bits of a hash.
pub(super) const RANGES: u32 = 1 << 20;
/// Bytes of a line. A longer one is of another list.
const MAX_LINE: u64 = 128;

pub(super) type Add<'a> = &'a mut dyn FnMut(Sha1Hash, u64) -> anyhow::Result<()>;

/// The names that the file of a range may have.
const NAMES: [fn(u32) -> String; 4] = [
    |range| format!("{range:05X}"),
    |range| format!("{range:05X}.txt"),
    |range| format!("{range:05x}"),
    |range| format!("{range:05x}.txt"),
];

/// Reads the files of the ranges in the order of the ranges. Returns how many are missing.
pub(super) fn read_folder(folder: &Path, add: Add<'_>) -> anyhow::Result<u32> {
    let (found, mut missing) =
        (names(folder).with_context(|| format!("failed to read {}", folder.display()))?, 0);
    for (range, name) in (0..RANGES).zip(found) {
        match name {
            Some(name) => read_file(&folder.join(name(range)), &format!("{range:05X}"), &mut *add)?,
            None => missing += 1,
        }
    }
    Ok(missing)
}

/// How the file of a range is named.
type RangeName = fn(u32) -> String;

/// How the file of each range is named, if there is one.
fn names(folder: &Path) -> std::io::Result<Vec<Option<RangeName>>> {
    let mut found = vec![None; RANGES as usize];
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        let Some(file) = file.to_str() else { continue };
        let range = file.get(..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(range) = range else { continue };
        let name = NAMES.into_iter().find(|name| name(range) == file);
        if let Some(place) = found.get_mut(range as usize) {
            *place = name.or(*place);
        }
    }
    Ok(found)
}

/// Reads one file. Its lines lack the prefix, which its name gives.
pub(super) fn read_file(path: &Path, prefix: &str, add: Add<'_>) -> anyhow::Result<()> {
    let place = || format!("failed to read {}", path.display());
    let mut lines = BufReader::new(File::open(path).with_context(place)?);
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        let read = std::io::Read::take(&mut lines, MAX_LINE).read_line(&mut line).with_context(place)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let at = || format!("{}, line {number}", path.display());
        let (hash, count) = parsed(&line, prefix).with_context(at)?;
        add(hash, count).with_context(at)?;
    }
}

fn parsed(line: &str, prefix: &str) -> anyhow::Result<(Sha1Hash, u64)> {
    let line = line.trim_end_matches(['\n', '\r']).trim_start_matches('\u{feff}');
    let form = || anyhow!("must be {} hexadecimal digits, a colon and a number", 40 - prefix.len());
    let (digits, count) = line.split_once(':').ok_or_else(form)?;
    let digits = [prefix, digits].concat();
    if digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        bail!(form());
    }
    let mut hash = [0; 20];
    for (byte, place) in hash.iter_mut().zip((0..40).step_by(2)) {
        let pair = digits.get(place..place + 2).ok_or_else(form)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| form())?;
    }
    Ok((hash, count.parse().map_err(|_| form())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_or_refused() {
        let (suffix, hash) =
            ("1E4C9B93F3F0682250B6CF8331B7EE68FD8", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        let whole = parsed(&format!("{hash}:9545824\r\n"), "").unwrap();
        assert_eq!((whole.0[0], whole.0[19], whole.1), (0x5b, 0xd8, 9_545_824));
        assert_eq!(parsed(&format!("{suffix}:9545824"), "5BAA6").unwrap(), whole);
        assert_eq!(parsed(&format!("\u{feff}{}:9545824\n", hash.to_lowercase()), "").unwrap(), whole);
        let ntlm = "8846F7EAEE8FB117AD06BDD830B7586C:1";
        for wrong in [
            "",
            "\n",
            suffix,
            hash,
            "5BAA6:1",
            ntlm,
            &format!("{hash}:-1"),
            &format!("{hash}: 1"),
            &"é".repeat(30),
        ] {
            let told = parsed(wrong, "").unwrap_err().to_string();
            assert_eq!(told, "must be 40 hexadecimal digits, a colon and a number", "{wrong}");
        }
    }
}
