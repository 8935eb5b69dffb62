//! Refreshes a session: both of its tokens are replaced by new ones.
//!
//! - The session stays the same one: its proofs, its age, what it met, and what failed in it. So its level never rises by a
//!   refresh (INV-26), and falls as that of any session.
//! - A refresh token that was replaced is taken once more only while its successor was not used, for a minute at most. Any
//!   other that comes back shows that somebody has a copy: the session ends, and the owner is told.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, ClientContext, Fact, Introspected, MessagePurpose, Permission, Product, Refresh,
    Refusal, Rotation, Secret, Session, SessionEnd, Timestamp, Token, TokenDigest,
};
use tidegate_factors::rotation;
use tidegate_keyring::TokenKind;
use tidegate_store::{
    Tx, accounts, products,
    sessions::{self, InSeries},
};

use super::{ending, judge};
use crate::{Command, CommandContext, Denied, Error, Fault, OneTimeSecret, Outcome, Share, notices::About};

#[derive(Debug)]
pub struct RefreshSession {
    pub token: Token,
    pub client: ClientContext,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Refreshed {
    pub introspected: Introspected,
    pub token: OneTimeSecret,
    pub refresh_token: OneTimeSecret,
    pub refresh_until: Timestamp,
}

impl Outcome for Refreshed {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        vec![&mut self.token, &mut self.refresh_token]
    }
}

impl Command for RefreshSession {
    const NAME: &'static str = "refresh_session";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = Refreshed;

    async fn run(self, cx: &CommandContext) -> Result<Refreshed, Error> {
        let token = self.token.expose();
        let digests = TokenKind::Refresh.series(token).zip(TokenKind::Refresh.digest(token));
        let (series, presented) = digests.ok_or(Refusal::SubjectNotValid)?;
        let found = sessions::of_series(&mut cx.view(), series).await?;
        let found = found.filter(|found| self.is_its(cx, &found.session));
        let account = found.ok_or(Refusal::SubjectNotValid)?.session.account;
        cx.idempotent(async |tx| {
            // The account's lock comes first: its sessions are refreshed one after the other, on all replicas.
            let account = accounts::lock(tx, account).await?.ok_or(Fault::Dangling("account"))?;
            let found = sessions::of_series(tx, series).await?.ok_or(Fault::Dangling("session"))?;
            let product = products::find(tx, &found.session.product).await?;
            let product = product.ok_or(Fault::Dangling("product"))?;
            let until = until(cx, &account, &product, &found.session).ok_or(Refusal::SubjectNotValid)?;
            if !rotation::admits(&found.series, &presented, cx.now()) {
                self.end_series(cx, tx, (&account, &product), &found.session).await?;
                return Err(Refusal::SubjectNotValid.into());
            }
            self.rotate(cx, tx, (&account, &product), (found, presented), until).await
        })
        .await
    }
}

/// Until when the session can be refreshed; `None`: not any more. A product that shortens the time shortens it for all.
fn until(cx: &CommandContext, account: &Account, product: &Product, session: &Session) -> Option<Timestamp> {
    let until = session.refresh?.until.min(session.created_at.plus(product.settings.refresh_ttl));
    let counts = account.state == AccountState::Active && session.is_refreshable(account.epoch, cx.now());
    (counts && cx.now() < until).then_some(until)
}

impl RefreshSession {
    /// The credential must cover the session's product, and the call must come from the session's device.
    fn is_its(&self, cx: &CommandContext, session: &Session) -> bool {
        let device = session.device.as_ref();
        cx.agent().covers(&session.product)
            && device.is_none_or(|its| self.client.device.as_ref() == Some(its))
    }

    async fn rotate(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (account, product): (&Account, &Product),
        (InSeries { session, series }, presented): (InSeries, TokenDigest),
        until: Timestamp,
    ) -> Result<Refreshed, Denied> {
        let now = cx.now();
        let life = now.plus(product.settings.session_absolute).min(until);
        let refreshed = Session {
            last_used_at: now,
            idle: product.settings.session_idle,
            expires_at: life.max(session.expires_at),
            ..session
        };
        let decision = cx.decide(tx, product, account.id).await?;
        let required = (decision.requirement, decision.required_since);
        let within = product.settings.reauth_within;
        let worth = judge::worth(&refreshed, account.state, (required, within), now);
        let introspected = worth.ok_or(Refusal::SubjectNotValid)?.of(refreshed);
        let next = TokenKind::Refresh.succeed(self.token.expose(), cx.entropy());
        let (refresh_token, next) = next.ok_or(Refusal::SubjectNotValid)?;
        let (token, digest) = TokenKind::Session.mint(cx.entropy());
        let next = rotation::next(&series, presented, next, now);
        if !sessions::refresh(tx, &introspected.session, digest, (&series, &next)).await? {
            return Err(Refusal::SubjectNotValid.into());
        }
        let event = cx.event(Fact::SessionRefreshed { session: introspected.session.id }).at(&product.key);
        event.of(account).from(&self.client).record(tx).await?;
        let [token, refresh_token] = [token, refresh_token].map(OneTimeSecret::Now);
        Ok(Refreshed { introspected, token, refresh_token, refresh_until: until })
    }

    /// Ends the session whose token was copied: the thief may have its newest tokens.
    async fn end_series(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (account, product): (&Account, &Product),
        session: &Session,
    ) -> Result<(), Fault> {
        if !ending::end(cx, tx, (account, &self.client), session, SessionEnd::RefreshCopied).await? {
            return Ok(());
        }
        let at = (account, product, &self.client);
        cx.notify(tx, at, MessagePurpose::DeviceCopied, About::default()).await
    }
}

/// Begins the series of a new session, where its product lets sessions be refreshed. Returns the first token.
pub(crate) async fn begin(
    cx: &CommandContext,
    tx: &mut Tx,
    session: &Session,
) -> Result<Option<Secret<String>>, Fault> {
    let Some(refresh) = session.refresh else { return Ok(None) };
    let (token, digest) = TokenKind::Refresh.mint(cx.entropy());
    let series = TokenKind::Refresh.series(token.expose()).ok_or(Fault::Dangling("series"))?;
    let first = (series, Rotation::begin(digest, cx.now()));
    sessions::begin_refreshes(tx, session.id, first, refresh).await?;
    Ok(Some(token))
}

/// How long a session that begins now can be refreshed; `None`: its product does not refresh sessions.
pub(crate) fn lifetime(account: &Account, product: &Product, now: Timestamp) -> Option<Refresh> {
    let ttl = product.settings.refresh_ttl;
    (!ttl.is_zero()).then(|| Refresh { until: now.plus(ttl), epoch: account.epoch })
}
