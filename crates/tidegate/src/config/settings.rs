//! Every setting, once: key, type, default, what is allowed, whether it is printed, and its line of help.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use super::database_url::DatabaseUrl;
use super::setting::{Rule, Setting, Shown, settings};

settings! {
    /// The gRPC services.
    grpc: Grpc {
        /// Where clients connect; port 0 picks a free port.
        listen: SocketAddr = "127.0.0.1:50051", Rule::Address, Shown::Whole;
        /// Whether clients may list the services; auto is on while listen is a loopback address, else off.
        reflection: Reflection = "auto", Rule::Choice(&["auto", "on", "off"]), Shown::Whole;
    }
    /// The services of the operator.
    admin: Admin {
        /// Where the operator connects; port 0 picks a free port.
        listen: SocketAddr = "127.0.0.1:50052", Rule::Address, Shown::Whole;
    }
    /// Where everything is stored.
    database: Database {
        /// The database; its password is never printed.
        url: DatabaseUrl = "sqlite:tidegate.db", Rule::Database, Shown::Redacted;
        /// Connections open at once.
        connections: u32 = 8, Rule::Whole(1..=1000), Shown::Whole;
    }
    /// Keys that encrypt what is stored.
    keys: Keys {
        /// The file that holds the master key.
        master_file: PathBuf = "master.key", Rule::Text, Shown::Whole;
    }
    /// What the first start creates.
    bootstrap: Bootstrap {
        /// The realm of the operator.
        realm: String = "main", Rule::Text, Shown::Whole;
        /// The file that the credential of the operator is written to.
        credential_file: PathBuf = "operator.credential", Rule::Text, Shown::Whole;
    }
    /// Mail that leaves the server.
    mail: Mail {
        /// The folder that messages are written to.
        folder: PathBuf = "mail", Rule::Text, Shown::Whole;
        /// The sender that messages name.
        from: String = "Tidegate <no-reply@localhost>", Rule::Text, Shown::Whole;
        /// Milliseconds between looks for mail that is due.
        poll_ms: u64 = 500, Rule::Whole(10..=60_000), Shown::Whole;
    }
    /// What the server writes about itself.
    log: Log {
        /// How a line is written.
        format: Format = "text", Rule::Choice(&["text", "json"]), Shown::Whole;
        /// The least severe level that is written, or a filter such as info,tidegate=debug.
        level: String = "info", Rule::Text, Shown::Whole;
    }
    /// What the server takes on at once.
    limits: Limits {
        /// Commands under way at once.
        commands: usize = 256, Rule::Whole(1..=65_536), Shown::Whole;
        /// Passwords hashed at once, 19 MiB each, with an imported hash up to 128 MiB; 0 is one per core.
        password_hashes: usize = 0, Rule::Whole(0..=1024), Shown::Whole;
        /// Accounts whose standing is kept in memory, about 1 KiB each.
        cached_accounts: usize = 100_000, Rule::Whole(1..=100_000_000), Shown::Whole;
    }
    /// The record of what happened.
    audit: Audit {
        /// Days for which events are kept.
        retention_days: i64 = 400, Rule::Whole(30..=3660), Shown::Whole;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    Auto,
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Text,
    Json,
}

impl Grpc {
    /// Whether the reflection service is served.
    pub fn reflection(&self) -> bool {
        match self.reflection {
            Reflection::Auto => self.listen.ip().to_canonical().is_loopback(),
            Reflection::On => true,
            Reflection::Off => false,
        }
    }
}
