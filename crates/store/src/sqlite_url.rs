//! The address of an SQLite database, read by one parser: for the store, the settings and `tidegate doctor`.
//!
//! An address is `sqlite:` and the path of a file, which is taken as it is written. Everything that other programs
//! read differently is refused: it would make a file of an odd name, and the data in it would be missed later.

use std::path::{Path, PathBuf};

/// Why an address names no file. The text fits after the name of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SqliteUrlError {
    #[error("names no file: write, for example, sqlite:tidegate.db or sqlite:/var/lib/tidegate/tidegate.db")]
    Empty,
    #[error(
        "is a database in memory, which is lost when the program ends: name a file, such as sqlite:tidegate.db"
    )]
    Memory,
    #[error(
        "has parameters, and none is read: leave out the ? and what follows it; a missing file is made without them"
    )]
    Parameters,
    #[error("has \"file:\" in it: leave it out, and write the path alone, such as sqlite:tidegate.db")]
    FileScheme,
    #[error("has a percent-escape, and none is decoded: write the character itself")]
    Escape,
    #[error("names a folder: add the name of the file, such as sqlite:/var/lib/tidegate/tidegate.db")]
    Folder,
    #[error("begins or ends with a blank, or has a control character in it: correct the path")]
    Blank,
}

const SCHEME: &str = "sqlite:";

/// The file of an SQLite address. `None`: the address is of another engine.
pub fn sqlite_file(url: &str) -> Result<Option<PathBuf>, SqliteUrlError> {
    let Some(path) = url.strip_prefix(SCHEME) else { return Ok(None) };
    // `sqlite://x.db` is as common as `sqlite:x.db`, and `sqlite:///x.db` as `sqlite:/x.db`.
    let path = path.strip_prefix("//").unwrap_or(path);
    let fault = if path.contains(":memory:") {
        Some(SqliteUrlError::Memory)
    } else if path.contains('?') {
        Some(SqliteUrlError::Parameters)
    } else if path.is_empty() {
        Some(SqliteUrlError::Empty)
    } else if path.starts_with("file:") {
        Some(SqliteUrlError::FileScheme)
    } else if has_escape(path) {
        Some(SqliteUrlError::Escape)
    } else if path.ends_with('/') || Path::new(path).file_name().is_none() {
        Some(SqliteUrlError::Folder)
    } else if path.trim() != path || path.contains(char::is_control) {
        Some(SqliteUrlError::Blank)
    } else {
        None
    };
    fault.map_or_else(|| Ok(Some(PathBuf::from(path))), Err)
}

/// A percent sign that two hexadecimal digits follow. Another one is a character like others.
fn has_escape(path: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut after = path.split('%').skip(1).map(str::as_bytes);
    after.any(|after| is_digit(after.first()) && is_digit(after.get(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file_or_says_what_to_write() {
        for (url, file) in [
            ("sqlite:x.db", "x.db"),
            ("sqlite://x.db", "x.db"),
            ("sqlite:///srv/x.db", "/srv/x.db"),
            ("sqlite:/srv/x.db", "/srv/x.db"),
            ("sqlite:./a b/100%.db", "./a b/100%.db"),
            ("sqlite:../x#1&y.db", "../x#1&y.db"),
        ] {
            assert_eq!(sqlite_file(url), Ok(Some(PathBuf::from(file))), "{url}");
        }
        for (url, fault) in [
            ("sqlite:", SqliteUrlError::Empty),
            ("sqlite://", SqliteUrlError::Empty),
            ("sqlite::memory:", SqliteUrlError::Memory),
            ("sqlite://:memory:", SqliteUrlError::Memory),
            ("sqlite:file::memory:?cache=shared", SqliteUrlError::Memory),
            ("sqlite:?mode=memory", SqliteUrlError::Parameters),
            ("sqlite:x.db?mode=rwc", SqliteUrlError::Parameters),
            ("sqlite:x.db?", SqliteUrlError::Parameters),
            ("sqlite:file:x.db", SqliteUrlError::FileScheme),
            ("sqlite:a%20b.db", SqliteUrlError::Escape),
            ("sqlite:x%3Fy.db", SqliteUrlError::Escape),
            ("sqlite:/srv/", SqliteUrlError::Folder),
            ("sqlite:..", SqliteUrlError::Folder),
            ("sqlite:/", SqliteUrlError::Folder),
            ("sqlite:x.db ", SqliteUrlError::Blank),
            ("sqlite: x.db", SqliteUrlError::Blank),
            ("sqlite:x\n.db", SqliteUrlError::Blank),
        ] {
            assert_eq!(sqlite_file(url), Err(fault), "{url}");
        }
        for url in ["postgres://db/tidegate", "postgresql://db", "SQLITE:x.db", ""] {
            assert_eq!(sqlite_file(url), Ok(None), "{url}");
        }
    }
}
