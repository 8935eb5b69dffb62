//! Where use cases run. Each needs its caller's permission, and each command runs in a task of its
//! own.

use std::{sync::Arc, time::Duration};

use tidegate_core::{Agent, Clock, Entropy, Id, IncidentId, Permission, RealmId, Refusal, Span};
use tidegate_factors::sms_cost::SmsCosts;
use tidegate_keyring::{Keyring, Passwords};
use tidegate_metrics::Metrics;
use tidegate_store::{Share, Store};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    CommandContext, Error, FailureKind, Fault, Freshness, Outcome, QueryContext, Request,
    access::Uses,
    cache::ReplicaCache,
    counts::Counts,
    incidents::Incidents,
    newer::MetNewer,
    readiness::{MetOutages, Readiness},
    refusals::Refusals,
    rollouts::MAX_WATCHERS,
};

/// A use case that only reads.
pub trait Query: Send + 'static {
    const NAME: &'static str;
    const PERMISSION: Permission;
    /// What it may take of the database's connections.
    const SHARE: Share = Share::Ordinary;
    type Outcome: Send + 'static;
    fn run(self, cx: &QueryContext) -> impl Future<Output = Result<Self::Outcome, Error>> + Send;
}

/// A use case that writes. It ends with `CommandContext::idempotent` or `CommandContext::settle`,
/// which store the outcome for its idempotency key in the transaction of the change.
pub trait Command: Send + 'static {
    const NAME: &'static str;
    const PERMISSION: Permission;
    /// What it may take of the database's connections, and of the commands that run at once.
    const SHARE: Share = Share::Ordinary;
    type Outcome: Outcome;
    fn run(self, cx: &CommandContext) -> impl Future<Output = Result<Self::Outcome, Error>> + Send;
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// How many commands run at once.
    pub commands: usize,
    /// How long a command waits to run before it is refused.
    pub queue_timeout: Duration,
    /// The program's version, for callers that ask.
    pub version: &'static str,
    /// The public key that browsers subscribe with to get notifications, in base64url. `None`: Web Push is not set up.
    pub web_push_key: Option<String>,
    /// When cached values may be used.
    pub freshness: Freshness,
    /// How many accounts are cached.
    pub accounts: usize,
    /// Where text messages go, and what they cost. `None`: there is no gateway.
    pub sms: Option<SmsCosts>,
}

pub struct Parts {
    pub store: Store,
    pub keyring: Arc<Keyring>,
    pub passwords: Passwords,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: Settings,
    pub metrics: Arc<Metrics>,
}

/// Cheap to clone; all clones are the same app.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) cache: ReplicaCache,
    pub(crate) uses: Uses,
    /// Commands that are running. A shutdown waits for them.
    tasks: TaskTracker,
    pub(crate) counts: Counts,
    pub(crate) refusals: Refusals,
    incidents: Incidents,
    pub(crate) readiness: watch::Sender<Readiness>,
    pub(crate) met_outages: MetOutages,
    pub(crate) met_newer: MetNewer,
    /// Only one use case at a time reads all accounts.
    pub(crate) scans: Arc<Semaphore>,
    /// Bounds those who watch a rollout.
    pub(crate) watches: Arc<Semaphore>,
    /// Limits the commands that run at once, so that a caller that hangs up and comes back cannot
    /// pile up work.
    permits: Arc<Semaphore>,
    /// Limits those among them that are not of the hot path: while the database makes them wait, sign-ins still run.
    ordinary_permits: Arc<Semaphore>,
}

const RETRY_AFTER: Span = Span::seconds(1);

impl App {
    pub fn new(parts: Parts) -> Self {
        let commands = parts.settings.commands;
        let permits = Arc::new(Semaphore::new(commands));
        let ordinary_permits = Arc::new(Semaphore::new(commands - commands / 4));
        let cache = ReplicaCache::new(parts.settings.freshness, parts.settings.accounts);
        let (tasks, scans) = (TaskTracker::new(), Arc::new(Semaphore::new(1)));
        let watches = Arc::new(Semaphore::new(MAX_WATCHERS));
        let (counts, incidents) = (Counts::new(&parts.metrics), Incidents::default());
        Self {
            inner: Arc::new(Inner {
                parts,
                cache,
                uses: Uses::default(),
                tasks,
                counts,
                refusals: Refusals::default(),
                incidents,
                readiness: Readiness::ready(),
                met_outages: MetOutages::default(),
                met_newer: MetNewer::default(),
                scans,
                watches,
                permits,
                ordinary_permits,
            }),
        }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.inner.parts.metrics
    }

    /// How long ago this replica read what others wrote. `None`: it is the only one.
    pub fn cache_staleness(&self) -> Option<Duration> {
        self.inner.cache.staleness()
    }

    /// Runs a query in the caller's task.
    pub async fn ask<Q: Query>(&self, agent: impl Into<Agent>, query: Q) -> Result<Q::Outcome, Error> {
        let agent = agent.into();
        permit(&agent, Q::PERMISSION)?;
        let cx = QueryContext::new(self.clone(), (Q::NAME, Q::SHARE), agent);
        // Most queries are answered from the cache, which takes less time than making a tracing
        // span.
        if !tracing::enabled!(tracing::Level::DEBUG) {
            let outcome = query.run(&cx).await;
            cx.has_every_key()?;
            return outcome;
        }
        let outcome = query.run(&cx).instrument(tracing::debug_span!("query", name = Q::NAME)).await;
        cx.has_every_key()?;
        outcome
    }

    /// Runs a command to its end, even when the caller hangs up: the command has a task of its own,
    /// and dropping the returned future does not stop it.
    pub async fn act<C: Command>(
        &self,
        agent: impl Into<Agent>,
        command: C,
        request: Option<Request>,
    ) -> Result<C::Outcome, Error> {
        let agent = agent.into();
        permit(&agent, C::PERMISSION)?;
        let cx = CommandContext::new(QueryContext::new(self.clone(), (C::NAME, C::SHARE), agent), request);
        // The permit is waited for here, so that a caller that hangs up stops waiting. The task
        // holds it to its end.
        let timeout = self.inner.parts.settings.queue_timeout;
        let permit = match tokio::time::timeout(timeout, self.permit_to_run(C::SHARE)).await {
            Ok(permit) => permit.map_err(|_| Fault::Closing)?,
            Err(_) => return Err(Refusal::Busy { retry_after: RETRY_AFTER }.into()),
        };
        // It begins after the wait. The task belongs to the call that is traced, if there is one.
        let span = tracing::debug_span!("command", name = C::NAME);
        let span = if span.is_disabled() { tracing::Span::current() } else { span };
        let work = async move {
            let outcome = cx.carry_out(command).await;
            drop(permit);
            outcome
        };
        self.inner.tasks.spawn(work.instrument(span)).await.map_err(Fault::from)?
    }

    /// The narrower permit first, so that none of the other is held meanwhile.
    async fn permit_to_run(&self, share: Share) -> Result<[Option<OwnedSemaphorePermit>; 2], AcquireError> {
        let ordinary = match share {
            Share::Hot => None,
            Share::Ordinary | Share::Bulk => Some(self.inner.ordinary_permits.clone().acquire_owned().await?),
        };
        Ok([ordinary, Some(self.inner.permits.clone().acquire_owned().await?)])
    }

    /// Runs a command for a worker of the program, in one realm. Its events name the worker.
    pub async fn work<C: Command>(
        &self,
        worker: &'static str,
        realm: RealmId,
        command: C,
    ) -> Result<C::Outcome, Error> {
        self.act(Agent::Worker { name: worker, realm }, command, None).await
    }

    /// The number by which a failure is found in the log. Calls that fail in the same way within a minute may share one.
    pub fn incident(&self, kind: FailureKind) -> IncidentId {
        let Parts { clock, entropy, .. } = &self.inner.parts;
        let now = clock.now();
        self.inner.met_newer.note(kind);
        self.inner.incidents.number(kind, now, || Id::new(now, &**entropy))
    }

    /// Takes no more commands, and waits for those that run.
    pub async fn close(&self) {
        self.inner.ordinary_permits.close();
        self.inner.permits.close();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn permit(agent: &Agent, permission: Permission) -> Result<(), Refusal> {
    if agent.may(permission) { Ok(()) } else { Err(Refusal::PermissionDenied { permission }) }
}
