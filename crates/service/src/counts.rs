//! Counters of what happens with every evaluation: looked up once.

use tidegate_core::{Reason, Word as _};
use tidegate_metrics::{Count, Metrics};

pub(crate) struct Counts {
    /// In the order of `Reason::ALL`.
    decisions: Vec<Count>,
    hits: Count,
    misses: Count,
    sessions: [Count; 2],
}

impl Counts {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let decisions = Reason::ALL.iter().map(|reason| metrics.decided(reason.as_str())).collect();
        let cached = |result| metrics.cached("accounts", result);
        let sessions = ["hit", "miss"].map(|result| metrics.cached("sessions", result));
        Self { decisions, hits: cached("hit"), misses: cached("miss"), sessions }
    }

    /// A session was introspected from the cache.
    pub(crate) fn session_found(&self) {
        let [hits, _] = &self.sessions;
        hits.up();
    }

    /// A session was introspected from the database.
    pub(crate) fn session_read(&self) {
        let [_, misses] = &self.sessions;
        misses.up();
    }

    pub(crate) fn decided(&self, reason: Reason) {
        let place = Reason::ALL.iter().position(|one| *one == reason);
        if let Some(count) = place.and_then(|place| self.decisions.get(place)) {
            count.up();
        }
    }

    /// Whether an account was found in the cache.
    pub(crate) fn looked_up(&self, found: bool) {
        if found { self.hits.up() } else { self.misses.up() }
    }
}
