//! Begins a sign-in with a first factor, and says what comes next.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, ClientContext, Denial, Fact, Identifier, Offer, Permission, Product, ProductKey, Proof, Reason,
    Requirement, Secret, SignIn, Span, Timestamp, Token, Word as _,
};
use tidegate_factors::{level, sign_in::Trusted};
use tidegate_keyring::TokenKind;
use tidegate_store::{
    Tx,
    attempts::{self, Counter},
    passwords, sign_ins,
};

use crate::{
    Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, Share, decisions,
    event_builder::EventBuilder,
    offers::{NextStep, next_step},
    sign_ins::trust,
};

/// How long a sign-in may take.
const TTL: Span = Span::minutes(10);

#[derive(Debug)]
pub struct BeginSignIn {
    pub product: ProductKey,
    pub first: FirstFactor,
    pub client: ClientContext,
    pub device_token: Option<Token>,
}

#[derive(Debug)]
pub enum FirstFactor {
    Password {
        identifier: Identifier,
        password: Secret<String>,
    },
    /// The JSON of a public key credential, which names its account.
    Passkey(Secret<String>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SignInStarted {
    /// `None`: denied. The caller learns no reason.
    pub sign_in: Option<(SignIn, Vec<Offer>, OneTimeSecret)>,
    /// Denied without a look at the password, whether or not the identifier is known.
    #[serde(default)]
    pub held: Option<Held>,
}

/// Why no password is looked at.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Held {
    /// The throttle grants none before this instant.
    Until(Timestamp),
    /// Too many in a row were wrong.
    Closed,
}

impl Outcome for SignInStarted {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.sign_in.iter_mut().map(|(_, _, token)| token).collect()
    }
}

pub(super) const DENIED: SignInStarted = SignInStarted { sign_in: None, held: None };

impl Command for BeginSignIn {
    const NAME: &'static str = "begin_sign_in";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = SignInStarted;

    async fn run(self, cx: &CommandContext) -> Result<SignInStarted, Error> {
        let Self { product, first, client, device_token } = self;
        let from = Origin { product, client, device_token };
        let begun = match first {
            FirstFactor::Password { identifier, password } => {
                from.by_password(cx, identifier, password).await?
            }
            FirstFactor::Passkey(answer) => from.by_passkey(cx, answer).await?,
        };
        let state = begun.sign_in.as_ref().map_or("denied", |(sign_in, ..)| sign_in.state.as_str());
        cx.query().metrics().signed_in(state);
        Ok(begun)
    }
}

/// Where a sign-in comes from.
pub(super) struct Origin {
    pub(super) product: ProductKey,
    pub(super) client: ClientContext,
    pub(super) device_token: Option<Token>,
}

/// The first factor's proof, and what is written with it.
pub(super) struct FirstProof<'f> {
    pub(super) proof: Proof,
    /// The counter that the success resets (INV-9).
    pub(super) counter: &'f Counter,
    /// Another counter of the same authenticator, which the success reopens.
    pub(super) reopens: Option<Counter>,
    /// The password would not be accepted as a new one.
    pub(super) weak_password: bool,
    /// The password's hash, and the one that replaces it.
    pub(super) rehashed: Option<(&'f str, &'f str)>,
}

impl Origin {
    /// The event of a denied sign-in.
    pub(super) fn denied<'n>(
        &'n self,
        cx: &'n CommandContext,
        account: Option<&'n Account>,
        why: Denial,
    ) -> EventBuilder<'n> {
        let event = cx.event(Fact::SignInDenied { why, count: 1 }).at(&self.product).from(&self.client);
        match account {
            Some(account) => event.of(account),
            None => event,
        }
    }

    pub(super) async fn begin(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (product, account): (&Product, &Account),
        first: FirstProof<'_>,
    ) -> Result<SignInStarted, Fault> {
        let now = cx.now();
        let decision = cx.decide(tx, product, account.id).await?;
        let token = self.device_token.as_ref();
        let presented = trust::presented(cx, tx, account, product, &self.client, token).await?;
        let trusted_by = presented.trusted_by;
        let trusted = trusted_by.is_some();
        let proofs = vec![first.proof];
        let level = level::of(&proofs, now, now);
        let trust = if trusted { Trusted::StandsIn } else { Trusted::No };
        let whose = (account, product);
        let next = next_step(cx.query(), tx, whose, decision.requirement, (level, trust)).await?;
        let NextStep { state, requirement, offers } = next;
        let sign_in = SignIn {
            id: cx.new_id(),
            account: account.id,
            product: product.key.clone(),
            state,
            requirement,
            proofs,
            trusted_by,
            device: self.client.device.clone(),
            epoch: account.epoch,
            weak_password: first.weak_password,
            device_since: presented.known_since,
            created_at: now,
            expires_at: now.plus(TTL),
        };
        let (token, digest) = TokenKind::SignIn.mint(cx.entropy());
        let (id, requirement) = (sign_in.id, decision.requirement);
        let begun = cx.event(Fact::SignInBegun { sign_in: id, requirement, trusted });
        let begun = begun.at(&product.key).of(account).from(&self.client).finish();
        // Where the account was reached, two-step acts from the first sign-in that is held to it,
        // for good.
        if requirement != Requirement::None
            && decision.on
            && decision.reason != Reason::Active
            && let Some(rollout) = &decision.rollout
        {
            decisions::activate(cx, tx, account, (rollout, &product.key), &self.client).await?;
        }
        decisions::enforce(cx, tx, account, &decision, &self.client).await?;
        // The sign-in's row is new, so it may be written after rows of tables that follow it in the
        // lock order.
        if let Some((kept, hash)) = first.rehashed {
            passwords::rehash(tx, account.id, kept.to_owned(), hash.to_owned()).await?;
        }
        if let Some(closed) = &first.reopens {
            attempts::forgive(tx, closed).await?;
        }
        sign_ins::begin(tx.executor(), digest, &sign_in, first.counter, begun).await?;
        let sign_in = Some((sign_in, offers, OneTimeSecret::Now(token)));
        Ok(SignInStarted { sign_in, held: None })
    }
}
