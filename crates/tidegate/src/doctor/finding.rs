//! What a check found, and what to do about it. No text contains a secret (INV-47).

use serde::Serialize;

/// The checks, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    Settings,
    /// The server of PostgreSQL, or the file of SQLite.
    Database,
    Schema,
    Clock,
    /// The master key.
    Keys,
    /// Operators' credentials, and those that expire.
    Operators,
    /// Who may read the files that hold secrets.
    Files,
    Tls,
    Mail,
    /// The products' own texts of messages.
    Texts,
    Sms,
    Push,
    Proxy,
    Ports,
    Disk,
    Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// The program serves, and something should be changed.
    Warning,
    /// The program does not serve, or not as it should.
    Error,
    /// The check could not look.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: Check,
    pub(super) level: Level,
    /// What is, and why it matters.
    pub(super) what: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Check {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Clock => "clock",
            Self::Keys => "keys",
            Self::Operators => "operators",
            Self::Files => "files",
            Self::Tls => "tls",
            Self::Mail => "mail",
            Self::Texts => "texts",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::Proxy => "proxy",
            Self::Ports => "ports",
            Self::Disk => "disk",
            Self::Limits => "limits",
        }
    }

    pub(super) fn ok(self, what: impl Into<String>) -> Finding {
        Finding { check: self, level: Level::Ok, what: what.into(), remedy: None }
    }

    pub(super) fn warning(self, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.found(Level::Warning, what, remedy)
    }

    pub(super) fn error(self, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.found(Level::Error, what, remedy)
    }

    pub(super) fn unknown(self, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.found(Level::Unknown, what, remedy)
    }

    pub(super) fn found(self, level: Level, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { check: self, level, what: what.into(), remedy: Some(remedy.into()) }
    }
}

impl Level {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}
