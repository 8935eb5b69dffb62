//! Checks the first factor and says what comes next.
//!
//! The attempt is charged before the password is verified: to the account's counter, whatever the
//! spelling of the identifier, or to a counter of unknown identifiers. An unknown identifier, a
//! wrong password, a throttled attempt and an unusable account get the same answer, and known and
//! unknown identifiers take the same time (INV-29): an attacker must not learn which accounts exist
//! (user enumeration).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, ClientContext, Denial, Fact, Identifier, Level, Method, Offer, Permission,
    Product, ProductKey, Proof, Reason, Refusal, Requirement, Secret, SignIn, Span, Token,
};
use tidegate_factors::{
    budget::Limits,
    sign_in::{self, Enrolling, Network, Situation, Trusted},
};
use tidegate_keyring::{
    TokenKind,
    adoption::{as_own, is_foreign},
    passwords::{HashFault, TooMany},
};
use tidegate_store::{
    Executor, Tx,
    attempts::Counter,
    passwords::{self, Identified},
    sign_ins,
};

use crate::{
    Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, counters, decisions,
    idempotency::{Attempt, AttemptCharge},
    offers::offers,
    sign_ins::trust,
};

/// How long a sign-in may take.
const TTL: Span = Span::minutes(10);

#[derive(Debug)]
pub struct BeginSignIn {
    pub product: ProductKey,
    pub identifier: Identifier,
    pub password: Secret<String>,
    pub client: ClientContext,
    pub device_token: Option<Token>,
}

/// `None`: denied. The caller learns no reason.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignInStarted {
    pub sign_in: Option<(SignIn, Vec<Offer>, OneTimeSecret)>,
}

impl Outcome for SignInStarted {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.sign_in.iter_mut().map(|(_, _, token)| token).collect()
    }
}

const DENIED: SignInStarted = SignInStarted { sign_in: None };

impl Command for BeginSignIn {
    const NAME: &'static str = "begin_sign_in";
    const PERMISSION: Permission = Permission::SignIn;
    type Outcome = SignInStarted;

    async fn run(self, cx: &CommandContext) -> Result<SignInStarted, Error> {
        // Under a flood of requests, a caller that cannot be served is refused before anything is
        // read.
        let inner = cx.passwords().enter().map_err(too_many)?;
        let product = cx.product(&mut cx.view(), &self.product).await?;
        // The place to hash comes first: a guess that cannot be verified must not be charged.
        let mut permit = inner.permit().await.map_err(too_many)?;
        let decoy = counters::of_unknown_identifier(cx.query(), &self.identifier)?;
        let mut known = loop {
            let known = self.known(cx, &decoy).await?;
            match self.charge(cx, &known).await? {
                Some(Attempt::Granted(())) => break known,
                Some(Attempt::Finished(denied)) => return Ok(denied),
                None => {}
            }
        };
        loop {
            let denial = look_at(permit.verify(&self.password, known.row.hash.clone()).await, &known)?;
            let rehashed = self.rehash(cx, denial.is_none(), known.row.hash.as_deref()).await;
            let look = PasswordLook { product: &product, known: &known, denial, rehashed, decoy: &decoy };
            if let Some(begun) = cx.settle(async |tx| self.settle(cx, tx, &look).await).await? {
                return Ok(begun);
            }
            // The hash was replaced meanwhile: by a new password, or by a concurrent sign-in with
            // the same one. The newest hash counts.
            known.row.hash = self.known(cx, &decoy).await?.row.hash;
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

/// What was read before the password was verified, and the counter that the guess is charged to.
struct Identification {
    row: Identified,
    counter: Counter,
}

/// The result of verifying the password, with everything that settling needs.
struct PasswordLook<'l> {
    product: &'l Product,
    known: &'l Identification,
    denial: Option<Denial>,
    /// A hash of the app's own cost, which replaces a foreign one.
    rehashed: Option<String>,
    decoy: &'l Counter,
}

impl BeginSignIn {
    async fn known(&self, cx: &CommandContext, decoy: &Counter) -> Result<Identification, Fault> {
        let row = passwords::identified(&mut cx.view(), &self.identifier, decoy).await?;
        let counter = row.account.as_ref().map(|account| counters::of_password(account.id));
        Ok(Identification { row, counter: counter.unwrap_or_else(|| decoy.clone()) })
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
                    self.deny(cx, tx, known.row.account.as_ref(), Denial::Slowed).await?;
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
        let PasswordLook { known: Identification { row: known, .. }, denial, decoy, .. } = look;
        let Identified { account, hash, .. } = passwords::identified(tx, &self.identifier, decoy).await?;
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
                None => return Ok(Some(self.begin(cx, tx, look, account).await?)),
            },
        };
        self.deny(cx, tx, account.as_ref(), why).await?;
        Ok(Some(DENIED))
    }

    /// A hash of the app's own cost to replace a foreign one, if the password is right. If no place
    /// to hash is free, the next sign-in does it.
    async fn rehash(&self, cx: &CommandContext, right: bool, kept: Option<&str>) -> Option<String> {
        let kept = kept.filter(|kept| right && is_foreign(kept))?;
        if let Some(own) = as_own(kept, &self.password) {
            return Some(own);
        }
        cx.passwords().hash(&self.password, cx.entropy()).await.ok()?.ok()
    }

    async fn deny(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        account: Option<&Account>,
        why: Denial,
    ) -> Result<(), Fault> {
        let event = cx.event(Fact::SignInDenied { why }).at(&self.product).from(&self.client);
        let event = match account {
            Some(account) => event.of(account),
            None => event,
        };
        event.record(tx).await
    }

    async fn begin(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        look: &PasswordLook<'_>,
        account: &Account,
    ) -> Result<SignInStarted, Fault> {
        let (product, now) = (look.product, cx.now());
        let decision = cx.decide(tx, product, account.id).await?;
        let token = self.device_token.as_ref();
        let trusted_by = trust::presented(cx, tx, account, product, &self.client, token).await?;
        let trusted = trusted_by.is_some();
        // Most sign-ins need no second step. For those the factors are not read.
        let offers = if decision.requirement.is_met_by(Level::Aal1, trusted) {
            Vec::new()
        } else {
            offers(cx.query(), tx, account, (product, decision.requirement)).await?
        };
        let state = sign_in::next(Situation {
            requirement: decision.requirement,
            level: Level::Aal1,
            trust: if trusted { Trusted::StandsIn } else { Trusted::No },
            network: Network::Accepted,
            offers: &offers,
            enrollment: Enrolling::Impossible,
        });
        let sign_in = SignIn {
            id: cx.new_id(),
            account: account.id,
            product: product.key.clone(),
            state,
            requirement: decision.requirement,
            proofs: vec![Proof { method: Method::Password, at: now, factor: None }],
            trusted_by,
            device: self.client.device.clone(),
            created_at: now,
            expires_at: now.plus(TTL),
        };
        let (token, digest) = TokenKind::SignIn.mint(cx.entropy());
        let (id, requirement) = (sign_in.id, sign_in.requirement);
        let begun = cx.event(Fact::SignInBegun { sign_in: id, requirement, trusted });
        let begun = begun.at(&product.key).of(account).from(&self.client).finish();
        // Where the account was reached, two-step acts from the first sign-in that is held to it,
        // for good.
        if requirement != Requirement::None
            && decision.reason != Reason::Active
            && let Some(rollout) = &decision.rollout
        {
            decisions::activate(cx, tx, account, (rollout, &product.key), &self.client).await?;
        }
        // The sign-in's row is new, so it may be written after rows of tables that follow it in the
        // lock order.
        if let (Some(kept), Some(hash)) = (&look.known.row.hash, &look.rehashed) {
            passwords::rehash(tx, account.id, kept.clone(), hash.clone()).await?;
        }
        sign_ins::begin(tx.executor(), digest, &sign_in, &look.known.counter, begun).await?;
        Ok(SignInStarted { sign_in: Some((sign_in, offers, OneTimeSecret::Now(token))) })
    }
}
