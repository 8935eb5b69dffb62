//! Request ids (idempotency keys): the same id with the same body returns the first outcome for 24
//! hours.
//!
//! Every command has this. `App::act` looks for the first outcome before it runs the command. A
//! command ends with `idempotent` (one transaction), or with `charge` and `settle` (an attempt is
//! charged and committed before it is evaluated). Both store the outcome in the transaction of the
//! change, so neither is ever stored without the other. The body is stored as a keyed digest,
//! because bodies contain codes and passwords. The outcome is stored sealed, and its secrets are
//! stored apart from it, for ten minutes.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use tidegate_core::{ClaimId, Id, Refusal, RequestId, Sealed, Secret, Span};
use tidegate_keyring::{RequestContext, SealContext};
use tidegate_store::{
    Executor, HeldClaim, Tx, View,
    requests::{self, Key, RequestClaim, Settled},
};

use crate::{Command, CommandContext, Denied, Error, Fault, event_builder::EventBuilder};

/// How long the first outcome is returned.
pub(crate) const RETENTION: Span = Span::hours(24);
const SECRETS_RETENTION: Span = Span::minutes(10);
/// How long a claim keeps other copies of the request from running. After that, the claimant is
/// taken for dead. A claim ends at once if its process is known to be dead, or if its command ran in this
/// process and has ended without storing an outcome.
const LEASE: Span = Span::seconds(10);
/// How often a request that another command carries out is looked up again.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often a command may lose a race. Each lost race means that another command got further, so
/// the budgets of counters end the races before this bound does.
const MAX_RETRIES: usize = 200;

/// A caller's request id, and the exact bytes of the request.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: RequestId,
    pub body: Secret<Vec<u8>>,
}

/// What a command returns, and what is stored of it.
pub trait Outcome: Serialize + DeserializeOwned + Send + 'static {
    /// The secrets of the outcome, always in the same order. They are stored apart from the rest,
    /// and for a shorter time.
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        Vec::new()
    }
}

/// A secret that is shown once: in the response that creates it, and in retries within ten minutes.
#[derive(Debug, Clone)]
pub enum OneTimeSecret {
    Now(Secret<String>),
    Withheld,
}

/// The text in the place of a secret. It is not empty, because an option would read nothing as
/// `None`.
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

/// The request of one running command.
pub(crate) struct Idempotency {
    request: Option<Request>,
    claim: Mutex<Option<(RequestClaim, HeldClaim)>>,
    /// A claim that was found and may be taken over, because its command has ended.
    left: Mutex<Option<ClaimId>>,
    cached: AtomicBool,
    /// The outcome is a refusal that changed nothing, so it is not stored.
    unchanged: AtomicBool,
    races: AtomicUsize,
}

impl Idempotency {
    pub(crate) fn new(request: Option<Request>) -> Self {
        Self {
            request,
            claim: Mutex::default(),
            left: Mutex::default(),
            cached: AtomicBool::default(),
            unchanged: AtomicBool::default(),
            races: AtomicUsize::default(),
        }
    }
}

/// The result of charging an attempt.
pub(crate) enum AttemptCharge<C, T> {
    /// The attempt may be evaluated.
    Granted(C),
    /// The answer is known without evaluation.
    Finished(T),
    /// Another attempt was charged first. The transaction is rolled back, and the caller tries
    /// again.
    Lost,
}

/// How a command goes on after the charge.
pub(crate) enum Attempt<C, T> {
    Granted(C),
    Finished(T),
}

/// What is stored of a request before this command runs.
enum Before<T> {
    Nothing,
    First(T),
    Reused,
    /// Carried out, with an outcome in the form of another version of the program.
    Unreadable,
    UnderWay,
}

impl CommandContext {
    pub(crate) async fn carry_out<C: Command>(&self, command: C) -> Result<C::Outcome, Error> {
        if let Some(first) = self.first().await? {
            return Ok(first);
        }
        let outcome = command.run(self).await;
        self.query().has_every_key()?;
        let outcome = match outcome {
            // Another copy of this request may have been carried out meanwhile. Then its outcome
            // counts, not the refusal.
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

    /// Runs a command that is one transaction. The outcome of a refusal is not stored: nothing
    /// changed, and a retry may succeed.
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

    /// Charges an attempt in a transaction of its own. `None`: another command was first, and the
    /// caller tries again.
    ///
    /// The caller runs the loop, because a closure that runs more than once and borrows cannot be
    /// part of a task.
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

    /// Ends a charged command. `None`: the work lost a race; it is rolled back, and the caller
    /// tries again.
    pub(crate) async fn settle<T: Outcome>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Error> {
        let mut taken_over = false;
        let done = self
            .tx(async |tx| {
                // The lock order of the store begins with the row of the request.
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

    /// Charges an attempt by one statement; with a request id, in the transaction that claims the
    /// request. `None`: another command was first, and the caller tries again.
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

    /// Ends a charged command by one statement; with a request id, in the transaction that stores
    /// the outcome. `None`: the statement lost a race and changed nothing.
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

    /// Ends a command whose caller is refused, by an outcome and not by an error, before anything is charged. Nothing changed,
    /// so nothing is stored but the event, and a retry may succeed. A caller that is refused could fill the disk otherwise.
    pub(crate) async fn refuse<T: Outcome>(&self, event: EventBuilder<'_>, outcome: T) -> Result<T, Error> {
        // What refuses this command may be the charge of another copy of the request. Then its outcome counts.
        if let Some(first) = self.first().await? {
            return Ok(first);
        }
        self.idempotency.cached.store(true, Ordering::Relaxed);
        event.refuse().await?;
        Ok(outcome)
    }

    /// The same within a transaction: its outcome is not stored.
    pub(crate) fn changes_nothing(&self) {
        self.idempotency.unchanged.store(true, Ordering::Relaxed);
    }

    fn raced(&self) -> Result<(), Refusal> {
        if self.idempotency.races.fetch_add(1, Ordering::Relaxed) < MAX_RETRIES {
            return Ok(());
        }
        Err(Refusal::Busy { retry_after: Span::seconds(1) })
    }

    /// The first outcome of this request, if there is one. Waits while another command carries the
    /// request out.
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
                Before::Unreadable => return Err(Refusal::OutcomeUnreadable.into()),
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
            if now >= earlier.lease_until {
                return Ok(Before::Nothing);
            }
            if self.query().store().is_left(earlier.claim) {
                *self.idempotency.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(earlier.claim);
                return Ok(Before::Nothing);
            }
            return Ok(Before::UnderWay);
        };
        let outcome = self.keyring().open(&SealContext::RequestOutcome(asked), &outcome)?;
        // The seal opened, so the bytes are whole: another version of the program wrote them.
        let Ok(mut outcome) = serde_json::from_slice::<T>(outcome.expose()) else {
            return Ok(Before::Unreadable);
        };
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

    /// Claims the request; `false` when another copy of it has the claim or an outcome. Without a
    /// request id there is nothing to claim.
    async fn claim(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let Some(request) = &self.idempotency.request else { return Ok(true) };
        let now = self.now();
        let id = self.query().store().claim_id(now, self.entropy());
        let claim = RequestClaim { key: self.key(request), id, lease_until: now.plus(LEASE) };
        let left = *self.idempotency.left.lock().unwrap_or_else(PoisonError::into_inner);
        let context = SealContext::RequestBody(self.asked(request));
        let body = self.keyring().digest(&context, request.body.expose())?;
        let claimed = requests::claim(tx, (claim, left), body, now.plus(RETENTION), now).await?;
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
        if self.idempotency.unchanged.load(Ordering::Relaxed) {
            return self.release(tx).await;
        }
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
        // Held before the claim is committed, so that it is never found without its holder.
        let held = self.query().store().hold(claim.id);
        *self.idempotency.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some((claim, held));
    }

    fn get_claim(&self) -> Option<RequestClaim> {
        self.idempotency
            .claim
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|(claim, _)| *claim)
    }
}

/// Implements `Outcome` for types without secrets.
macro_rules! outcomes {
    ($($outcome:ty),+ $(,)?) => { $(impl $crate::Outcome for $outcome {})+ };
}
pub(crate) use outcomes;
