//! A campaign of faults. Callers sign in all the time, while processes are killed, disks fill, lines are cut, databases move
//! and clocks jump. At the end everything that was acknowledged must be there, and nothing twice.
//!
//! The short form is among the tests. `tests/faults` runs the long one and prints how long each fault was felt.

mod caller;
mod fault;
mod figures;
mod follower;
mod ledger;
mod system;
mod traffic;

use std::path::PathBuf;

use tokio::task::JoinSet;

use self::{
    caller::PatientCaller,
    fault::{Fault, Fault::*},
    figures::Figures,
    follower::Follower,
    ledger::Ledger,
    system::System,
    traffic::Traffic,
};
use crate::{folder::Engine, rolling::random};

/// Callers at once.
const CALLERS: usize = 4;

/// What the machine has for the long form: without it the faults that need it are left out.
#[derive(Debug, Default)]
struct Means {
    /// A folder on a small disk, which holds the databases too (`TMPDIR`).
    disk: Option<PathBuf>,
    /// libfaketime, which moves the clock of one process.
    clock: Option<PathBuf>,
    /// The program of an earlier version, which begins.
    earlier: Option<PathBuf>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_faults_on_sqlite() {
    let faults = [Kill, FullDisk, Kill, Pause, Stop, Kill];
    campaign(Engine::Sqlite, Means::default(), &faults, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_faults_on_postgres() {
    let faults = [
        Kill,
        Latency,
        Cut,
        BlackHole,
        Kill,
        CrashDatabase,
        PauseDatabase,
        FailOver,
        Pause,
        ClockJumps,
        Stop,
    ];
    campaign(Engine::Postgres, Means::default(), &faults, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour: see tests/faults"]
async fn the_long_campaign_on_sqlite() {
    long(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour: see tests/faults"]
async fn the_long_campaign_on_postgres() {
    long(Engine::Postgres).await;
}

/// Servers of both versions serve one database, and each takes the place of the other, both ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an earlier program: see tests/faults"]
async fn two_versions_serve_side_by_side_on_postgres() {
    let means = Means { earlier: told("TIDEGATE_FAULTS_EARLIER").map(PathBuf::from), ..Means::default() };
    assert!(means.earlier.is_some(), "TIDEGATE_FAULTS_EARLIER names the earlier program");
    let faults: Vec<_> = std::iter::repeat_n([Kill, OtherVersion, Kill, Cut], 10).flatten().collect();
    campaign(Engine::Postgres, means, &faults, 1).await;
}

/// Kills by the number that the environment says, and after every fifth one of the other faults.
async fn long(engine: Engine) {
    let kills = told("TIDEGATE_FAULTS_KILLS").map_or(200, |text| text.parse().unwrap());
    let seed = told("TIDEGATE_FAULTS_SEED").map_or(1, |text| text.parse().unwrap());
    let disk = told("TIDEGATE_FAULTS_DISK").map(PathBuf::from);
    let means = Means { disk, clock: told("TIDEGATE_FAULTS_CLOCK").map(PathBuf::from), earlier: None };
    let others: Vec<_> = Fault::ALL.into_iter().filter(|fault| fault.is_possible(engine, &means)).collect();
    let mut faults = Vec::new();
    for kill in 0..kills {
        faults.push(Kill);
        if kill % 5 == 4 {
            // Each of them comes once before one comes again.
            let turn = kill / 5;
            let first = random(seed, turn / others.len());
            faults.push(others[(first + turn) % others.len()]);
        }
    }
    campaign(engine, means, &faults, seed).await;
}

#[expect(clippy::disallowed_methods, reason = "the long form is told from outside")]
fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

async fn campaign(engine: Engine, means: Means, faults: &[Fault], seed: u64) {
    let mut system = System::set_up(engine, means).await;
    let (traffic, ledger) = (Traffic::of(CALLERS), Ledger::default());
    let follower = Follower::start(system.doors());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(PatientCaller::new(number, system.doors(), traffic.clone(), ledger.clone()).calls());
    }
    let mut figures = Figures::default();
    let suffering = async {
        for (turn, fault) in faults.iter().enumerate() {
            // At any moment of a sign-in, and of any caller.
            traffic.answered(random(seed, 2 * turn) % 40).await;
            let felt = fault.strike(&mut system, &traffic, random(seed, 2 * turn + 1)).await;
            figures.felt(*fault, felt);
            system.is_whole().await;
        }
    };
    tokio::select! {
        () = suffering => traffic.stop(),
        Some(ended) = callers.join_next() => panic!("a caller ended before the campaign: {ended:?}"),
    }
    callers.join_all().await;
    system.ends_with_this_version().await;
    let told = ledger.check(&system, follower).await;
    system.stop_all().await;
    figures.print(engine, &traffic, &told);
}
