//! Begins a change of the account's address, or gives one to an account that has none.

use tidegate_core::{
    Account, ClientContext, Contact, Email, EmailChange, EmailChangeState, Fact, LinkTarget, MessagePurpose,
    Permission, Product, Refusal, Span, Subject,
};
use tidegate_factors::fresh;
use tidegate_store::{Tx, email_changes, factors, sessions};

use super::{Sent, owner};
use crate::{Command, CommandContext, Error, Fault, links::Mailed, messages::SendPermit, notices::About};

/// How long the link is valid.
pub(super) const LINK_TTL: Span = Span::hours(24);

#[derive(Debug)]
pub struct RequestEmailChange {
    pub subject: Subject,
    pub email: Email,
}

impl Command for RequestEmailChange {
    const NAME: &'static str = "request_email_change";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Sent;

    /// The answer says nothing of whether another account has the address: only who reads its mail learns that.
    async fn run(self, cx: &CommandContext) -> Result<Sent, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let account = owner::lock_for_change(cx, tx, &acting).await?;
            let session = sessions::hold(tx, session, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
            let all = factors::of_account(tx, account.id).await?;
            let level = fresh::needed_for_password(&account, &all);
            if !fresh::is_proved(&session.with_live(&all), level, cx.now()) {
                return Err(Refusal::FreshProofNeeded { level }.into());
            }
            let is_it = |contact: &Contact| contact.email.canonical() == self.email.canonical();
            if account.verified().is_some_and(is_it) {
                return Err(Refusal::EmailAlreadyVerified.into());
            }
            let permit = cx.permit_send(tx, &self.email, MessagePurpose::ConfirmAddress).await?;
            email_changes::supersede(tx, account.id, cx.now()).await?;
            let from = (&acting.product, &acting.client);
            let mailed = cx
                .mail_email_change(tx, (&account, &self.email), from, (EmailChangeState::Asked, permit))
                .await?;
            let whose = (&account, &acting.product, &acting.client);
            let about = About { address: Some(self.email.masked()), ..About::default() };
            cx.notify(tx, whose, MessagePurpose::AddressChangeRequested, about).await?;
            Ok(Sent { to: self.email.masked(), expires_at: mailed.expires_at })
        })
        .await
    }
}

impl CommandContext {
    /// Stores a change that is asked for, and mails the link that makes it to the address.
    pub(super) async fn mail_email_change(
        &self,
        tx: &mut Tx,
        (account, email): (&Account, &Email),
        (product, client): (&Product, &ClientContext),
        (state, permit): (EmailChangeState, SendPermit),
    ) -> Result<Mailed, Fault> {
        let purpose = match state {
            EmailChangeState::Claimed => MessagePurpose::ClaimAddress,
            _ => MessagePurpose::ConfirmAddress,
        };
        let (id, now) = (self.new_id(), self.now());
        let change = EmailChange {
            id,
            account: account.id,
            email: email.clone(),
            former: None,
            state,
            created_at: now,
            ended_at: None,
        };
        email_changes::insert(tx, &change).await?;
        let to = Contact { email: email.clone(), since: now, verified_at: None };
        let link = (LinkTarget::EmailChange(id), purpose, LINK_TTL);
        let mailed = self.mail_link(tx, (account, &to), (product, client), link, permit).await?;
        let event = self.event(Fact::EmailChangeRequested { delivery: mailed.delivery });
        event.at(&product.key).of(account).from(client).record(tx).await?;
        Ok(mailed)
    }
}
