//! A password as the first factor.
//!
//! The attempt is charged before the password is verified: to a counter of the account, whatever the
//! spelling of the identifier, or to a counter of unknown identifiers. An account has two counters
//! (lanes), one for devices that it knows and one for all others. An unknown identifier, a
//! wrong password, a throttled attempt and an unusable account get the same answer, and known and
//! unknown identifiers take the same time (INV-29): an attacker must not learn which accounts exist
//! (user enumeration).

use std::time::Duration;

use tidegate_core::{
    Account, AccountState, Answered, Denial, Identifier, MessagePurpose, Method, Product, Proof, Refusal,
    Secret, Span, Timestamp,
};
use tidegate_factors::{
    budget::Limits,
    device::{self, Trust},
};
use tidegate_keyring::{
    TokenKind,
    adoption::{as_own, is_foreign},
    passwords::{HashFault, TooMany},
};
use tidegate_store::{
    Executor, Tx, View,
    attempts::{self, Counter, GrantedCharge, SettledAttempts},
    devices,
    passwords::{self, Identified},
};
use tracing::Instrument as _;

use super::begin::{DENIED, FirstProof, Held, Origin, SignInStarted};
use crate::{
    CommandContext, Error, Fault,
    counters::{self, Lane},
    idempotency::Attempt,
    notices::About,
    passwords::MAILED_FOR,
};

/// How often a counter is read again while guesses are under way.
const POLL_INTERVAL: Duration = Duration::from_millis(25);
/// How long a guess waits for those that are under way.
const MAX_WAIT: Duration = Duration::from_secs(3);
/// A guess that was charged so long ago, and not settled, was lost with its process.
const LOST_AFTER: Span = Span::seconds(10);

impl Origin {
    pub(super) async fn by_password(
        self,
        cx: &CommandContext,
        identifier: Identifier,
        password: Secret<String>,
    ) -> Result<SignInStarted, Error> {
        // Under a flood of requests, a caller that cannot be served is refused before anything is
        // read.
        let mut inner = cx.passwords().enter().map_err(too_many)?;
        let product = cx.product(&mut cx.view(), &self.product).await?;
        let decoy = counters::of_unknown_identifier(cx.query(), &identifier)?;
        let guess = PasswordGuess { from: &self, product: &product, identifier, password, decoy };
        let began = tokio::time::Instant::now();
        let (mut permit, mut known, taken) = loop {
            // The place to hash comes first: a guess that cannot be verified must not be charged.
            let permit = inner.permit().await.map_err(too_many)?;
            let known = guess.known(cx).await?;
            if let Some(account) = &known.row.account {
                // Before the charge: what cannot be decided here costs no guess.
                cx.query().needs_key_of(&account.personal_key)?;
            }
            match guess.charge(cx, &known).await? {
                PasswordCharge::Granted(taken) => break (permit, known, taken),
                PasswordCharge::Finished(denied) => return Ok(denied),
                PasswordCharge::Raced => {}
                PasswordCharge::Waits if began.elapsed() >= MAX_WAIT => return Err(too_many(TooMany).into()),
                PasswordCharge::Waits => {
                    // The guesses that are under way need the places to hash.
                    drop(permit);
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
            inner = cx.passwords().enter().map_err(too_many)?;
        };
        loop {
            let right = permit.verify(&guess.password, known.row.hash.clone());
            let right = right.instrument(tracing::debug_span!("password_hash")).await;
            let denial = look_at(right, &known)?;
            let rehashed = guess.rehash(cx, denial.is_none(), known.row.hash.as_deref()).await;
            let weak = denial.is_none() && guess.is_weak(cx, &known).await;
            let look = PasswordLook { known: &known, taken, denial, weak, rehashed };
            if let Some(begun) = cx.settle(async |tx| guess.settle(cx, tx, &look).await).await? {
                return Ok(begun);
            }
            // The hash was replaced meanwhile: by a new password, or by a concurrent sign-in with
            // the same one. The newest hash counts.
            known.row = guess.identified(&mut cx.view()).await?;
            permit = cx.passwords().enter().map_err(too_many)?.permit().await.map_err(too_many)?;
        }
    }
}

fn too_many(_: TooMany) -> Refusal {
    Refusal::TooManyPasswords { retry_after: Span::seconds(1) }
}

/// `None`: the password is right. A damaged hash matches no password: the sign-in is denied, the
/// operators are alerted, and the owner has to set a new password.
fn look_at(verified: Result<bool, HashFault>, known: &Identification) -> Result<Option<Denial>, Fault> {
    match verified {
        Ok(right) => Ok((!right).then_some(Denial::WrongPassword)),
        Err(HashFault::Unreadable) => {
            let account = known.row.account.as_ref().map(|account| account.id.to_string());
            tracing::error!(account, "the stored hash of a password cannot be read");
            Ok(Some(Denial::PasswordUnreadable))
        }
        Err(lost @ HashFault::Task) => Err(lost.into()),
    }
}

/// One guess, from one place.
struct PasswordGuess<'g> {
    from: &'g Origin,
    product: &'g Product,
    identifier: Identifier,
    password: Secret<String>,
    decoy: Counter,
}

/// What was read before the password was verified, and the counter that the guess is charged to.
struct Identification {
    row: Identified,
    lane: Lane,
    counter: Counter,
    kept: Option<SettledAttempts>,
}

/// What came of charging a guess.
enum PasswordCharge {
    Granted(GrantedCharge),
    Finished(SignInStarted),
    /// Another guess was charged first.
    Raced,
    /// Guesses of the same account are under way. Their outcome decides whether this one is slowed.
    Waits,
}

/// The result of verifying the password, with everything that settling needs.
struct PasswordLook<'l> {
    known: &'l Identification,
    taken: GrantedCharge,
    denial: Option<Denial>,
    /// It is right, but would not be accepted as a new one.
    weak: bool,
    /// A hash of the app's own cost, which replaces a foreign one.
    rehashed: Option<String>,
}

impl PasswordGuess<'_> {
    async fn known(&self, cx: &CommandContext) -> Result<Identification, Fault> {
        let mut view = cx.view();
        let row = self.identified(&mut view).await?;
        let lane = self.lane(cx, &mut view).await?;
        let counter = row.account.as_ref().map(|account| counters::of_password(account.id, lane));
        let counter = counter.unwrap_or_else(|| self.decoy.clone());
        let kept = attempts::find_settled(&mut view, &counter).await?;
        Ok(Identification { row, lane, counter, kept })
    }

    async fn identified(&self, view: &mut View) -> Result<Identified, Fault> {
        Ok(passwords::identified(view, &self.identifier, &self.decoy).await?)
    }

    /// A token that was replaced long ago is a copy, and makes no device known.
    async fn lane(&self, cx: &CommandContext, view: &mut View) -> Result<Lane, Fault> {
        let Origin { client, device_token, product } = self.from;
        let (Some(token), Some(device)) = (device_token, &client.device) else { return Ok(Lane::Unknown) };
        let found = devices::of_identifier(view, &self.identifier, product, device).await?;
        let digest = TokenKind::Device.digest(token.expose());
        let known = found.zip(digest).is_some_and(|(device, digest)| {
            !matches!(device::judge(&device, &digest, device.epoch, cx.now()), Trust::Reused)
        });
        Ok(if known { Lane::Known } else { Lane::Unknown })
    }

    /// Charges one guess, or denies the sign-in.
    async fn charge(&self, cx: &CommandContext, known: &Identification) -> Result<PasswordCharge, Error> {
        let (now, counter) = (cx.now(), &known.counter);
        let kept = known.kept.as_ref().map(|kept| kept.row.clone());
        let attempt = match counters::grant(kept, counter, &Limits::PASSWORD, now) {
            Ok(granted) => {
                cx.charge_by(async |executor: Executor<'_>| {
                    Ok(counters::store(executor, counter, &granted).await?.then_some(granted))
                })
                .await?
            }
            Err(_) if known.waits(now) => return Ok(PasswordCharge::Waits),
            Err(answered) => {
                let held = match answered {
                    Answered::Slowed { until } => Held::Until(until),
                    _ => Held::Closed,
                };
                cx.query().metrics().throttled("passwords");
                let account = known.row.account.as_ref();
                let denied = self.from.denied(cx, account, Denial::Slowed);
                let denied = if account.is_some() { denied } else { denied.by(counter.id) };
                let slowed = cx.refuse(denied, SignInStarted { held: Some(held), ..DENIED }).await?;
                return Ok(PasswordCharge::Finished(slowed));
            }
        };
        Ok(match attempt {
            Some(Attempt::Granted(taken)) => PasswordCharge::Granted(taken),
            Some(Attempt::Finished(denied)) => PasswordCharge::Finished(denied),
            None => PasswordCharge::Raced,
        })
    }

    /// `None`: the stored hash is not the one that was verified any more.
    async fn settle(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        look: &PasswordLook<'_>,
    ) -> Result<Option<SignInStarted>, Fault> {
        let PasswordLook { known, taken, denial, weak, rehashed } = look;
        let Identification { row: known, lane, counter, .. } = known;
        let Identified { account, hash, demanded_at, reset_at } = self.identified(tx).await?;
        let same = |account: &Account| known.account.as_ref().is_some_and(|known| known.id == account.id);
        let why = match &account {
            None => Denial::UnknownIdentifier,
            // The account is read again after hashing. If the address now belongs to another
            // account, deny.
            Some(account) if !same(account) => Denial::WrongPassword,
            Some(_) if hash != known.hash => return Ok(None),
            Some(account) => match denial {
                Some(denial) => *denial,
                None if account.state != AccountState::Active => Denial::AccountNotUsable,
                None if demanded_at.is_some() => Denial::NewPasswordDemanded,
                None => {
                    let now = cx.now();
                    let mailed = reset_at.is_some_and(|at| now.since(at) < MAILED_FOR);
                    let proof = Proof { method: Method::Password, at: now, factor: None, mailed };
                    let rehashed = known.hash.as_deref().zip(rehashed.as_deref());
                    // A known device reopens the lane that strangers may have closed.
                    let strangers = || counters::of_password(account.id, Lane::Unknown);
                    let reopens = (*lane == Lane::Known).then(strangers);
                    let first = FirstProof { proof, counter, reopens, weak_password: *weak, rehashed };
                    return self.from.begin(cx, tx, (self.product, account), first).await.map(Some);
                }
            },
        };
        attempts::settle(tx, counter, *taken).await?;
        let denied = self.from.denied(cx, account.as_ref(), why);
        match &account {
            // An account's own counter bounds how many there are.
            Some(_) => denied.record(tx).await?,
            None => denied.record_refusal(tx).await?,
        }
        let closes = *lane == Lane::Unknown && taken.budget.in_row >= Limits::PASSWORD.in_row;
        if let Some(account) = account.filter(|_| closes) {
            let whose = (&account, self.product, &self.from.client);
            cx.notify(tx, whose, MessagePurpose::SignInClosed, About::default()).await?;
        }
        Ok(Some(DENIED))
    }

    async fn is_weak(&self, cx: &CommandContext, known: &Identification) -> bool {
        match &known.row.account {
            Some(account) => cx.is_weak_password(account, &self.password).await,
            None => false,
        }
    }

    /// A hash of the app's own cost to replace a foreign one, if the password is right. If no place
    /// to hash is free, the next sign-in does it.
    async fn rehash(&self, cx: &CommandContext, right: bool, kept: Option<&str>) -> Option<String> {
        let kept = kept.filter(|kept| right && is_foreign(kept))?;
        if let Some(own) = as_own(kept, &self.password) {
            return Some(own);
        }
        let hash = cx.passwords().hash(&self.password, cx.entropy());
        hash.instrument(tracing::debug_span!("password_hash")).await.ok()?.ok()
    }
}

impl Identification {
    /// Whether the outcome of guesses that are under way is worth waiting for.
    fn waits(&self, now: Timestamp) -> bool {
        let last = |kept: &SettledAttempts| kept.row.budget.last_at;
        self.kept.as_ref().is_some_and(|kept| {
            kept.row.tag == self.counter.tag && kept.under_way() > 0 && now.since(last(kept)) < LOST_AFTER
        })
    }
}
