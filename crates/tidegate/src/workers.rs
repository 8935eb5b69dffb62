//! What the server does beside calls, each at its interval, until it is stopped.

use std::{sync::Arc, time::Duration};

use tidegate_core::Span;
use tidegate_grpc::Certificates;
use tidegate_metrics::Metrics;
use tidegate_service::{
    App, Fault,
    audit::Sealer,
    installation::Sweeper,
    reminders::Reminders,
    rollouts::{FunnelWorker, Scheduler},
};
use tokio_util::sync::CancellationToken;

use crate::{ambient::AuthorityClock, tls};

/// Between two sweeps.
const SWEEP: Duration = Duration::from_mins(1);
/// Between two reads of what other replicas wrote.
const FOLLOW: Duration = Duration::from_millis(200);
/// Between two runs of the sealer.
const SEAL: Duration = Duration::from_millis(200);
/// Between two looks for events that the funnels of rollouts do not count yet.
const FOLD: Duration = Duration::from_secs(1);
/// Between two looks at deleted accounts.
const PURGE: Duration = Duration::from_mins(1);
/// Between two looks at reminders that are due.
const REMIND: Duration = Duration::from_secs(10);
/// Between two looks at requests to reset a password.
const SEND_RESETS: Duration = Duration::from_millis(500);
/// Between two looks at what is planned.
const SCHEDULE: Duration = Duration::from_secs(1);
/// Between two looks at refusals that were counted for a minute.
const COUNT_REFUSALS: Duration = Duration::from_secs(1);
/// Between two runs of retention.
const CUT: Duration = Duration::from_hours(1);

/// Deletes what is over, once a minute.
pub(crate) async fn sweep((app, sweeper): (App, Sweeper), budget: Duration, stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(SWEEP, stop.cancelled()).await.is_err() {
        let Some(swept) = stop.run_until_cancelled(sweeper.sweep(budget)).await else { return };
        if swept.is_ok() {
            app.metrics().sweep_ran(AuthorityClock::host().unix_seconds());
        }
        outage.say(swept, "what is over cannot be deleted");
    }
}

/// Serves new certificates as their files change.
pub(crate) async fn reload(certificates: Certificates, stop: CancellationToken) {
    stop.run_until_cancelled(certificates.keep(tls::RELOAD)).await;
}

/// Follows what other replicas write. While it fails, the cache is not fresh, and everything is read from the database.
pub(crate) async fn follow(app: App, stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(FOLLOW, stop.cancelled()).await.is_err() {
        outage.say(app.follow().await, "the event log cannot be followed");
    }
}

/// Records how many refusals were counted.
pub(crate) async fn count_refusals(app: App, stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(COUNT_REFUSALS, stop.cancelled()).await.is_err() {
        outage.say(app.record_refusals(false).await, "counts of refusals cannot be recorded");
    }
}

/// Mails links to owners who forgot their passwords.
pub(crate) async fn send_resets(app: App, stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(SEND_RESETS, stop.cancelled()).await.is_err() {
        outage.say(app.send_resets().await, "mails to reset passwords cannot be sent");
    }
}

/// Purges accounts that were deleted 30 days ago.
pub(crate) async fn purge(app: App, stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(PURGE, stop.cancelled()).await.is_err() {
        outage.say(app.purge_deleted().await, "deleted accounts cannot be purged");
    }
}

/// Starts waves at their planned times.
pub(crate) async fn schedule((app, scheduler): (App, Scheduler), stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(SCHEDULE, stop.cancelled()).await.is_err() {
        outage.say(scheduler.start_due().await, "waves that are due cannot be started");
    }
}

/// Counts sealed events into the funnels of rollouts. What a stop leaves is counted by another server, or after the start.
pub(crate) async fn fold((app, worker): (App, FunnelWorker), stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(FOLD, stop.cancelled()).await.is_err() {
        outage.say(worker.fold().await, "the events of rollouts cannot be counted");
    }
}

/// Mails reminders of the day from which on two-step is demanded.
pub(crate) async fn remind((app, reminders): (App, Reminders), stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    while tokio::time::timeout(REMIND, stop.cancelled()).await.is_err() {
        outage.say(reminders.run().await, "reminders cannot be sent");
    }
}

/// Seals events; once more at the end, so that the last events are sealed before the program ends.
pub(crate) async fn seal((app, sealer): (App, Arc<Sealer>), stop: CancellationToken) {
    let mut outage = Outage::of(&app);
    loop {
        let last = stop.is_cancelled();
        outage.say(sealer.seal().await, "events cannot be sealed");
        if last {
            return;
        }
        let _ = tokio::time::timeout(SEAL, stop.cancelled()).await;
    }
}

/// Logs an error of a task that runs many times a second only once, when the outage begins. The pulse hears of each one that
/// says something about the whole database.
struct Outage {
    app: App,
    lasts: bool,
}

impl Outage {
    fn of(app: &App) -> Self {
        Self { app: app.clone(), lasts: false }
    }

    fn say<E: std::error::Error + Into<Fault>>(&mut self, tried: Result<(), E>, what: &str) {
        let lasts = std::mem::replace(&mut self.lasts, tried.is_err());
        let Err(error) = tried else { return };
        let fault: Fault = error.into();
        self.app.note_outage(&fault);
        if !lasts {
            tracing::error!(error = &fault as &dyn std::error::Error, "{what}");
        }
    }
}

/// Drops events that are older than the retention, at the start and then once an hour.
pub(crate) async fn cut(sealer: Arc<Sealer>, keep: Span, metrics: Arc<Metrics>, stop: CancellationToken) {
    loop {
        match sealer.cut(keep).await {
            Ok(()) => metrics.retention_ran(AuthorityClock::host().unix_seconds()),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "old events could not be dropped");
            }
        }
        if tokio::time::timeout(CUT, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}
