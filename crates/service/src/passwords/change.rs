//! Changes the owner's password. The current one is asked for, and a fresh proof of the second step where the account has one
//! (INV-20).
//!
//! The current password is charged and looked at as in a sign-in from a known device, so that a stolen session neither guesses
//! it nor shuts the owner out: a session in which five proofs in a row fail ends.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, Answered, Denial, Fact, MessagePurpose, Permission, Refusal, Secret, SessionEnd,
    SessionId, Span, Subject,
};
use tidegate_factors::budget::Limits;
use tidegate_keyring::passwords::HashFault;
use tidegate_store::{
    Executor, Tx, accounts,
    attempts::{self, GrantedCharge},
    passwords, sessions,
};
use tracing::Instrument as _;

use super::{proof, rules};
use crate::{
    Command, CommandContext, Error, Fault,
    accounts::owner,
    acting::Acting,
    counters::{self, Lane},
    event_builder::EventBuilder,
    idempotency::{Attempt, outcomes},
    notices::About,
    sessions::{ending, failed_proofs},
};

#[derive(Debug)]
pub struct ChangePassword {
    pub subject: Subject,
    pub current: Secret<String>,
    pub new: Secret<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PasswordChange {
    pub outcome: Answered,
    /// How many sessions ended.
    pub ended: usize,
}

outcomes!(PasswordChange);

impl Command for ChangePassword {
    const NAME: &'static str = "change_password";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = PasswordChange;

    async fn run(self, cx: &CommandContext) -> Result<PasswordChange, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.id;
        let kept = passwords::hash(&mut cx.view(), acting.account.id).await?;
        let mut kept = kept.ok_or(Refusal::NoPassword)?;
        proof::prove(&mut cx.view(), &acting.account, session, cx.now()).await?;
        let hash = rules::hash(cx, &acting.account, &self.new).await?;
        let change = Change { acting: &acting, session, hash };
        let busy = |_| Refusal::TooManyPasswords { retry_after: Span::seconds(1) };
        let mut permit = cx.passwords().enter().map_err(busy)?.permit().await.map_err(busy)?;
        let taken = loop {
            match change.charge(cx).await? {
                Some(Attempt::Granted(taken)) => break taken,
                Some(Attempt::Finished(slowed)) => return Ok(slowed),
                None => {}
            }
        };
        loop {
            let right = permit.verify(&self.current, Some(kept.clone()));
            let right = match right.instrument(tracing::debug_span!("password_hash")).await {
                Ok(right) => right,
                // The operators are alerted at sign-ins. The owner resets the password.
                Err(HashFault::Unreadable) => false,
                Err(lost @ HashFault::Task) => return Err(Fault::from(lost).into()),
            };
            if let Some(changed) =
                cx.settle(async |tx| change.settle(cx, tx, (&kept, right), taken).await).await?
            {
                return Ok(changed);
            }
            // The hash was replaced meanwhile, or the session ended. The newest hash counts.
            let seen = passwords::hash(&mut cx.view(), acting.account.id).await?;
            kept = seen.ok_or(Refusal::NoPassword)?;
            cx.acting(&self.subject).await?;
            proof::prove(&mut cx.view(), &acting.account, session, cx.now()).await?;
            permit = cx.passwords().enter().map_err(busy)?.permit().await.map_err(busy)?;
        }
    }
}

struct Change<'c> {
    acting: &'c Acting,
    session: SessionId,
    /// Of the new password.
    hash: String,
}

impl Change<'_> {
    async fn charge(
        &self,
        cx: &CommandContext,
    ) -> Result<Option<Attempt<GrantedCharge, PasswordChange>>, Error> {
        let counter = counters::of_password(self.acting.account.id, Lane::Known);
        let kept = attempts::find(&mut cx.view(), &counter).await?;
        match counters::grant(kept, &counter, &Limits::PASSWORD, cx.now()) {
            Ok(granted) => {
                cx.charge_by(async |executor: Executor<'_>| {
                    Ok(counters::store(executor, &counter, &granted).await?.then_some(granted))
                })
                .await
            }
            Err(outcome) => {
                let denied = self.denied(cx, &self.acting.account, Denial::Slowed);
                let slowed = cx.refuse(denied, PasswordChange { outcome, ended: 0 }).await?;
                Ok(Some(Attempt::Finished(slowed)))
            }
        }
    }

    /// `None`: what was read does not hold any more.
    async fn settle(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (seen, right): (&str, bool),
        taken: GrantedCharge,
    ) -> Result<Option<PasswordChange>, Fault> {
        let (acting, now) = (self.acting, cx.now());
        let account = accounts::lock(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
        let Some(session) = sessions::hold(tx, self.session, now).await? else { return Ok(None) };
        let counter = counters::of_password(account.id, Lane::Known);
        if !right {
            let tries_left = failed_proofs::count(cx, tx, (&account, &acting.client), &session).await?;
            attempts::settle(tx, &counter, taken).await?;
            self.denied(cx, &account, Denial::WrongPassword).record(tx).await?;
            return Ok(Some(PasswordChange { outcome: Answered::WrongAnswer { tries_left }, ended: 0 }));
        }
        let proved = proof::is_proved(tx, &account, &session, now).await?;
        if proved.is_err() || account.state != AccountState::Active {
            return Ok(None);
        }
        owner::unlock(cx, tx, acting, &account).await?;
        let whose = (&account, &acting.client);
        let ended = ending::end_all(cx, tx, whose, SessionEnd::PasswordChanged, Some(session.id)).await?;
        if !passwords::change(tx, account.id, (seen.to_owned(), self.hash.clone()), now).await? {
            return Ok(None);
        }
        for lane in [Lane::Unknown, Lane::Known] {
            attempts::forgive(tx, &counters::of_password(account.id, lane)).await?;
        }
        let event = cx.event(Fact::PasswordChanged {}).at(&acting.product.key).of(&account);
        event.from(&acting.client).record(tx).await?;
        let whose = (&account, &acting.product, &acting.client);
        cx.notify(tx, whose, MessagePurpose::PasswordChanged, About::default()).await?;
        Ok(Some(PasswordChange { outcome: Answered::Approved, ended }))
    }

    fn denied<'n>(&'n self, cx: &'n CommandContext, account: &'n Account, why: Denial) -> EventBuilder<'n> {
        let event = cx.event(Fact::PasswordChangeDenied { why, count: 1 });
        event.at(&self.acting.product.key).of(account).from(&self.acting.client)
    }
}
