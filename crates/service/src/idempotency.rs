//! Request ids: the same id with the same body returns the first outcome for 24 hours.
//!
//! Every command gets this without asking: `App::act` looks for the first outcome before it runs,
//! and a command ends by `idempotent` (one transaction) or by `charge` and `settle` (an attempt is charged
//! and committed before it is looked at). Both keep the record in the transaction of the change, so
//! there is no moment at which one is remembered without the other. The body is kept as a keyed
//! digest, because bodies hold codes and passwords; the outcome sealed, and its secrets apart, for
//! ten minutes.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use tidegate_core::{Id, Refusal, RequestId, Sealed, Secret, Span};
use tidegate_keyring::{RequestContext, SealContext};
use tidegate_store::{
    Executor, Tx, View,
    requests::{self, Key, RequestClaim, Settled},
};

use crate::{Command, CommandContext, Denied, Error, Fault};

/// How long a first outcome is returned, and its secrets.
const RETENTION: Span = Span::hours(24);
const SECRETS_RETENTION: Span = Span::minutes(10);
/// How long a claim keeps others from trying; then the claimant is taken for dead.
const LEASE: Span = Span::seconds(10);
/// Between looks at a request that is under way elsewhere.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Each lost race means that another command got further, so budgets end the races before this does.
const MAX_RETRIES: usize = 200;

/// A caller's request id and the exact bytes it came with.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: RequestId,
    pub body: Secret<Vec<u8>>,
}

/// What a command returns, and what is kept of it.
pub trait Outcome: Serialize + DeserializeOwned + Send + 'static {
    /// Its secrets, always in the same order. They are kept apart from the rest, and not for as long.
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        Vec::new()
    }
}

/// A secret that is shown once, in the response that creates it and in its retries of ten minutes.
#[derive(Debug, Clone)]
pub enum OneTimeSecret {
    Now(Secret<String>),
    Withheld,
}

/// What stands in the place of a secret; not nothing, which an option would take for none.
const WITHHELD: &str = "withheld";

impl Serialize for OneTimeSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(WITHHELD)
    }
}

impl<'de> Deserialize<'de> for OneTimeSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self::Withheld)
    }
}

/// The request of one command under way.
pub(crate) struct Idempotency {
    request: Option<Request>,
    claim: Mutex<Option<RequestClaim>>,
    cached: AtomicBool,
    races: AtomicUsize,
}

impl Idempotency {
    pub(crate) fn new(request: Option<Request>) -> Self {
        Self {
            request,
            claim: Mutex::default(),
            cached: AtomicBool::default(),
            races: AtomicUsize::default(),
        }
    }
}

/// What came of charging an attempt.
pub(crate) enum AttemptCharge<C, T> {
    /// It may be looked at.
    Granted(C),
    /// There is an answer without a look.
    Finished(T),
    /// Another attempt was charged first: undone, and tried again.
    Lost,
}

/// How a charged command goes on.
pub(crate) enum Attempt<C, T> {
    Granted(C),
    Finished(T),
}

/// What is known of a request before it is carried out.
enum Before<T> {
    Nothing,
    First(T),
    Reused,
    UnderWay,
}

impl CommandContext {
    pub(crate) async fn carry_out<C: Command>(&self, command: C) -> Result<C::Outcome, Error> {
        if let Some(first) = self.first().await? {
            return Ok(first);
        }
        let outcome = match command.run(self).await {
            // A copy of this request may have been faster; then there is no refusal.
            Err(Error::Refused(refusal)) => match self.first().await? {
                Some(first) => return Ok(first),
                None => return Err(refusal.into()),
            },
            done => done?,
        };
        if self.idempotency.request.is_some() && !self.idempotency.cached.load(Ordering::Relaxed) {
            return Err(Fault::NotRemembered(self.name()).into());
        }
        Ok(outcome)
    }

    /// Carries out a command that is one transaction. A refusal is not remembered: nothing changed,
    /// and the next try may fare better.
    pub(crate) async fn idempotent<T: Outcome>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, Denied>,
    ) -> Result<T, Error> {
        let mut work = Some(work);
        loop {
            let done = self
                .tx(async |tx| {
                    if !self.claim(tx).await? {
                        tx.abandon();
                        return Ok(None);
                    }
                    let work = work.take().ok_or(Fault::Raced)?;
                    match work(tx).await {
                        Ok(mut outcome) => {
                            self.remember(tx, &mut outcome).await?;
                            Ok(Some(Ok(outcome)))
                        }
                        Err(Denied::Refused(refusal)) => {
                            self.release(tx).await?;
                            Ok(Some(Err(refusal)))
                        }
                        Err(Denied::Failed(fault)) => Err(fault),
                    }
                })
                .await?;
            if let Some(done) = done {
                return Ok(done?);
            }
            if let Some(first) = self.first().await? {
                return Ok(first);
            }
        }
    }

    /// Charges an attempt, in a transaction of its own. `None`: another command was faster, try again.
    ///
    /// The loop is the caller's, because a closure that runs more than once and borrows cannot be part
    /// of a task.
    pub(crate) async fn charge<C, T: Outcome>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<AttemptCharge<C, T>, Denied>,
    ) -> Result<Option<Attempt<C, T>>, Error> {
        let charged = self
            .tx(async |tx| {
                if !self.claim(tx).await? {
                    tx.abandon();
                    return Ok(None);
                }
                let mut charged = match work(tx).await {
                    Ok(charged) => charged,
                    Err(Denied::Refused(refusal)) => {
                        self.release(tx).await?;
                        return Ok(Some(Err(refusal)));
                    }
                    Err(Denied::Failed(fault)) => return Err(fault),
                };
                match &mut charged {
                    AttemptCharge::Granted(_) => {}
                    AttemptCharge::Finished(outcome) => self.remember(tx, outcome).await?,
                    AttemptCharge::Lost => tx.abandon(),
                }
                Ok(Some(Ok(charged)))
            })
            .await?;
        match charged.transpose()? {
            Some(AttemptCharge::Granted(charge)) => Ok(Some(Attempt::Granted(charge))),
            Some(AttemptCharge::Finished(outcome)) => Ok(Some(Attempt::Finished(outcome))),
            Some(AttemptCharge::Lost) => Ok(self.raced().map(|()| None)?),
            None => Ok(self.first().await?.map(Attempt::Finished)),
        }
    }

    /// Ends a charged command. `None`: the work lost a race, or another replica took the request over; it is
    /// undone, and the caller tries again.
    pub(crate) async fn settle<T: Outcome>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Error> {
        let mut taken_over = false;
        let done = self
            .tx(async |tx| {
                // The request's row first: see the lock order of store.
                if !self.hold(tx).await? {
                    taken_over = true;
                    tx.abandon();
                    return Ok(None);
                }
                let mut done = work(tx).await?;
                match &mut done {
                    Some(outcome) => self.remember(tx, outcome).await?,
                    None => tx.abandon(),
                }
                Ok(done)
            })
            .await?;
        match done {
            Some(outcome) => Ok(Some(outcome)),
            None if taken_over => match self.first().await? {
                Some(first) => Ok(Some(first)),
                None => Err(Fault::Raced.into()),
            },
            None => Ok(self.raced().map(|()| None)?),
        }
    }

    /// Charges an attempt by one statement; with a request id, in the transaction that claims it. `None`: another
    /// command was faster, try again.
    pub(crate) async fn charge_by<C, T: Outcome>(
        &self,
        write: impl AsyncFnOnce(Executor<'_>) -> Result<Option<C>, Fault>,
    ) -> Result<Option<Attempt<C, T>>, Error> {
        if self.idempotency.request.is_some() {
            let work = async |tx: &mut Tx| {
                Ok(write(tx.executor()).await?.map_or(AttemptCharge::Lost, AttemptCharge::Granted))
            };
            return self.charge(work).await;
        }
        match self.autocommit(write).await? {
            Some(charge) => Ok(Some(Attempt::Granted(charge))),
            None => Ok(self.raced().map(|()| None)?),
        }
    }

    /// Ends a charged command by one statement; with a request id, in the transaction that remembers the outcome.
    /// `None`: it lost a race and did nothing.
    pub(crate) async fn settle_by<T: Outcome>(
        &self,
        write: impl AsyncFnOnce(Executor<'_>) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Error> {
        if self.idempotency.request.is_some() {
            return self.settle(async |tx| write(tx.executor()).await).await;
        }
        match self.autocommit(write).await? {
            Some(outcome) => Ok(Some(outcome)),
            None => Ok(self.raced().map(|()| None)?),
        }
    }

    fn raced(&self) -> Result<(), Refusal> {
        if self.idempotency.races.fetch_add(1, Ordering::Relaxed) < MAX_RETRIES {
            return Ok(());
        }
        Err(Refusal::Busy { retry_after: Span::seconds(1) })
    }

    /// The first outcome of this request, if there is one; waits for one that is under way.
    async fn first<T: Outcome>(&self) -> Result<Option<T>, Error> {
        let Some(request) = &self.idempotency.request else { return Ok(None) };
        loop {
            match self.before(&mut self.view(), request).await? {
                Before::Nothing => return Ok(None),
                Before::First(outcome) => {
                    self.idempotency.cached.store(true, Ordering::Relaxed);
                    return Ok(Some(outcome));
                }
                Before::Reused => return Err(Refusal::RequestIdReused.into()),
                Before::UnderWay => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    async fn before<T: Outcome>(&self, view: &mut View, request: &Request) -> Result<Before<T>, Fault> {
        let asked = self.asked(request);
        let Some(earlier) = requests::find(view, self.key(request)).await? else {
            return Ok(Before::Nothing);
        };
        let now = self.now();
        if earlier.expires_at <= now {
            return Ok(Before::Nothing);
        }
        if !self.keyring().matches(&SealContext::RequestBody(asked), request.body.expose(), &earlier.body)? {
            return Ok(Before::Reused);
        }
        let Some(outcome) = earlier.outcome else {
            return Ok(if now < earlier.lease_until { Before::UnderWay } else { Before::Nothing });
        };
        let outcome = self.keyring().open(&SealContext::RequestOutcome(asked), &outcome)?;
        let mut outcome: T = serde_json::from_slice(outcome.expose())?;
        if let Some(secrets) = earlier.secrets.filter(|_| now < earlier.secrets_until) {
            let secrets = self.keyring().open(&SealContext::RequestSecrets(asked), &secrets)?;
            let secrets: Vec<String> = serde_json::from_slice(secrets.expose())?;
            for (shown, secret) in outcome.secrets().into_iter().zip(secrets) {
                *shown = OneTimeSecret::Now(Secret::new(secret));
            }
        }
        Ok(Before::First(outcome))
    }

    fn asked(&self, request: &Request) -> RequestContext {
        let Key { credential, method, request } = self.key(request);
        RequestContext { realm: self.realm(), credential, method, request }
    }

    fn key(&self, request: &Request) -> Key {
        let credential = self.agent().requester().unwrap_or(Id::MIN);
        Key { credential, method: self.name(), request: request.id }
    }

    /// Whether this command is the one to carry out its request; without one there is nothing to claim.
    async fn claim(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let Some(request) = &self.idempotency.request else { return Ok(true) };
        let now = self.now();
        let claim = RequestClaim { key: self.key(request), id: self.new_id(), lease_until: now.plus(LEASE) };
        let context = SealContext::RequestBody(self.asked(request));
        let body = self.keyring().digest(&context, request.body.expose())?;
        let claimed = requests::claim(tx, claim, body, now.plus(RETENTION), now).await?;
        if claimed {
            self.put_claim(claim);
        }
        Ok(claimed)
    }

    async fn hold(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let Some(claim) = self.get_claim() else { return Ok(true) };
        Ok(requests::hold(tx, claim, self.now().plus(LEASE)).await?)
    }

    async fn remember<T: Outcome>(&self, tx: &mut Tx, outcome: &mut T) -> Result<(), Fault> {
        self.idempotency.cached.store(true, Ordering::Relaxed);
        let (Some(claim), Some(request)) = (self.get_claim(), &self.idempotency.request) else {
            return Ok(());
        };
        let (asked, now) = (self.asked(request), self.now());
        let plain = Secret::new(serde_json::to_vec(outcome)?);
        let settled = Settled {
            outcome: self.keyring().seal(&SealContext::RequestOutcome(asked), &plain, self.entropy())?,
            secrets: self.secrets(asked, outcome)?,
            secrets_until: now.plus(SECRETS_RETENTION),
            expires_at: now.plus(RETENTION),
        };
        if requests::settle(tx, claim, settled).await? { Ok(()) } else { Err(Fault::Raced) }
    }

    fn secrets<T: Outcome>(&self, asked: RequestContext, outcome: &mut T) -> Result<Option<Sealed>, Fault> {
        let shown = outcome.secrets();
        if shown.is_empty() {
            return Ok(None);
        }
        let secrets: Vec<&str> = shown
            .iter()
            .map(|shown| match shown {
                OneTimeSecret::Now(secret) => secret.expose().as_str(),
                OneTimeSecret::Withheld => "",
            })
            .collect();
        let plain = Secret::new(serde_json::to_vec(&secrets)?);
        let context = SealContext::RequestSecrets(asked);
        Ok(Some(self.keyring().seal(&context, &plain, self.entropy())?))
    }

    async fn release(&self, tx: &mut Tx) -> Result<(), Fault> {
        let Some(claim) = self.get_claim() else { return Ok(()) };
        Ok(requests::release(tx, claim).await?)
    }

    fn put_claim(&self, claim: RequestClaim) {
        *self.idempotency.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim);
    }

    fn get_claim(&self) -> Option<RequestClaim> {
        *self.idempotency.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For outcomes without a secret.
macro_rules! outcomes {
    ($($outcome:ty),+ $(,)?) => { $(impl $crate::Outcome for $outcome {})+ };
}
pub(crate) use outcomes;
