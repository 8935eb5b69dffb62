//! Whether this server can do what calls ask for: it writes and reads as they do (a pulse), some times a minute. Readiness,
//! and health per service, are answered from the last pulse.
//!
//! ```text
//!   pulse: writes the beat, reads the installation ──► ready
//!     │ the database's own answer says why not ──────► not ready, at once; ready again at the next good pulse
//!     └ no answer in time ───────────────────────────► as before, and not ready when there was none for a while
//! ```
//!
//! A call, or work in the background, that meets an error of the whole database asks for a pulse at once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tidegate_core::{IncidentId, RealmId};
use tidegate_store::{Engine, NEWEST, Outage, Store};
use tokio::sync::{Notify, watch};

use crate::{App, Fault, StoreError, installation::fits};

/// Why a server is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    Full,
    Disk,
    ReadOnly,
    Corrupt,
    Absent,
    OlderSchema,
    /// The database is another installation's: rows that are sealed with this one's key do not belong there.
    Foreign,
    OtherKey,
    Unreachable,
    /// It does not answer in time.
    Silent,
    /// It holds documents that this version cannot read (INV-44).
    NewerDocument,
    /// It refuses what must not fail.
    Failing,
}

impl Unready {
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Full => "the database has no space left",
            Self::Disk => "the database's disk reports errors",
            Self::ReadOnly => "the database is read-only",
            Self::Corrupt => "the database is damaged",
            Self::Absent => "the database has no tables, or is missing",
            Self::OlderSchema => "the database has an older schema",
            Self::Foreign => "the database is another installation's",
            Self::OtherKey => "the database was made with another master key",
            Self::Unreachable => "the database cannot be reached",
            Self::Silent => "the database does not answer in time",
            Self::NewerDocument => "a newer version wrote what this one cannot read",
            Self::Failing => "the database refuses what must not fail",
        }
    }

    /// Whether what only reads is served as before.
    pub const fn still_reads(self) -> bool {
        matches!(self, Self::Full | Self::Disk | Self::ReadOnly)
    }

    fn of(error: &StoreError) -> Self {
        match error.outage() {
            Some(Outage::Full) => Self::Full,
            Some(Outage::Disk) => Self::Disk,
            Some(Outage::ReadOnly) => Self::ReadOnly,
            Some(Outage::Corrupt) => Self::Corrupt,
            Some(Outage::Absent) => Self::Absent,
            Some(Outage::Unreachable) => Self::Unreachable,
            None if matches!(error, StoreError::NewerDocument { .. }) => Self::NewerDocument,
            None if matches!(error, StoreError::Unavailable(_)) => Self::Silent,
            None => Self::Failing,
        }
    }
}

/// What the last pulse found.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    /// `None`: ready.
    pub unready: Option<Unready>,
    pub found_at: Instant,
}

impl Readiness {
    pub(crate) fn ready() -> watch::Sender<Self> {
        watch::Sender::new(Self { unready: None, found_at: Instant::now() })
    }
}

impl App {
    /// What the last pulse found. An app without pulses is ready.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.inner.readiness.subscribe()
    }

    /// Stores what a pulse found. Returns what the one before had found.
    pub fn set_readiness(&self, unready: Option<Unready>) -> Option<Unready> {
        let found = Readiness { unready, found_at: Instant::now() };
        self.metrics().ready(unready.is_none());
        self.inner.readiness.send_replace(found).unready
    }
}

/// What calls have met since the last pulse.
#[derive(Default)]
pub(crate) struct MetOutages {
    /// A write failed for want of space, or of a disk that works.
    no_space: AtomicBool,
    corrupt: AtomicBool,
    noted: Notify,
}

impl MetOutages {
    fn note(&self, outage: Outage) {
        match outage {
            Outage::Full | Outage::Disk => self.no_space.store(true, Ordering::Relaxed),
            Outage::Corrupt => self.corrupt.store(true, Ordering::Relaxed),
            Outage::ReadOnly | Outage::Absent | Outage::Unreachable => {}
        }
    }
}

impl App {
    /// The number by which a failed call is found in the log. A failure of the whole database also asks for a pulse.
    pub fn incident_of(&self, fault: &Fault) -> IncidentId {
        self.note_outage(fault);
        self.incident(fault.kind())
    }

    /// Asks for a pulse if the fault says something about the whole database.
    pub fn note_outage(&self, fault: &Fault) {
        if let Fault::Store(error) = fault
            && let Some(outage) = error.outage()
        {
            self.inner.met_outages.note(outage);
            self.inner.met_outages.noted.notify_one();
        }
    }
}

/// Takes the pulse of one server.
pub struct Pulses {
    app: App,
    /// With a connection of its own.
    store: Store,
    first_realm: RealmId,
    /// Damaged data was read, on SQLite: the file is not trusted before it was repaired and the server started again. With
    /// PostgreSQL a damaged row is one of many, and counts until the next pulse.
    corrupt: AtomicBool,
}

impl Pulses {
    /// A pulse takes no longer than `within`.
    pub fn new(app: App, first_realm: RealmId, within: Duration) -> Self {
        let store = app.inner.parts.store.apart(within);
        Self { app, store, first_realm, corrupt: AtomicBool::new(false) }
    }

    /// Writes and reads. `None`: ready.
    pub async fn take(&self) -> Option<Unready> {
        let (met, now) = (&self.app.inner.met_outages, self.app.inner.parts.clock.now());
        let seeks_space = met.no_space.load(Ordering::Relaxed);
        let pulse = match self.store.pulse(self.first_realm, now, seeks_space).await {
            Ok(Some(pulse)) => pulse,
            Ok(None) => return Some(Unready::Foreign),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the pulse failed");
                if let Some(outage) = error.outage() {
                    met.note(outage);
                }
                return Some(Unready::of(&error));
            }
        };
        if seeks_space {
            met.no_space.store(false, Ordering::Relaxed);
        }
        if !fits(&pulse.installation, &self.app.inner.parts.keyring) {
            return Some(Unready::OtherKey);
        }
        if pulse.applied < NEWEST {
            return Some(Unready::OlderSchema);
        }
        let met_corrupt = met.corrupt.swap(false, Ordering::Relaxed);
        let sticks = met_corrupt && self.store.engine() == Engine::Sqlite;
        if self.corrupt.fetch_or(sticks, Ordering::Relaxed) || met_corrupt {
            return Some(Unready::Corrupt);
        }
        match self.app.reads_all_documents().await {
            Ok(true) => None,
            Ok(false) => Some(Unready::NewerDocument),
            Err(error) => Some(Unready::of(&error)),
        }
    }

    /// Waits until a call meets an error of the whole database.
    pub async fn is_asked(&self) {
        self.app.inner.met_outages.noted.notified().await;
    }

    /// At the end: the other servers need not wait for this one.
    pub async fn leave(&self) -> Result<(), StoreError> {
        if self.store.engine() == Engine::Sqlite {
            return Ok(());
        }
        let left = self.store.leave(self.first_realm).await;
        self.store.close().await;
        left
    }
}
