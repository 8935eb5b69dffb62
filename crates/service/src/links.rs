//! Mailed links: a token to mint, a row to redeem, and a mail for courier to send.

use tidegate_core::{
    Account, AccountId, Answered, Body, Channel, ClientContext, Contact, DeliveryId, Email, Link, LinkTarget,
    Message, MessagePurpose, NotMeLink, Product, Recipient, Secret, Span, Timestamp, TokenDigest,
};
use tidegate_keyring::TokenKind;
use tidegate_store::{Tx, View, accounts, links};

use crate::{CommandContext, Fault, messages::SendPermit};

/// The answer to a token that belongs to no link. Nothing is charged, because an attacker cannot
/// guess 256 random bits.
pub(crate) const UNKNOWN: Answered = Answered::WrongAnswer { tries_left: 0 };

/// For so long the owner can say "this wasn't me".
const NOT_ME_TTL: Span = Span::days(7);

/// A link as it was presented.
pub(crate) struct PresentedLink {
    digest: TokenDigest,
    pub(crate) link: Link,
}

pub(crate) async fn find(view: &mut View, token: &Secret<String>) -> Result<Option<PresentedLink>, Fault> {
    let Some(digest) = TokenKind::Link.digest(token.expose()) else { return Ok(None) };
    Ok(links::find(view, digest).await?.map(|link| PresentedLink { digest, link }))
}

impl PresentedLink {
    /// Whether it can still be redeemed.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.link.used_at.is_none() && self.link.superseded_at.is_none() && now < self.link.expires_at
    }
}

/// Uses the link up, once (INV-1). `Some`: the reason why it proves nothing.
pub(crate) async fn use_up(
    cx: &CommandContext,
    tx: &mut Tx,
    presented: &PresentedLink,
) -> Result<Option<Answered>, Fault> {
    let (link, now) = (&presented.link, cx.now());
    if links::redeem(tx, presented.digest, now).await? {
        return Ok(None);
    }
    let superseded = link.used_at.is_none() && link.superseded_at.is_some();
    let used = link.used_at.is_some() || now < link.expires_at;
    Ok(Some(match (superseded, used) {
        (true, _) => Answered::Superseded,
        (false, true) => Answered::Replayed,
        (false, false) => Answered::Expired,
    }))
}

/// Redeems the link, once, and returns its account, or the reason why it proves nothing. It proves
/// the address that it was sent to, and no other address that the account may have by now.
pub(crate) async fn redeem(
    cx: &CommandContext,
    tx: &mut Tx,
    presented: &PresentedLink,
) -> Result<Result<Account, Answered>, Fault> {
    if let Some(answer) = use_up(cx, tx, presented).await? {
        return Ok(Err(answer));
    }
    let link = &presented.link;
    let account = accounts::get(tx, link.account).await?.ok_or(Fault::Dangling("account"))?;
    let still = account.contact.as_ref().is_some_and(|contact| *contact.email.canonical() == link.email);
    Ok(if still { Ok(account) } else { Err(Answered::Superseded) })
}

/// A link whose mail is queued.
pub(crate) struct Mailed {
    pub(crate) delivery: DeliveryId,
    pub(crate) expires_at: Timestamp,
}

impl CommandContext {
    /// A link "this wasn't me" for a notice to this address. Others that were sent before stay valid: each notice has its own.
    pub(crate) async fn not_me_link(
        &self,
        tx: &mut Tx,
        (account, email): (AccountId, &Email),
        product: &Product,
    ) -> Result<NotMeLink, Fault> {
        let (token, digest) = TokenKind::Link.mint(self.entropy());
        let (now, email) = (self.now(), email.canonical().clone());
        let (target, expires_at) = (LinkTarget::NotMe, now.plus(NOT_ME_TTL));
        let link = Link { account, target, email, expires_at, used_at: None, superseded_at: None };
        links::insert(tx, digest, &link, now).await?;
        Ok(NotMeLink { url: product.settings.link_url.clone(), token: token.expose().clone() })
    }

    /// Creates a link for `target`, which supersedes the earlier ones, and queues the mail to the
    /// account's stored address (INV-30).
    pub(crate) async fn mail_link(
        &self,
        tx: &mut Tx,
        (account, contact): (&Account, &Contact),
        (product, client): (&Product, &ClientContext),
        (target, purpose, life): (LinkTarget, MessagePurpose, Span),
        permit: SendPermit,
    ) -> Result<Mailed, Fault> {
        let now = self.now();
        let expires_at = now.plus(life);
        let (token, digest) = TokenKind::Link.mint(self.entropy());
        let email = contact.email.canonical().clone();
        let link =
            Link { account: account.id, target, email, expires_at, used_at: None, superseded_at: None };
        links::supersede(tx, account.id, target, now).await?;
        links::insert(tx, digest, &link, now).await?;

        let body = Body::Link { url: product.settings.link_url.clone(), token: token.expose().clone() };
        let to = contact.email.destination();
        let message =
            Message::of(product, client.language, (purpose, body), Recipient::Mailbox(to), expires_at);
        let delivery = self.send(tx, (account.id, Channel::Mail), &message, permit).await?;
        Ok(Mailed { delivery, expires_at })
    }
}
