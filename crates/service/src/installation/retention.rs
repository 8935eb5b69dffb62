//! What is deleted when it is over, and after how long.
//!
//! A row goes when nothing can refer to it any more, and a call is decided without it as it is with it. So it must not bring
//! back what was used up (INV-1, INV-36), forget a guess (INV-8, INV-9, INV-10) or a send (INV-14), end a lock or a pause, or
//! lose the outcome of a request in its period (INV-58). Tables that are not named here stay:
//!
//! - accounts, passwords, factors, recovery codes (the used ones too), devices, pauses, interest and the ledger belong to an
//!   account and have a bound for each; they go with the account or the factor;
//! - recoveries go when a worker has looked at them, within a second;
//! - credentials, products, rollouts with their revisions, customers, keys, leases and tellings are few;
//! - events and their chain have a period and a signed cut of their own: `audit::cut`.

use tidegate_core::{FunnelStep, Span};
use tidegate_factors::sends;
use tidegate_store::retention::{SweepQueue, SweepWalk};

use crate::idempotency;

/// The periods that operators choose.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Sign-ins, challenges, enrollments and links, after they ended.
    pub sign_ins: Span,
    /// Sessions after they ended, and counters of guesses that remember nothing.
    pub sessions: Span,
    /// Messages, after they were sent or given up.
    pub deliveries: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self { sign_ins: Span::days(7), sessions: Span::days(30), deliveries: Span::days(30) }
    }
}

/// How long an address that was changed can still be told. It can be restored for a week.
const EMAIL_CHANGES: Span = Span::days(30);
/// What text messages have cost counts in its hour.
pub(super) const SMS_COSTS: Span = Span::days(1);
const AT_ONCE: Span = Span::from_micros(0);

/// How the rows of a kind are found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Along {
    Queue(SweepQueue),
    /// By ids that begin with the time of creation. No row is over sooner than so long after it, so the walk ends there.
    Ids(SweepWalk, Span),
    /// Through the whole table, a part in each pass.
    Table(SweepWalk),
}

/// One kind of rows, and how long they are kept after they are over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// The name in metrics.
    pub(super) name: &'static str,
    pub(super) along: Along,
    pub(super) kept: Span,
    /// The funnels of rollouts read the rows when they count an event.
    pub(super) counted: bool,
}

const KINDS: usize = 13;

impl Retention {
    /// Children come before their parents.
    pub(super) fn kinds(&self) -> [Kind; KINDS] {
        let kind = |name, along, kept| Kind { name, along, kept, counted: false };
        let counted = |kind: Kind| Kind { counted: true, ..kind };
        [
            // An outcome is returned until its row expires, a day after it was stored, and its secrets for ten minutes.
            kind("request_secrets", Along::Queue(SweepQueue::RequestSecrets), AT_ONCE),
            kind("requests", Along::Ids(SweepWalk::Requests, idempotency::RETENTION), AT_ONCE),
            kind("passkey_requests", Along::Queue(SweepQueue::PasskeyRequests), AT_ONCE),
            // A link says for so long that it was used, was superseded or has expired. Later it is an unknown one.
            kind("links", Along::Queue(SweepQueue::Links), self.sign_ins),
            counted(kind("challenges", Along::Ids(SweepWalk::Challenges, AT_ONCE), self.sign_ins)),
            counted(kind("enrollments", Along::Ids(SweepWalk::Enrollments, AT_ONCE), self.sign_ins)),
            kind("sign_ins", Along::Ids(SweepWalk::SignIns, AT_ONCE), self.sign_ins),
            // Also until its refresh tokens have expired, so that one that was stolen is refused as what it is.
            kind("sessions", Along::Queue(SweepQueue::Sessions), self.sessions),
            kind("email_changes", Along::Ids(SweepWalk::EmailChanges, AT_ONCE), EMAIL_CHANGES),
            kind("deliveries", Along::Ids(SweepWalk::Deliveries, AT_ONCE), self.deliveries),
            kind("sends", Along::Queue(SweepQueue::Sends), sends::FORGOTTEN_AFTER),
            kind("attempts", Along::Table(SweepWalk::Attempts), self.sessions),
            kind("rollout_hours", Along::Queue(SweepQueue::RolloutHours), FunnelStep::RETENTION),
        ]
    }
}
