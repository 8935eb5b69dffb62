//! Where use cases run: each with its caller's permission checked, and each command in a task of
//! its own.

use std::{sync::Arc, time::Duration};

use tidegate_core::{Agent, Clock, Entropy, Id, IncidentId, Permission, RealmId, Refusal, Span};
use tidegate_keyring::{Keyring, Passwords};
use tidegate_store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{CommandContext, Error, Fault, Freshness, Outcome, QueryContext, Request, cache::ReplicaCache};

/// A use case that only reads.
pub trait Query: Send + 'static {
    const NAME: &'static str;
    const PERMISSION: Permission;
    type Outcome: Send + 'static;
    fn run(self, cx: &QueryContext) -> impl Future<Output = Result<Self::Outcome, Error>> + Send;
}

/// A use case that writes. Its request id is taken care of: it ends by `CommandContext::idempotent` or `CommandContext::settle`,
/// which remember the outcome in the transaction of the change.
pub trait Command: Send + 'static {
    const NAME: &'static str;
    const PERMISSION: Permission;
    type Outcome: Outcome;
    fn run(self, cx: &CommandContext) -> impl Future<Output = Result<Self::Outcome, Error>> + Send;
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// Commands at once.
    pub commands: usize,
    /// How long a command waits for its turn before it is refused.
    pub queue_timeout: Duration,
    /// Of the program, for callers that ask.
    pub version: &'static str,
    /// When what is remembered of the database is believed.
    pub freshness: Freshness,
    /// How many accounts are remembered.
    pub accounts: usize,
}

pub struct Parts {
    pub store: Store,
    pub keyring: Arc<Keyring>,
    pub passwords: Passwords,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: Settings,
}

/// Cheap to clone; all clones are the same app.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) cache: ReplicaCache,
    /// Commands under way, so that a shutdown can wait for them.
    tasks: TaskTracker,
    /// One walk through all accounts at a time.
    pub(crate) scans: Semaphore,
    /// How many may be: a caller that hangs up and comes back must not pile up work.
    permits: Arc<Semaphore>,
}

const RETRY_AFTER: Span = Span::seconds(1);

impl App {
    pub fn new(parts: Parts) -> Self {
        let permits = Arc::new(Semaphore::new(parts.settings.commands));
        let cache = ReplicaCache::new(parts.settings.freshness, parts.settings.accounts);
        let (tasks, scans) = (TaskTracker::new(), Semaphore::new(1));
        Self { inner: Arc::new(Inner { parts, cache, tasks, scans, permits }) }
    }

    /// Answers a question, in the caller's task.
    pub async fn ask<Q: Query>(&self, agent: impl Into<Agent>, query: Q) -> Result<Q::Outcome, Error> {
        let agent = agent.into();
        permit(&agent, Q::PERMISSION)?;
        let cx = QueryContext::new(self.clone(), Q::NAME, agent);
        // Most questions are answered from memory, faster than a tracing span is made.
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return query.run(&cx).await;
        }
        query.run(&cx).instrument(tracing::debug_span!("query", name = Q::NAME)).await
    }

    /// Carries out a command to its end, even when the caller hangs up: the task is the command's
    /// own, and dropping the returned future only drops the wish to know.
    pub async fn act<C: Command>(
        &self,
        agent: impl Into<Agent>,
        command: C,
        request: Option<Request>,
    ) -> Result<C::Outcome, Error> {
        let agent = agent.into();
        permit(&agent, C::PERMISSION)?;
        let span = tracing::debug_span!("command", name = C::NAME);
        let cx = CommandContext::new(QueryContext::new(self.clone(), C::NAME, agent), request);
        // Waited for here, where a caller that hangs up stops waiting; held there, to the end.
        let (permits, timeout) = (self.inner.permits.clone(), self.inner.parts.settings.queue_timeout);
        let permit = match tokio::time::timeout(timeout, permits.acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| Fault::Closing)?,
            Err(_) => return Err(Refusal::Busy { retry_after: RETRY_AFTER }.into()),
        };
        let work = async move {
            let outcome = cx.carry_out(command).await;
            drop(permit);
            outcome
        };
        self.inner.tasks.spawn(work.instrument(span)).await.map_err(Fault::from)?
    }

    /// Carries out a command for a part of the program itself, in one realm: a scheduler, a guardrail, a notice.
    /// Its events name the worker.
    pub async fn work<C: Command>(
        &self,
        worker: &'static str,
        realm: RealmId,
        command: C,
    ) -> Result<C::Outcome, Error> {
        self.act(Agent::Worker { name: worker, realm }, command, None).await
    }

    /// A number under which a fault can be found in the log.
    pub fn new_incident(&self) -> IncidentId {
        Id::new(self.inner.parts.clock.now(), &*self.inner.parts.entropy)
    }

    /// Takes no more commands and waits for those under way.
    pub async fn close(&self) {
        self.inner.permits.close();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn permit(agent: &Agent, permission: Permission) -> Result<(), Refusal> {
    if agent.may(permission) { Ok(()) } else { Err(Refusal::PermissionDenied { permission }) }
}
