//! The address of a database. It may contain a password, so only `reveal` returns it whole.

use std::{fmt, path::PathBuf};

use serde::Deserialize;
use tidegate_store::{SqliteUrlError, sqlite_file};

const SCHEMES: [&str; 3] = ["sqlite:", "postgres://", "postgresql://"];
const REDACTED: &str = "***";

/// Prints with its password redacted, through `Display` and `Debug` alike.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The whole address, with its password; for the driver only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `None`: it is a database of PostgreSQL, or names no file, which `check` tells.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        sqlite_file(&self.0).ok().flatten()
    }

    /// Whether it names a file, if it is of SQLite.
    pub fn check(&self) -> Result<(), SqliteUrlError> {
        sqlite_file(&self.0).map(drop)
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            Ok(Self(text))
        } else {
            Err("the scheme is not supported")
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.0), f)
    }
}

/// Redacts too much rather than too little: a password that was not percent-encoded may contain any separator.
pub fn redacted(url: &str) -> String {
    let url = match url.split_once('?') {
        Some((before, query)) => {
            let query: Vec<_> = query.split('&').map(parameter).collect();
            format!("{before}?{}", query.join("&"))
        }
        None => url.to_owned(),
    };
    userinfo(&url).unwrap_or(url)
}

/// Drivers decode the names of parameters, so a name with an escape may spell "password" too.
fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.contains('%') || name.to_ascii_lowercase().contains("password") => {
            format!("{name}={REDACTED}")
        }
        _ => pair.to_owned(),
    }
}

/// The address with everything from the first colon after the scheme to the last at sign redacted; `None` when it has no
/// such part.
fn userinfo(url: &str) -> Option<String> {
    let scheme = SCHEMES.iter().find(|scheme| url.starts_with(**scheme)).map_or(0, |scheme| scheme.len());
    let (scheme, rest) = url.split_at_checked(scheme)?;
    let (before, host) = rest.rsplit_once('@')?;
    let (user, _) = before.split_once(':')?;
    Some(format!("{scheme}{user}:{REDACTED}@{host}"))
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_password_is_redacted_wherever_it_stands() {
        for (url, shown) in [
            ("sqlite:tidegate.db?mode=rwc", "sqlite:tidegate.db?mode=rwc"),
            ("postgres://ada@db/tidegate", "postgres://ada@db/tidegate"),
            ("postgres://db:5432/tidegate", "postgres://db:5432/tidegate"),
            ("postgres://ada:pw@db:5432/tidegate", "postgres://ada:***@db:5432/tidegate"),
            ("postgresql://ada:p@w:/?#@db/t", "postgresql://ada:***@db/t"),
            (
                "postgres://db/t?user=ada&password=pw&sslmode=require",
                "postgres://db/t?user=ada&password=***&sslmode=require",
            ),
            ("postgres://ada:pw@db/t?password=p@w", "postgres://ada:***@db/t?password=***"),
            ("postgres://ada@db:1/t?PassWord=p@w=?w", "postgres://ada@db:1/t?PassWord=***"),
            ("postgres://db/t?p%61ssword=pw", "postgres://db/t?p%61ssword=***"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
