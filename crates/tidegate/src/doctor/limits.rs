//! What the system allows the process, against what the settings make it use: open files, memory, processors.

use std::{fs, num::NonZero, thread::available_parallelism};

use super::{
    cgroup::Allowed,
    finding::{Check, Finding},
};
use crate::{
    config::Config,
    descriptors::{self, GrpcConnections},
};

const CHECK: Check = Check::Limits;
const MIB: u64 = 1024 * 1024;
/// What hashing one password takes.
const HASH: u64 = 19 * MIB;
/// What a cached account takes.
const ACCOUNT: u64 = 2 * 1024;
/// What the program takes without either.
const BASE: u64 = 64 * MIB;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let (limit, allowed) = (descriptors::highest_limit(), Allowed::here());
    let hashes = match config.limits.password_hashes {
        0 => available_parallelism().map_or(1, NonZero::get),
        set => set,
    };
    let hashes = u64::try_from(hashes).unwrap_or(u64::MAX);
    vec![
        files(limit, GrpcConnections::set(config), descriptors::reserve(config)),
        memory(
            allowed.memory.or_else(machine),
            (hashes, count(config.limits.cached_accounts)),
            u64::from(config.limits.message_mib).saturating_mul(2 * MIB),
        ),
        processors(allowed.processors, hashes),
    ]
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `None`: there is no limit.
fn files(limit: Option<u64>, connections: GrpcConnections, reserve: u64) -> Finding {
    let needed = connections.descriptors().saturating_add(reserve);
    match limit {
        Some(limit) if limit < needed => CHECK.warning(
            format!(
                "{limit} files may be open (ulimit -n), and the settings allow {needed}, most of them connections \
                 (limits.connections): no more than {} connections are taken, so that {reserve} are left for the rest",
                connections.within(Some(limit), reserve).all
            ),
            format!("raise the limit (`ulimit -n {needed}`; systemd: `LimitNOFILE={needed}`), or lower limits.connections"),
        ),
        Some(limit) => CHECK.ok(format!("{limit} files may be open, and the settings allow {needed}")),
        None => CHECK.ok("any number of files may be open"),
    }
}

fn memory(allowed: Option<u64>, (hashes, accounts): (u64, u64), messages: u64) -> Finding {
    let parts = [hashes.saturating_mul(HASH), accounts.saturating_mul(ACCOUNT), messages];
    let needed = parts.into_iter().fold(BASE, u64::saturating_add);
    let sum = format!(
        "{hashes} passwords at once (19 MiB each), {accounts} cached accounts (2 KiB each) and large messages ({} MiB) take up \
         to {} MiB",
        messages / MIB,
        needed / MIB
    );
    match allowed {
        Some(allowed) if allowed < needed => CHECK.warning(
            format!("{sum}, and {} MiB are allowed: the system will end the program (OOM)", allowed / MIB),
            "raise the limit (`resources` of the chart, systemd: `MemoryMax`), or lower limits.password_hashes or \
             limits.cached_accounts",
        ),
        Some(allowed) => CHECK.ok(format!("{sum}, and {} MiB are allowed", allowed / MIB)),
        None => CHECK.ok(sum),
    }
}

/// The memory of the machine, where no group limits it.
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.saturating_mul(1024))
}

/// `allowed`: in hundredths of a processor; `None`: all of the machine.
fn processors(allowed: Option<u64>, hashes: u64) -> Finding {
    let Some(hundredths) = allowed else {
        let cores = available_parallelism().map_or(1, NonZero::get);
        return CHECK
            .ok(format!("the program may use {cores} processors, and hashes {hashes} passwords at once"));
    };
    let shown = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    if hundredths < hashes.saturating_mul(100) {
        return CHECK.warning(
            format!(
                "the program may use {shown} processors, and hashes {hashes} passwords at once: the system stops it again and \
                 again, and all calls are slow"
            ),
            "remove the limit of processors (keep the request), or lower limits.password_hashes to it",
        );
    }
    CHECK.ok(format!("the program may use {shown} processors, and hashes {hashes} passwords at once"))
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    #[test]
    fn what_is_needed_is_compared_with_what_is_allowed() {
        let connections = GrpcConnections { all: 4_000, strangers: 100 };
        assert_eq!(files(Some(1_024), connections, 200).level, Level::Warning);
        assert_eq!(files(Some(4_300), connections, 200).level, Level::Ok);
        assert_eq!(files(None, connections, 200).level, Level::Ok);
        let memory = |mib: u64| memory(Some((mib + 128) * MIB), (4, 100_000), 128 * MIB).level;
        assert_eq!((memory(335), memory(336)), (Level::Warning, Level::Ok));
        assert_eq!(processors(Some(50), 1).level, Level::Warning, "a half of one");
        assert_eq!(processors(Some(200), 2).level, Level::Ok);
        assert_eq!(processors(None, 64).level, Level::Ok);
    }
}
