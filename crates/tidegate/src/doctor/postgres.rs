//! How the PostgreSQL server is set, as far as the program depends on it.

use std::sync::Arc;

use tidegate_store::{
    Inspection, OLDEST_POSTGRES, PostgresServer, PostgresUser, ServerConnections, Standbys, WriteBar,
};

use super::{
    database::failed,
    finding::{Check, Finding},
};
use crate::{config::Config, files};

const CHECK: Check = Check::Database;
/// So many tables are named at most.
const NAMED: usize = 5;

pub(super) async fn look(config: Arc<Config>, inspection: Arc<Inspection>) -> Vec<Finding> {
    // It was read before.
    let url = files::database_url(&config.database).map(|url| url.to_string()).unwrap_or_default();
    let (server, unwritable) = match (inspection.server().await, inspection.unwritable().await) {
        (Ok(server), Ok(unwritable)) => (server, unwritable),
        (Err(error), _) | (_, Err(error)) => return vec![failed(CHECK, &error)],
    };
    let Some(server) = server else { return Vec::new() };
    let mut found = vec![CHECK.ok(format!(
        "PostgreSQL {} answers at {} as user {}",
        version(server.version),
        url,
        server.user.name
    ))];
    found.extend(kind(&server));
    found.extend(bar(server.bar));
    found.extend(server.lossy.iter().map(|setting| lossy(setting)));
    found.extend(user(&server.user, server.schema.as_deref(), &unwritable));
    found.extend(standbys(server.standbys));
    found.push(connections(server.connections, config.database.connections));
    found
}

/// From version 10 on, the last four digits are the minor version.
fn version(number: i64) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

fn kind(PostgresServer { version: number, encoding, isolation, .. }: &PostgresServer) -> Vec<Finding> {
    let mut found = Vec::new();
    if *number < OLDEST_POSTGRES {
        found.push(CHECK.error(
            format!(
                "PostgreSQL {} is older than {}, the oldest that is tested",
                version(*number),
                OLDEST_POSTGRES / 10_000
            ),
            "upgrade the server (pg_upgrade)",
        ));
    }
    if encoding != "UTF8" {
        found.push(CHECK.error(
            format!("the database has the encoding {encoding}: names and addresses in other scripts cannot be stored"),
            "dump it, and restore it into a database made by `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`",
        ));
    }
    if isolation != "read committed" {
        found.push(CHECK.warning(
            format!(
                "default_transaction_isolation is \"{isolation}\": sign-ins at the same time undo each other's transactions, \
                 and calls fail that need not"
            ),
            "set it to 'read committed' for the database: `ALTER DATABASE … SET default_transaction_isolation = 'read committed'`",
        ));
    }
    found
}

fn bar(bar: Option<WriteBar>) -> Option<Finding> {
    Some(match bar? {
        WriteBar::Standby => CHECK.error(
            "the server is a standby (it is in recovery): nothing can be written, so nobody can sign in",
            "name the primary in database.url; or, if the primary is lost, promote this one: `SELECT pg_promote()`",
        ),
        WriteBar::ReadOnly => CHECK.error(
            "default_transaction_read_only is on: nothing can be written, so nobody can sign in",
            "find out who set it and why (a full disk, a switch-over), then switch it off for the server, the database or the \
             user: `ALTER DATABASE … RESET default_transaction_read_only`",
        ),
    })
}

fn lossy(setting: &str) -> Finding {
    let why = match setting {
        "synchronous_commit" => "a crash loses the last commits, so a code that was used may be used again",
        _ => "a crash may break the database beyond repair",
    };
    let how = match setting {
        "synchronous_commit" => "ALTER DATABASE … RESET synchronous_commit",
        _ => "ALTER SYSTEM RESET",
    };
    CHECK.error(
        format!("{setting} is off: {why}"),
        format!("switch {setting} on, in the server's configuration or where the database or the user overrides it (`{how}`)"),
    )
}

fn user(user: &PostgresUser, schema: Option<&str>, unwritable: &[String]) -> Vec<Finding> {
    let (mut found, name) = (Vec::new(), &user.name);
    if user.is_superuser {
        found.push(CHECK.warning(
            format!("{name} is a superuser: whoever gets at the program's settings owns the whole server"),
            "make a user that owns nothing but this database: `CREATE ROLE … LOGIN`, `ALTER DATABASE … OWNER TO …`",
        ));
    }
    let Some(schema) = schema else {
        found.push(CHECK.error(
            format!("no schema of the search path of {name} exists, so there is no place for tables"),
            format!("`CREATE SCHEMA public`, or `ALTER ROLE {name} RESET search_path`"),
        ));
        return found;
    };
    if !unwritable.is_empty() {
        let named: Vec<_> = unwritable.iter().take(NAMED).map(String::as_str).collect();
        let more = unwritable.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.push(CHECK.error(
            format!("{name} may not read and write {}{more}", named.join(", ")),
            format!("as the owner: `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}`"),
        ));
    }
    found
}

fn standbys(Standbys { connected, synchronous, hidden, waited_for }: Standbys) -> Option<Finding> {
    let standbys =
        if connected == 1 { "1 standby follows".to_owned() } else { format!("{connected} standbys follow") };
    match (connected, waited_for) {
        (_, true) if synchronous == 0 && hidden == 0 => Some(CHECK.error(
            "synchronous_standby_names names standbys, and none of them is connected: every commit waits without end",
            "bring a standby back, or, if they are lost, `ALTER SYSTEM SET synchronous_standby_names = ''` and \
             `SELECT pg_reload_conf()`",
        )),
        (0, false) => None,
        (_, true) if synchronous == 0 => Some(CHECK.ok(format!(
            "{standbys}, and commits wait for some; which of them this user may not see (pg_read_all_stats)"
        ))),
        (_, true) => Some(CHECK.ok(format!("{standbys}, and commits wait for {synchronous}"))),
        (_, false) => Some(CHECK.ok(format!("{standbys}, asynchronously: a failover may lose the last commits"))),
    }
}

fn connections(server: ServerConnections, wanted: u32) -> Finding {
    let ServerConnections { allowed, reserved, open, own_limit } = server;
    let usable = own_limit.unwrap_or(i64::MAX).min(allowed.saturating_sub(reserved));
    let free = usable.saturating_sub(open);
    // The pulse has its own, so that it tells of a database whose other connections are all in use.
    let wanted = i64::from(wanted) + 1;
    let what = format!(
        "the server allows {usable} connections, {open} are open, and each replica opens up to {wanted} \
         (database.connections, and one for its pulse)"
    );
    let remedy = "lower database.connections, or raise max_connections of the server (or the limit of the database or user)";
    if wanted > usable {
        return CHECK.error(format!("{what}: calls will wait in vain"), remedy);
    }
    if wanted > free {
        return CHECK.warning(
            format!("{what}: too few are left for one more replica (those that run have theirs)"),
            remedy,
        );
    }
    CHECK.ok(format!("{what}: multiply that by your replicas"))
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    fn standing(connected: i64, synchronous: i64, hidden: i64, waited_for: bool) -> Option<Level> {
        standbys(Standbys { connected, synchronous, hidden, waited_for }).map(|finding| finding.level)
    }

    #[test]
    fn a_standby_that_commits_wait_for_must_be_there() {
        assert_eq!(standing(0, 0, 0, false), None);
        assert_eq!(standing(0, 0, 0, true), Some(Level::Error));
        assert_eq!(standing(1, 0, 0, true), Some(Level::Error), "another one");
        assert_eq!(standing(1, 1, 0, true), Some(Level::Ok));
        assert_eq!(standing(2, 0, 2, true), Some(Level::Ok), "the user may not see which");
        assert_eq!(standing(1, 0, 0, false), Some(Level::Ok));
    }

    #[test]
    fn connections_are_counted_against_the_lowest_limit() {
        let look = |own_limit, open, wanted| {
            connections(ServerConnections { allowed: 100, reserved: 3, open, own_limit }, wanted).level
        };
        assert_eq!(look(None, 10, 8), Level::Ok);
        assert_eq!(look(None, 92, 8), Level::Warning);
        assert_eq!(look(None, 10, 98), Level::Error);
        assert_eq!(look(Some(4), 0, 8), Level::Error);
    }

    #[test]
    fn an_old_server_is_an_error() {
        let server = PostgresServer {
            version: 130_014,
            encoding: "UTF8".to_owned(),
            user: PostgresUser { name: "tidegate".to_owned(), is_superuser: false, may_create: true },
            schema: None,
            bar: None,
            isolation: "read committed".to_owned(),
            lossy: Vec::new(),
            standbys: Standbys { connected: 0, synchronous: 0, hidden: 0, waited_for: false },
            connections: ServerConnections { allowed: 100, reserved: 3, open: 0, own_limit: None },
        };
        let [old] = &kind(&server)[..] else { panic!("one finding") };
        assert!(
            old.level == Level::Error && old.what.starts_with("PostgreSQL 13.14 is older than 14"),
            "{old:?}"
        );
        assert_eq!(kind(&PostgresServer { version: 140_000, ..server }), []);
    }
}
