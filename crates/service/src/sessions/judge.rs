//! Whether a session token belongs to a live session. This is the only place that decides it.

use tidegate_core::{
    Account, AccountRef, AccountState, Introspected, Level, Product, Session, Span, Timestamp, Token,
    TokenDigest,
};
use tidegate_factors::level;
use tidegate_keyring::TokenKind;
use tidegate_rollout::{
    decide,
    reauth::{self, Required},
};
use tidegate_store::{accounts, products, sessions};

use crate::{Fault, QueryContext, cache};

pub(crate) struct Live {
    pub(crate) introspected: Introspected,
    pub(crate) account: Account,
    pub(crate) product: Product,
}

/// `None` for every token that is not valid: unknown, ended, idle, of a suspended account (INV-27), of a product that the
/// caller's credential does not name (INV-59), or past its `reauth_by` (INV-16). Everything is read from the database,
/// because calls act for the owner on the strength of it.
pub(crate) async fn judge(cx: &QueryContext, token: &Token) -> Result<Option<Live>, Fault> {
    let Some(digest) = TokenKind::Session.digest(token.expose()) else { return Ok(None) };
    let Some(session) = find(cx, digest).await? else { return Ok(None) };
    let mut view = cx.view();
    let account = accounts::get(&mut view, session.account).await?.ok_or(Fault::Dangling("account"))?;
    let product = products::find(&mut view, &session.product).await?.ok_or(Fault::Dangling("product"))?;
    let decision = cx.decide(&mut view, &product, account.id).await?;
    let required = (decision.requirement, decision.required_since);
    let within = product.settings.reauth_within;
    let worth = worth(&session, account.state, (required, within), cx.now());
    Ok(worth.map(|worth| Live { introspected: worth.of(session), account, product }))
}

/// The same for Introspect, to which a recovery session is not active: no product may serve it. Account and rollouts come from
/// the cache, the session itself from the database.
pub(crate) async fn introspect(
    cx: &QueryContext,
    (token, digest): (&Token, TokenDigest),
) -> Result<Option<Introspected>, Fault> {
    let Some(session) = find(cx, digest).await? else { return Ok(None) };
    let snapshot = cx.snapshot().await?;
    let Some(at) = snapshot.at(session.product.as_str()) else {
        // The product was created on another replica a moment ago.
        let live = judge(cx, token).await?.map(|live| live.introspected);
        return Ok(live.filter(|live| live.level != Level::Recovery));
    };
    let account = AccountRef::Id(session.account);
    let known = cx.known(&snapshot, &account).await?.ok_or(Fault::Dangling("account"))?;
    let rollouts = cache::rollouts(&at.rollouts);
    let verdict = decide(&at.product, rollouts, &known.standing, cx.now());
    let required = (verdict.requirement(), verdict.required_since());
    let within = at.product.settings.reauth_within;
    let worth = worth(&session, known.state, (required, within), cx.now()).filter(Worth::is_full);
    Ok(worth.map(|worth| worth.of(session)))
}

async fn find(cx: &QueryContext, digest: TokenDigest) -> Result<Option<Session>, Fault> {
    let found = sessions::find(&mut cx.view(), digest).await?;
    Ok(found.filter(|session| session.is_live(cx.now()) && cx.agent().covers(&session.product)))
}

/// What a live session is worth.
pub(crate) struct Worth {
    pub(crate) level: Level,
    pub(crate) reauth_by: Option<Timestamp>,
}

impl Worth {
    /// Whether products may serve it.
    pub(crate) fn is_full(&self) -> bool {
        self.level != Level::Recovery
    }

    pub(crate) const fn of(self, session: Session) -> Introspected {
        let Self { level, reauth_by } = self;
        Introspected { session, level, reauth_by }
    }
}

/// `None`: nothing, because of its account or of what is required now.
pub(crate) fn worth(
    session: &Session,
    state: AccountState,
    (required, within): (Required, Span),
    now: Timestamp,
) -> Option<Worth> {
    let level = level::of(&session.proofs, session.created_at, now);
    // A recovery session meets no requirement, and is what an owner without a usable factor has left.
    let reauth_by = reauth::by(required, session, within).filter(|_| level != Level::Recovery);
    let counts = state == AccountState::Active && reauth_by.is_none_or(|by| now < by);
    counts.then_some(Worth { level, reauth_by })
}
