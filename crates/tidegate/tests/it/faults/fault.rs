//! Each fault: how it is done, how callers notice it, and how it ends.

use std::{path::Path, process::Command, time::Duration};

use tidegate_tests::postgres::Line;
use tokio::time::Instant;

use super::{Means, system::System, traffic::Traffic};
use crate::folder::Engine;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// kill -9 of a server, which is started again.
    Kill,
    /// SIGTERM of a server, which is started again.
    Stop,
    /// SIGTERM of a server, in whose place the other version of the program is started.
    OtherVersion,
    /// SIGSTOP and SIGCONT of a server.
    Pause,
    /// The database's disk takes no more.
    FullDisk,
    /// The clock goes ahead by ten minutes, comes back, and is forgotten.
    ClockJumps,
    /// Each message between a server and its database takes 100 ms.
    Latency,
    /// The connections of a server to its database break, and no new one is accepted.
    Cut,
    /// The network swallows what a server and its database say to each other.
    BlackHole,
    /// SIGSTOP and SIGCONT of PostgreSQL.
    PauseDatabase,
    /// PostgreSQL ends as by a loss of power, and is started again.
    CrashDatabase,
    /// PostgreSQL hangs, the standby is promoted, and the old primary comes back.
    FailOver,
}

/// Of the clock, in minutes.
const JUMP: u32 = 10;

impl Fault {
    /// But kills, which come between them.
    pub const ALL: [Self; 10] = [
        Self::Stop,
        Self::Pause,
        Self::FullDisk,
        Self::Latency,
        Self::Cut,
        Self::BlackHole,
        Self::PauseDatabase,
        Self::CrashDatabase,
        Self::FailOver,
        Self::ClockJumps,
    ];

    pub fn is_possible(self, engine: Engine, means: &Means) -> bool {
        match (self, engine) {
            (Self::Kill | Self::Stop | Self::Pause, _) | (Self::FullDisk, Engine::Sqlite) => true,
            (Self::OtherVersion, _) => means.earlier.is_some(),
            (Self::FullDisk, Engine::Postgres) => means.disk.is_some(),
            (Self::ClockJumps, Engine::Sqlite) => means.clock.is_some(),
            (_, Engine::Sqlite) => false,
            (_, Engine::Postgres) => true,
        }
    }

    /// Does it to one of the servers or to their database, and returns how long it was felt after it was over: until every
    /// caller had an answer.
    pub async fn strike(self, system: &mut System, traffic: &Traffic, which: usize) -> Duration {
        let at = which % system.servers.len();
        match self {
            Self::Kill => {
                system.killed(at).await;
                return starts_again(system, traffic, at).await;
            }
            Self::Stop => {
                system.stopped(at).await;
                return starts_again(system, traffic, at).await;
            }
            Self::OtherVersion => {
                system.stopped(at).await;
                system.is_earlier[at] = !system.is_earlier[at];
                return starts_again(system, traffic, at).await;
            }
            Self::Pause => {
                system.servers[at].program.signal("STOP");
                traffic.unanswered(2).await;
                system.servers[at].program.signal("CONT");
            }
            Self::FullDisk => full_disk(system, traffic).await,
            Self::ClockJumps => clock_jumps(system, traffic).await,
            Self::Latency => {
                lines(system, at).for_each(|line| line.delay(100));
                traffic.answered(60).await;
                lines(system, at).for_each(|line| line.delay(0));
            }
            Self::Cut => {
                for line in lines(system, at) {
                    line.cut().await;
                }
                traffic.unanswered(5).await;
                for line in lines(system, at) {
                    line.mend().await;
                }
            }
            Self::BlackHole => {
                lines(system, at).for_each(|line| line.silence(true));
                traffic.unanswered(5).await;
                lines(system, at).for_each(|line| line.silence(false));
            }
            Self::PauseDatabase => {
                system.primary().pause();
                traffic.unanswered(5).await;
                system.primary().go_on();
            }
            Self::CrashDatabase => tokio::task::block_in_place(|| system.primary().crash()),
            Self::FailOver => return fail_over(system, traffic).await,
        }
        felt_since(Instant::now(), traffic).await
    }
}

async fn felt_since(over: Instant, traffic: &Traffic) -> Duration {
    traffic.answered_to_each().await;
    over.elapsed()
}

/// The fault is over when the program is told to start.
async fn starts_again(system: &mut System, traffic: &Traffic, at: usize) -> Duration {
    let over = Instant::now();
    system.started(at).await;
    felt_since(over, traffic).await
}

fn lines(system: &System, server: usize) -> impl Iterator<Item = &Line> {
    system.postgres.iter().flat_map(move |postgres| &postgres.lines[server])
}

async fn full_disk(system: &System, traffic: &Traffic) {
    let Some(disk) = &system.means.disk else {
        system.limits_files(true);
        traffic.unanswered(5).await;
        system.limits_files(false);
        return;
    };
    fill(disk);
    traffic.unanswered(5).await;
    std::fs::remove_file(disk.join("ballast")).unwrap();
    if system.postgres.is_some() {
        // PostgreSQL ends when there is no room for its log. Who made room starts it again.
        tokio::task::block_in_place(|| system.primary().crash());
    }
}

/// Until the disk takes no more.
fn fill(disk: &Path) {
    let script = r#"cat /dev/zero > "$1/ballast" 2> /dev/null; true"#;
    let filled = Command::new("/bin/sh").args(["-c", script, "sh"]).arg(disk).status();
    assert!(filled.unwrap().success());
}

async fn clock_jumps(system: &mut System, traffic: &Traffic) {
    system.sets_clock(JUMP).await;
    traffic.answered(40).await;
    system.sets_clock(0).await;
    traffic.answered(40).await;
    system.forgets_clock().await;
}

/// Felt from the promotion on, while the old primary still holds connections and says nothing.
async fn fail_over(system: &mut System, traffic: &Traffic) -> Duration {
    let promoted = Instant::now();
    let old = system.fails_over().await;
    let felt = felt_since(promoted, traffic).await;
    old.go_on();
    traffic.answered(40).await;
    system.has_standby_again(old).await;
    felt
}
