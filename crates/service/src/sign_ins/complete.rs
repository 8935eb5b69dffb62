//! Turns a ready sign-in into a session: the only use case that makes one.
//!
//! The requirement is decided again from what the transaction reads (INV-17). If it is more than
//! was proved, the sign-in is held back, and no session is made.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, Advice, Decision, Fact, LadderDecision, Level, MessagePurpose, Method,
    MethodAdvice, Missing, Offer, Permission, Product, Proof, Refusal, Requirement, Rung, Session,
    SessionEnd, SignIn, SignInId, SignInState, Span, Subject, Timestamp, Word as _,
};
use tidegate_factors::{fresh::RECOVERY_TTL, level, policy, sign_in::Trusted};
use tidegate_keyring::{PersonalContext, TokenKind};
use tidegate_store::{Tx, accounts, factors, recovery_codes, sessions, sign_ins};

use crate::{
    Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, Share,
    acting::Acting,
    check_up, decisions,
    notices::About,
    offers::{NextStep, next_step},
    sessions::{ending, refresh},
    sign_ins::{reconsider::moved_on, trust},
};

/// For so long after it was created, an account has no devices that it knows, and its owner is not told of new ones.
const NEW_ACCOUNT: Span = Span::days(1);

#[derive(Debug)]
pub struct CompleteSignIn {
    pub subject: Subject,
    pub remember_device: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SignInCompletion {
    pub sign_in: SignIn,
    pub offers: Vec<Offer>,
    /// `None`: more is required now than was proved.
    pub session: Option<NewSession>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NewSession {
    pub session: Session,
    pub level: Level,
    pub token: OneTimeSecret,
    pub device_token: Option<OneTimeSecret>,
    #[serde(default)]
    pub refresh_token: Option<OneTimeSecret>,
    pub trusted_until: Option<Timestamp>,
    pub advice: Advice,
    pub missing: Vec<Missing>,
    /// What the strictest ladder says.
    #[serde(default)]
    pub ladder: Option<LadderDecision>,
    /// With `Advice::AddMethod`.
    #[serde(default)]
    pub better_method: Option<MethodAdvice>,
    /// After a recovery code: how many are left.
    #[serde(default)]
    pub recovery_codes_left: Option<usize>,
    /// The password would not be accepted as a new one.
    #[serde(default)]
    pub weak_password: bool,
}

impl Outcome for SignInCompletion {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        let Some(session) = &mut self.session else { return Vec::new() };
        let tokens = std::iter::once(&mut session.token).chain(&mut session.device_token);
        tokens.chain(&mut session.refresh_token).collect()
    }
}

impl Command for CompleteSignIn {
    const NAME: &'static str = "complete_sign_in";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = SignInCompletion;

    async fn run(self, cx: &CommandContext) -> Result<SignInCompletion, Error> {
        let acting = cx.acting(&self.subject).await?;
        let begun = acting.sign_in()?;
        if !matches!(begun.state, SignInState::Ready | SignInState::PendingEnrollment) {
            return Err(Refusal::SignInState { state: begun.state.as_str() }.into());
        }
        cx.idempotent(async |tx| {
            // Sign-ins of one account complete one after the other, because each replaces the
            // devices and sessions that it read.
            let account = accounts::lock(tx, begun.account).await?.ok_or(Fault::Dangling("account"))?;
            if account.state != AccountState::Active {
                return Err(Refusal::AccountNotUsable.into());
            }
            if account.epoch != begun.epoch {
                return Err(Refusal::SubjectNotValid.into());
            }
            let sign_in = moved_on(cx, tx, &acting).await?;
            if sign_in.state != SignInState::Ready {
                return Err(Refusal::SignInState { state: sign_in.state.as_str() }.into());
            }
            let decision = cx.decide(tx, &acting.product, account.id).await?;
            let sign_in = SignIn { proofs: live_proofs(tx, &sign_in, &acting.product).await?, ..sign_in };
            // The only proof was by a passkey that is gone, or is not taken here any more.
            if sign_in.proofs.is_empty() {
                return Err(Refusal::SubjectNotValid.into());
            }
            let level = level::of(&sign_in.proofs, cx.now(), cx.now());
            let device = trust::of(cx, tx, &acting.product, &sign_in).await?;
            let recovers = level == Level::Recovery;
            if !recovers && !decision.requirement.is_met_by(level, device.stood_in.is_some()) {
                let held = hold_back(cx, tx, &acting, &account, &sign_in, &decision).await?;
                return Ok(held.ok_or(now_in(tx, sign_in.id).await?)?);
            }
            let (ready, completed) = (SignInState::Ready, SignInState::Completed);
            if !sign_ins::advance(tx, sign_in.id, ready, completed, cx.now()).await? {
                return Err(now_in(tx, sign_in.id).await?.into());
            }
            let made = Made { acting: &acting, account: &account, sign_in: &sign_in, decision: &decision };
            let session = if recovers {
                made.recovery_session(cx, tx).await?
            } else {
                made.session(cx, tx, level, (self.remember_device, device)).await?
            };
            let sign_in = SignIn { state: completed, ..sign_in.clone() };
            cx.query().metrics().signed_in(completed.as_str());
            Ok(SignInCompletion { sign_in, offers: Vec::new(), session: Some(session) })
        })
        .await
    }
}

/// The proofs of the sign-in, without those of factors that were removed meanwhile, and of methods that the product does
/// not count any more: they make no session.
async fn live_proofs(tx: &mut Tx, sign_in: &SignIn, product: &Product) -> Result<Vec<Proof>, Fault> {
    if sign_in.proofs.iter().all(|proof| proof.method == Method::Password) {
        return Ok(sign_in.proofs.clone());
    }
    let factors = factors::of_account(tx, sign_in.account).await?;
    let policy = &product.settings.methods;
    let counts = |proof: &&Proof| proof.is_live(&factors) && policy::admits(policy, proof.method);
    Ok(sign_in.proofs.iter().filter(counts).copied().collect())
}

/// Why the sign-in cannot go on: its state changed meanwhile, or it has expired.
async fn now_in(tx: &mut Tx, id: SignInId) -> Result<Refusal, Fault> {
    let found = sign_ins::get(tx, id).await?.ok_or(Fault::Dangling("sign-in"))?;
    let state = if found.state == SignInState::Ready { "expired" } else { found.state.as_str() };
    Ok(Refusal::SignInState { state })
}

/// Holds the sign-in back, because more is required now. `None` when it was not ready any more.
async fn hold_back(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    account: &Account,
    sign_in: &SignIn,
    decision: &Decision,
) -> Result<Option<SignInCompletion>, Fault> {
    let level = level::of(&sign_in.proofs, cx.now(), cx.now());
    let whose = (account, &acting.product);
    let next = next_step(cx.query(), tx, whose, decision.requirement, (level, Trusted::No)).await?;
    let NextStep { state, requirement, offers } = next;
    if !sign_ins::hold_back(tx, sign_in.id, (state, requirement), cx.now()).await? {
        return Ok(None);
    }
    decisions::enforce(cx, tx, account, decision, &acting.client).await?;
    let fact = Fact::SignInHeldBack { sign_in: sign_in.id, requirement: decision.requirement };
    cx.event(fact).at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    let sign_in = SignIn { state, requirement, trusted_by: None, ..sign_in.clone() };
    Ok(Some(SignInCompletion { sign_in, offers, session: None }))
}

/// A sign-in that is complete.
struct Made<'m> {
    acting: &'m Acting,
    account: &'m Account,
    sign_in: &'m SignIn,
    decision: &'m Decision,
}

impl Made<'_> {
    async fn session(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        level: Level,
        (remember, device): (bool, trust::Device),
    ) -> Result<NewSession, Fault> {
        let (stood_in, is_new) = (device.stood_in, !device.is_known());
        let product = &self.acting.product;
        let life = product.settings.session_absolute;
        let session = Session {
            trusted: stood_in.is_some(),
            met: self.decision.requirement,
            refresh: refresh::lifetime(self.account, product, cx.now()),
            ..self.new_session(cx, life)
        };
        self.end_former(cx, tx).await?;
        let (token, digest) = TokenKind::Session.mint(cx.entropy());
        sessions::insert(tx, digest, &session).await?;
        let refresh = refresh::begin(cx, tx, &session).await?;
        let rotated = trust::rotate(
            cx,
            tx,
            (product, self.account, &self.acting.client),
            self.sign_in,
            (level, remember, device),
        )
        .await?;
        let trusted_until = rotated.as_ref().and_then(|rotated| rotated.trusted_until);
        let (mut advice, ladder) = self.advise(cx, tx).await?;
        let better_method = match advice {
            Advice::Nothing if self.decision.on => self.advise_method(cx, tx).await?,
            _ => None,
        };
        if better_method.is_some() {
            advice = Advice::AddMethod;
        }
        self.record(cx, tx, &session, trusted_until.filter(|_| stood_in.is_none())).await?;
        if is_new && cx.now().since(self.account.created_at) >= NEW_ACCOUNT {
            let whose = (self.account, product, &self.acting.client);
            cx.notify(tx, whose, MessagePurpose::NewDevice, About::default()).await?;
        }
        if rotated.as_ref().is_some_and(|rotated| rotated.ended) {
            let event = cx.event(Fact::DeviceTrustEnded {}).at(&product.key).of(self.account);
            event.from(&self.acting.client).record(tx).await?;
        }
        Ok(NewSession {
            session,
            level,
            token: OneTimeSecret::Now(token),
            device_token: rotated.map(|rotated| OneTimeSecret::Now(rotated.token)),
            refresh_token: refresh.map(OneTimeSecret::Now),
            trusted_until,
            advice,
            missing: match advice {
                Advice::TwoStepAvailable | Advice::TwoStepNudge | Advice::TwoStepRequired => {
                    self.decision.missing.clone()
                }
                _ => Vec::new(),
            },
            ladder,
            better_method,
            recovery_codes_left: None,
            weak_password: self.sign_in.weak_password,
        })
    }

    /// A session after a recovery code: short, without trust, and known to no product as active. The device gets no
    /// token, because it has not proved a factor.
    async fn recovery_session(&self, cx: &CommandContext, tx: &mut Tx) -> Result<NewSession, Fault> {
        let life = RECOVERY_TTL.min(self.acting.product.settings.session_absolute);
        // Introspect, which keeps sessions from going idle, does not see this one.
        let session = Session { idle: life, ..self.new_session(cx, life) };
        self.end_former(cx, tx).await?;
        let (token, digest) = TokenKind::Session.mint(cx.entropy());
        sessions::insert(tx, digest, &session).await?;
        self.record(cx, tx, &session, None).await?;
        let left = recovery_codes::count(tx, self.account.id).await?;
        let at = (self.account, &self.acting.product, &self.acting.client);
        cx.notify(tx, at, MessagePurpose::RecoveryCodeUsed, About::codes_left(left)).await?;
        Ok(NewSession {
            session,
            level: Level::Recovery,
            token: OneTimeSecret::Now(token),
            device_token: None,
            refresh_token: None,
            trusted_until: None,
            advice: Advice::RebindFactors,
            missing: Vec::new(),
            ladder: None,
            better_method: None,
            recovery_codes_left: Some(left),
            weak_password: self.sign_in.weak_password,
        })
    }

    fn new_session(&self, cx: &CommandContext, life: Span) -> Session {
        let (now, product, id) = (cx.now(), &self.acting.product, cx.new_id());
        let context = PersonalContext::SessionClient(id);
        Session {
            id,
            account: self.account.id,
            product: product.key.clone(),
            device: self.sign_in.device.clone(),
            proofs: self.sign_in.proofs.clone(),
            later_proofs: Vec::new(),
            trusted: false,
            met: Requirement::None,
            created_at: now,
            last_used_at: now,
            idle: product.settings.session_idle,
            expires_at: now.plus(life),
            end: None,
            refresh: None,
            reauth_by: None,
            client: cx.query().seal_client(self.account, context, &self.acting.client),
        }
    }

    /// Ends the session that this one replaces: of the same account, product and device (INV-26).
    async fn end_former(&self, cx: &CommandContext, tx: &mut Tx) -> Result<(), Fault> {
        let Some(device) = &self.sign_in.device else { return Ok(()) };
        let whose = (self.account, &self.acting.client);
        for former in sessions::of_device(tx, self.account.id, &self.acting.product.key, device).await? {
            ending::end(cx, tx, whose, &former, SessionEnd::Replaced).await?;
        }
        Ok(())
    }

    /// What the app should show. Returning it counts as showing, and as telling what a ladder will require.
    async fn advise(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
    ) -> Result<(Advice, Option<LadderDecision>), Fault> {
        if check_up::ask(cx, tx, self.account, self.acting).await? {
            return Ok((Advice::CheckUp, self.decision.ladder.clone()));
        }
        let (whose, client) = ((self.account, &self.acting.product), &self.acting.client);
        if !self.decision.on && self.decision.visible {
            decisions::show(cx, tx, self.account, self.decision, client).await?;
        }
        let told = decisions::tell(cx, tx, whose, self.decision, client).await?;
        let newly = told.is_some();
        let decision = told.as_ref().unwrap_or(self.decision);
        let advice = match &decision.ladder {
            _ if !decision.visible => Advice::Nothing,
            Some(ladder) if decision.on => {
                if newly && ladder.rung >= Rung::Required {
                    Advice::TwoStepStaysOn
                } else {
                    Advice::Nothing
                }
            }
            _ if decision.on => Advice::Nothing,
            // The second step was taken, whatever the switch says.
            Some(ladder) if ladder.enforced || ladder.skipped_until.is_some() => Advice::Nothing,
            Some(ladder) if ladder.rung >= Rung::Required => Advice::TwoStepRequired,
            Some(ladder) if ladder.rung == Rung::Nudge => Advice::TwoStepNudge,
            _ => Advice::TwoStepAvailable,
        };
        Ok((advice, decision.ladder.clone()))
    }

    /// Whether a rollout advises a better method than those that the account has. Returning it counts as showing.
    async fn advise_method(&self, cx: &CommandContext, tx: &mut Tx) -> Result<Option<MethodAdvice>, Fault> {
        let (account, product) = (self.account, &self.acting.product);
        let Some((advice, decision)) = cx.query().method_advice(tx, product, account.id).await? else {
            return Ok(None);
        };
        if advice.snoozed_until.is_some() {
            return Ok(None);
        }
        decisions::show(cx, tx, account, &decision, &self.acting.client).await?;
        Ok(Some(advice))
    }

    async fn record(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        session: &Session,
        newly_trusted: Option<Timestamp>,
    ) -> Result<(), Fault> {
        let fact = Fact::SignInCompleted {
            sign_in: self.sign_in.id,
            session: session.id,
            proofs: session.proofs.clone(),
            trusted: session.trusted,
        };
        let product = &session.product;
        cx.event(fact).at(product).of(self.account).from(&self.acting.client).record(tx).await?;
        if let Some(until) = newly_trusted {
            let event = cx.event(Fact::DeviceTrusted { until });
            event.at(product).of(self.account).from(&self.acting.client).record(tx).await?;
        }
        Ok(())
    }
}
