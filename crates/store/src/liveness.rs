//! Which processes of this database live, so that what a dead one claimed is free at once and not when its claim ends.
//!
//! ```text
//!   beats ──► lives ── stands still for its patience ──► dead: requests and leases are free ── four times ──► mails too
//!               ▲                                              │ beats again
//!               └──────────────────────────────────────────────┘
//! ```
//!
//! A process raises a number of its own row (`processes.rs`) at each pulse. The others watch the number by their monotonic
//! clocks, and only while they can read it: no clock of a machine and no outage of the database makes a living process a dead
//! one. A process that was paused and comes back loses nothing but what another one took meanwhile: claims are settled by
//! compare-and-set on the claim's id (INV-58). What leaves the program cannot be taken back, so a process that could not
//! beat for three times its patience hands nothing over any more, before the others take its mails.
//!
//! On SQLite one program uses the file at a time: every claim that is not its own is a dead process's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tidegate_core::{ClaimId, Entropy, Id, Kind, ProcessId, Timestamp};

use crate::{Engine, Store, processes::ProcessRow};

/// How often its patience a process must be silent before its mails are sent by another one.
const MAILS_AFTER: u32 = 4;
/// How often its patience a process that cannot beat goes on with what leaves the program.
const HANDS_OVER_FOR: u32 = 3;
/// How long a process that is gone is remembered. Its claims on requests and leases have ended long before.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Cheap to clone; all clones are the same process.
#[derive(Clone, Default)]
pub(crate) struct Liveness(Arc<Registry>);

#[derive(Default)]
struct Registry {
    own: OnceLock<OwnProcess>,
    watched: Mutex<Watched>,
    /// When the last beat that arrived was sent.
    beat: Mutex<Option<Instant>>,
    /// Claims on requests of commands that run in this process.
    held: Mutex<BTreeSet<ClaimId>>,
}

/// A claim on a request, while its command runs.
pub struct HeldClaim {
    claim: ClaimId,
    liveness: Liveness,
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        self.liveness.held().remove(&self.claim);
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnProcess {
    pub(crate) id: ProcessId,
    pub(crate) patience: Duration,
    /// No other process can use the database.
    alone: bool,
}

#[derive(Default)]
struct Watched {
    processes: BTreeMap<ProcessId, WatchedProcess>,
    looked: Option<Instant>,
}

struct WatchedProcess {
    /// `None`: its row is gone.
    beat: Option<i64>,
    patience: Duration,
    since: Instant,
    dead: bool,
}

impl Liveness {
    pub(crate) fn own(&self) -> Option<OwnProcess> {
        self.0.own.get().copied()
    }

    /// Whether the process that made this id is known to be dead.
    pub(crate) fn is_of_the_dead<K: Kind>(&self, id: Id<K>) -> bool {
        let Some(own) = self.own() else { return false };
        if own.alone || id.is_of(own.id) {
            return !id.is_of(own.id);
        }
        self.watched().processes.iter().any(|(process, watched)| watched.dead && id.is_of(*process))
    }

    /// Whether the command of this claim has ended without storing an outcome: its process is dead, or it is this one and holds
    /// the claim no more.
    fn is_left(&self, claim: ClaimId) -> bool {
        let is_own = self.own().is_some_and(|own| claim.is_of(own.id));
        if is_own { !self.held().contains(&claim) } else { self.is_of_the_dead(claim) }
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<ClaimId>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The own beat arrived, which was sent at this instant.
    pub(crate) fn beat(&self, sent: Instant) {
        *self.0.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }

    /// Until when what leaves the program may go on; `None`: for ever.
    fn hands_over_until(&self) -> Option<Instant> {
        let own = self.own().filter(|own| !own.alone)?;
        let beat = *self.0.beat.lock().unwrap_or_else(PoisonError::into_inner);
        Some(beat? + own.patience * HANDS_OVER_FOR)
    }

    /// Looks at the rows of all processes. Returns those whose mails are to be sent by another one.
    pub(crate) fn look(&self, rows: &[ProcessRow], now: Instant) -> Vec<ProcessId> {
        let Some(own) = self.own() else { return Vec::new() };
        let mut watched = self.watched();
        let Watched { processes, looked } = &mut *watched;
        // While nobody looked, nobody can say that a beat stood still.
        let blind = looked.replace(now).is_none_or(|before| now.duration_since(before) > own.patience / 2);
        for row in rows.iter().filter(|row| row.id != own.id) {
            let fresh =
                WatchedProcess { beat: Some(row.beat), patience: row.patience, since: now, dead: false };
            let known = processes.entry(row.id).or_insert(fresh);
            if known.beat != Some(row.beat) || (blind && !known.dead) {
                *known =
                    WatchedProcess { beat: Some(row.beat), patience: row.patience, since: now, dead: false };
            }
            known.dead = now.duration_since(known.since) >= known.patience;
        }
        for (process, known) in &mut *processes {
            if !rows.iter().any(|row| row.id == *process) {
                known.beat = None;
            }
        }
        processes.retain(|_, known| known.beat.is_some() || now.duration_since(known.since) < REMEMBERED);
        let silent = processes.iter().filter(|(_, known)| {
            known.beat.is_some() && now.duration_since(known.since) >= known.patience * MAILS_AFTER
        });
        silent.map(|(process, _)| *process).collect()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// From now on what this process claims says so. A process that is not registered claims as earlier programs did: until
    /// the claim ends.
    pub fn register(&self, id: ProcessId, patience: Duration) {
        let alone = self.engine() == Engine::Sqlite;
        // A second registration changes nothing.
        let _ = self.liveness.0.own.set(OwnProcess { id, patience, alone });
    }

    /// A fresh id for a claim, which says which process made it.
    pub fn claim_id<K: Kind>(&self, now: Timestamp, entropy: &dyn Entropy) -> Id<K> {
        let id = Id::new(now, entropy);
        self.liveness.own().map_or(id, |own| id.made_by(own.id))
    }

    /// A claim on a request is left when what this returns is dropped.
    pub fn hold(&self, claim: ClaimId) -> HeldClaim {
        self.liveness.held().insert(claim);
        HeldClaim { claim, liveness: self.liveness.clone() }
    }

    /// Whether a claim on a request may be taken over before its time: its process is known to be dead, or it is this one and
    /// holds it no more.
    pub fn is_left(&self, claim: ClaimId) -> bool {
        self.liveness.is_left(claim)
    }

    /// Runs `work` until its end, or until this process has been without a beat for so long that others may do the same
    /// work; then `None`. After a pause of the process `work` is not polled once more.
    pub async fn while_alive<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let lost = async {
            loop {
                let Some(until) = self.liveness.hands_over_until() else {
                    return std::future::pending().await;
                };
                if until <= Instant::now() {
                    return;
                }
                tokio::time::sleep_until(until.into()).await;
            }
        };
        tokio::select! {
            biased;
            () = lost => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    fn process(number: u8) -> ProcessId {
        Id::from_uuid_bytes([number; 16])
    }

    fn row(number: u8, beat: i64) -> ProcessRow {
        ProcessRow { id: process(number), beat, patience: PATIENCE }
    }

    /// A process that watches, and a claim of the other one.
    fn watcher(alone: bool) -> (Liveness, tidegate_core::ClaimId) {
        let watcher = Liveness::default();
        let own = OwnProcess { id: process(1), patience: PATIENCE, alone };
        assert!(watcher.0.own.set(own).is_ok());
        (watcher, Id::from_uuid_bytes([7; 16]).made_by(process(2)))
    }

    #[test]
    fn a_process_whose_beat_stands_still_is_dead_until_it_beats_again() {
        let ((watcher, claim), start) = (watcher(false), Instant::now());
        let look =
            |beat, seconds| watcher.look(&[row(1, 9), row(2, beat)], start + Duration::from_secs(seconds));
        for second in 0..3 {
            assert_eq!(look(5, second), []);
            assert!(!watcher.is_of_the_dead(claim), "{second} s");
        }
        look(5, 3);
        assert!(watcher.is_of_the_dead(claim));
        assert!(
            !watcher.is_of_the_dead(Id::<tidegate_core::kind::OfClaim>::from_uuid_bytes([7; 16])),
            "of nobody known"
        );
        look(6, 4);
        assert!(!watcher.is_of_the_dead(claim));
    }

    #[test]
    fn the_mails_of_a_silent_process_are_taken_later() {
        let ((watcher, claim), start) = (watcher(false), Instant::now());
        for second in 0..12 {
            assert_eq!(watcher.look(&[row(2, 5)], start + Duration::from_secs(second)), []);
        }
        assert_eq!(watcher.look(&[row(2, 5)], start + Duration::from_secs(12)), [process(2)]);
        watcher.look(&[], start + Duration::from_secs(13));
        assert!(watcher.is_of_the_dead(claim), "its row was removed");
    }

    /// After an outage, or a pause of the watcher itself, the others get their whole patience.
    #[test]
    fn a_watcher_that_could_not_look_declares_nobody_dead() {
        let ((watcher, claim), start) = (watcher(false), Instant::now());
        for second in [0, 1, 61, 62, 63] {
            watcher.look(&[row(2, 5)], start + Duration::from_secs(second));
            assert!(!watcher.is_of_the_dead(claim), "{second} s");
        }
        watcher.look(&[row(2, 5)], start + Duration::from_secs(64));
        assert!(watcher.is_of_the_dead(claim));
    }

    #[test]
    fn an_own_claim_is_left_when_its_command_ends() {
        for alone in [false, true] {
            let (watcher, claim) = watcher(alone);
            let own = claim.made_by(process(1));
            watcher.held().insert(own);
            let held = HeldClaim { claim: own, liveness: watcher.clone() };
            assert!(!watcher.is_left(own));
            assert_eq!(watcher.is_left(claim), alone, "another process's");
            drop(held);
            assert!(watcher.is_left(own));
        }
        assert!(!Liveness::default().is_left(watcher(false).1), "it is not registered");
    }

    #[test]
    fn where_one_process_is_alone_all_other_claims_are_of_the_dead() {
        let (watcher, claim) = watcher(true);
        assert!(watcher.is_of_the_dead(claim));
        assert!(!watcher.is_of_the_dead(claim.made_by(process(1))));
        assert!(!Liveness::default().is_of_the_dead(claim), "it is not registered");
    }

    /// The others send its messages when it was silent for four times its patience.
    #[tokio::test]
    async fn a_process_that_cannot_beat_hands_nothing_over() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
        let (timeouts, pooler) = (crate::Timeouts::default(), crate::Pooler::None);
        let settings = crate::Settings { url, connections: 1, timeouts, pooler };
        let mut store = Store::open(&settings).await.unwrap();
        (store.liveness, _) = watcher(false);
        let sent = async || store.while_alive(std::future::ready("sent")).await;
        assert_eq!(sent().await, Some("sent"), "it has not begun to beat");
        let ago = |span| Instant::now().checked_sub(span).unwrap();
        store.liveness.beat(ago(PATIENCE));
        assert_eq!(sent().await, Some("sent"));
        store.liveness.beat(ago(PATIENCE * 3));
        assert_eq!(sent().await, None);
        store.liveness.beat(ago(PATIENCE * 3).checked_add(Duration::from_millis(1)).unwrap());
        assert_eq!(
            store.while_alive(std::future::pending::<()>()).await,
            None,
            "what is under way is given up"
        );
        (store.liveness, _) = watcher(true);
        store.liveness.beat(ago(PATIENCE * 3));
        let alone = store.while_alive(std::future::ready("sent")).await;
        assert_eq!(alone, Some("sent"), "nobody else sends");
    }
}
