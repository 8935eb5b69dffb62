//! File descriptors. Each connection takes one, and without one nothing works: no caller connects, no file is opened, the probes
//! of the admin port fail. So the limit is raised as far as the system allows, and the port of gRPC, which anybody may reach,
//! leaves enough for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{config::Config, files};

/// Descriptors beside those of connections: listeners, certificates, the runtime's own.
const SPARE: u64 = 64;
/// Connections of the admin port and of the port for receipts, and those that make room there.
const OTHER_PORTS: u64 = 256;

/// How many descriptors the process may have. `None`: any number.
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many it may have once it has raised its limit.
pub fn highest_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the limit as far as it goes without privileges. The limit is low by default for programs that use `select`, which
/// this one does not.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, current, maximum, "the limit of open files cannot be raised");
    }
}

/// How many the database, the admin port and everything else may take.
pub fn reserve(config: &Config) -> u64 {
    let connections = u64::from(config.database.connections);
    // SQLite has three files for each connection, and one connection that writes.
    let is_sqlite =
        files::database_url(&config.database).is_ok_and(|url| url.reveal().starts_with("sqlite:"));
    let database = if is_sqlite { (connections + 1) * 3 } else { connections };
    // Mails, text messages and notifications, each with so many connections.
    let sends = config.mail.sends_at_once.saturating_mul(3);
    database.saturating_add(sends).saturating_add(OTHER_PORTS + SPARE)
}

/// Connections of the port of gRPC: in all, and those of callers that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcConnections {
    pub all: usize,
    pub strangers: usize,
}

impl GrpcConnections {
    pub fn set(config: &Config) -> Self {
        let all = config.limits.connections;
        Self { all, strangers: config.limits.stranger_connections.min(all) }
    }

    /// The most descriptors that they take: handshakes of TLS have no place among all connections yet.
    pub fn descriptors(self) -> u64 {
        u64::try_from(self.all.saturating_add(self.strangers)).unwrap_or(u64::MAX)
    }

    /// As many as the limit leaves room for, at least some.
    pub fn within(self, limit: Option<u64>, reserve: u64) -> Self {
        const LEAST: usize = 8;
        let room = limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit.saturating_sub(reserve)).unwrap_or(usize::MAX).max(2 * LEAST)
        });
        if self.all.saturating_add(self.strangers) <= room {
            return self;
        }
        let strangers = self.strangers.min((room / 4).max(LEAST));
        Self { all: self.all.min(room - strangers), strangers }
    }
}

/// The connections that the process can have. Says so where they are fewer than the settings allow.
pub fn grpc_connections(config: &Config) -> GrpcConnections {
    let (set, limit, reserve) = (GrpcConnections::set(config), limit(), reserve(config));
    let within = set.within(limit, reserve);
    if within != set {
        tracing::warn!(
            limit,
            reserve,
            needed = set.descriptors().saturating_add(reserve),
            connections = within.all,
            stranger_connections = within.strangers,
            "fewer connections are taken than limits.connections allows: raise the limit of open files (ulimit -n)"
        );
    }
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        let set = GrpcConnections { all: 4_096, strangers: 1_024 };
        assert_eq!(set.within(None, 200), set);
        assert_eq!(set.within(Some(5_320), 200), set);
        for limit in [5_319, 1_024, 300] {
            let within = set.within(Some(limit), 200);
            assert!(within.descriptors() + 200 <= limit, "{limit}: {within:?}");
            assert!(within.strangers < within.all, "{limit}: {within:?}");
        }
        let few = set.within(Some(10), 200);
        assert_eq!((few.all, few.strangers), (8, 8), "it serves anyway");
    }
}
