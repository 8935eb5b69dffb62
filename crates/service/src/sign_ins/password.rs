//! A password as the first factor.
//!
//! The attempt is charged before the password is verified: to the account's counter, whatever the
//! spelling of the identifier, or to a counter of unknown identifiers. An unknown identifier, a
//! wrong password, a throttled attempt and an unusable account get the same answer, and known and
//! unknown identifiers take the same time (INV-29): an attacker must not learn which accounts exist
//! (user enumeration).

use tidegate_core::{
    Account, AccountState, Denial, Identifier, Method, Product, Proof, Refusal, Secret, Span,
};
use tidegate_factors::budget::Limits;
use tidegate_keyring::{
    adoption::{as_own, is_foreign},
    passwords::{HashFault, TooMany},
};
use tidegate_store::{
    Executor, Tx,
    attempts::Counter,
    passwords::{self, Identified},
};
use tracing::Instrument as _;

use super::begin::{DENIED, FirstProof, Origin, SignInStarted};
use crate::{
    CommandContext, Error, Fault, counters,
    idempotency::{Attempt, AttemptCharge},
};

impl Origin {
    pub(super) async fn by_password(
        self,
        cx: &CommandContext,
        identifier: Identifier,
        password: Secret<String>,
    ) -> Result<SignInStarted, Error> {
        // Under a flood of requests, a caller that cannot be served is refused before anything is
        // read.
        let inner = cx.passwords().enter().map_err(too_many)?;
        let product = cx.product(&mut cx.view(), &self.product).await?;
        // The place to hash comes first: a guess that cannot be verified must not be charged.
        let mut permit = inner.permit().await.map_err(too_many)?;
        let decoy = counters::of_unknown_identifier(cx.query(), &identifier)?;
        let guess = PasswordGuess { from: &self, product: &product, identifier, password, decoy };
        let mut known = loop {
            let known = guess.known(cx).await?;
            match guess.charge(cx, &known).await? {
                Some(Attempt::Granted(())) => break known,
                Some(Attempt::Finished(denied)) => return Ok(denied),
                None => {}
            }
        };
        loop {
            let right = permit.verify(&guess.password, known.row.hash.clone());
            let right = right.instrument(tracing::debug_span!("password_hash")).await;
            let denial = look_at(right, &known)?;
            let rehashed = guess.rehash(cx, denial.is_none(), known.row.hash.as_deref()).await;
            let look = PasswordLook { known: &known, denial, rehashed };
            if let Some(begun) = cx.settle(async |tx| guess.settle(cx, tx, &look).await).await? {
                return Ok(begun);
            }
            // The hash was replaced meanwhile: by a new password, or by a concurrent sign-in with
            // the same one. The newest hash counts.
            known.row.hash = guess.known(cx).await?.row.hash;
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
    counter: Counter,
}

/// The result of verifying the password, with everything that settling needs.
struct PasswordLook<'l> {
    known: &'l Identification,
    denial: Option<Denial>,
    /// A hash of the app's own cost, which replaces a foreign one.
    rehashed: Option<String>,
}

impl PasswordGuess<'_> {
    async fn known(&self, cx: &CommandContext) -> Result<Identification, Fault> {
        let row = passwords::identified(&mut cx.view(), &self.identifier, &self.decoy).await?;
        let counter = row.account.as_ref().map(|account| counters::of_password(account.id));
        Ok(Identification { row, counter: counter.unwrap_or_else(|| self.decoy.clone()) })
    }

    /// Charges one guess, or denies the sign-in.
    async fn charge(
        &self,
        cx: &CommandContext,
        known: &Identification,
    ) -> Result<Option<Attempt<(), SignInStarted>>, Error> {
        let (now, counter) = (cx.now(), &known.counter);
        let Ok(granted) = counters::grant(known.row.kept.clone(), counter, &Limits::PASSWORD, now) else {
            return cx
                .charge(async |tx| {
                    self.from.deny(cx, tx, known.row.account.as_ref(), Denial::Slowed).await?;
                    Ok(AttemptCharge::Finished(DENIED))
                })
                .await;
        };
        cx.charge_by(async |executor: Executor<'_>| {
            Ok(counters::store(executor, counter, &granted).await?.then_some(()))
        })
        .await
    }

    /// `None`: the stored hash is not the one that was verified any more.
    async fn settle(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        look: &PasswordLook<'_>,
    ) -> Result<Option<SignInStarted>, Fault> {
        let PasswordLook { known: Identification { row: known, counter }, denial, rehashed } = look;
        let Identified { account, hash, .. } =
            passwords::identified(tx, &self.identifier, &self.decoy).await?;
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
                None => {
                    let proof = Proof { method: Method::Password, at: cx.now(), factor: None };
                    let rehashed = known.hash.as_deref().zip(rehashed.as_deref());
                    let first = FirstProof { proof, counter, rehashed };
                    return self.from.begin(cx, tx, (self.product, account), first).await.map(Some);
                }
            },
        };
        self.from.deny(cx, tx, account.as_ref(), why).await?;
        Ok(Some(DENIED))
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
