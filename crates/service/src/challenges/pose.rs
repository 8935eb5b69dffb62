//! Poses one challenge: locks what it belongs to, finds the factor among the offers, supersedes the older challenges, and
//! queues the code where the method sends one.

use tidegate_core::{
    Body, Challenge, ChallengeState, Channel, Factor, FactorId, Message, MessagePurpose, Prompt, Purpose,
    Recipient, Refusal, Requirement, SignInState, Timestamp, Title, Within, Word as _,
};
use tidegate_factors::{
    method::{self, Occasion, Opened, Outgoing},
    policy,
};
use tidegate_store::{Tx, challenges, factors, sessions, sign_ins};

use super::pause;
use crate::{
    CommandContext, Denied, Fault,
    acting::Acting,
    material,
    messages::SendPermit,
    offers::{offers, reach},
    sign_ins::moved_on,
};

/// The sign-in or session that the challenge belongs to.
pub(super) struct Holder {
    within: Within,
    purpose: Purpose,
    ends_at: Timestamp,
    /// The requirement that the proof must meet.
    requirement: Requirement,
}

/// A challenge that was stored.
pub(super) struct Asked {
    pub(super) challenge: Challenge,
    pub(super) prompt: Prompt,
    /// How many older ones it superseded.
    pub(super) superseded: u64,
}

/// Locks the sign-in or session, so that its challenges are created one after the other, and each
/// supersedes those before it (INV-5).
pub(super) async fn hold(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    purpose: Purpose,
) -> Result<Holder, Denied> {
    match purpose {
        Purpose::SignIn => {
            let sign_in = moved_on(cx, tx, acting).await?;
            if sign_ins::hold(tx, sign_in.id, SignInState::PendingChallenge, cx.now()).await? {
                let (within, ends_at) = (Within::SignIn(sign_in.id), sign_in.expires_at);
                return Ok(Holder { within, purpose, ends_at, requirement: sign_in.requirement });
            }
            let found = sign_ins::get(tx, sign_in.id).await?.ok_or(Fault::Dangling("sign-in"))?;
            Err(Refusal::SignInState { state: found.state.as_str() }.into())
        }
        Purpose::Change => {
            let session = acting.session()?;
            let held = sessions::hold(tx, session.id, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
            let (within, ends_at) = (Within::Session(held.id), held.expires_at);
            Ok(Holder { within, purpose, ends_at, requirement: Requirement::SecondStep })
        }
    }
}

impl Holder {
    /// Asks for a proof of the factor. `tries`: the wrong answers that are charged to it already.
    pub(super) async fn ask(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
        (factor, tries): (FactorId, i64),
    ) -> Result<Asked, Denied> {
        let (factor, material) = self.offered(cx, tx, acting, factor).await?;
        let (rules, now, id) = (method::rules(factor.method), cx.now(), cx.new_id());
        let reach = reach(&acting.account, &acting.product);
        let expires_at = now.plus(rules.challenge_ttl).min(self.ends_at);
        let occasion = Occasion {
            challenge: id,
            account: factor.account,
            product: &acting.product.key,
            purpose: self.purpose,
            context: &acting.client.shown(),
            label: factor.label.as_ref().map_or("", Title::as_str),
            expires_at,
        };
        let posed = method::pose(factor.method, &material, reach, &occasion, cx.entropy());
        let posed = posed.map_err(Fault::from)?;
        let permit = match rules.sends {
            Some(channel) => {
                Some(self.permit(cx, tx, acting, (channel, &factor), posed.outgoing.as_ref()).await?)
            }
            None => None,
        };
        let material =
            posed.material.map(|posed| cx.seal_challenge(factor.account, id, &posed)).transpose()?;
        let new = Challenge {
            id,
            account: factor.account,
            within: self.within,
            factor: Some(factor.id),
            method: factor.method,
            purpose: self.purpose,
            state: ChallengeState::Open,
            tries,
            max_tries: rules.max_tries,
            material,
            created_at: now,
            expires_at,
        };
        let superseded = challenges::supersede(tx, &new).await?;
        challenges::insert(tx, &new).await?;
        // This bounds rows, not guesses: two concurrent calls may exceed it by one. Each method has its own bound, or
        // challenges that send nothing could make a code that was sent worthless.
        let of_method = (new.account, new.method);
        let older = challenges::supersede_oldest(tx, of_method, rules.max_live, now).await?;
        if let (Some(permit), Some(outgoing)) = (permit, posed.outgoing) {
            self.send(cx, tx, (acting, &new), outgoing, permit).await?;
        }
        Ok(Asked { challenge: new, prompt: posed.prompt, superseded: superseded + older })
    }

    /// The factor, if it is offered, and its material.
    async fn offered(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
        factor: FactorId,
    ) -> Result<(Factor, Opened), Denied> {
        let account = &acting.account;
        let all = factors::of_account(tx, account.id).await?;
        let factor = all.iter().find(|one| one.id == factor).ok_or(Refusal::FactorNotFound)?;
        let material = cx.query().factor_material(account.id, factor.id, factor.material.as_ref());
        let Some(material) = material.filter(|material| method::is_usable(factor.method, material)) else {
            let event = cx.event(material::unreadable(factor.id, factor.method));
            event.at(&acting.product.key).of(account).from(&acting.client).record_refusal(tx).await?;
            return Err(Refusal::FactorUnavailable.into());
        };
        // For a change, a recovery code counts as a proof that may re-bind factors, and nothing more. An owner who is
        // signed in without the lost phone comes back by it.
        let offers = offers(cx.query(), tx, account, (&acting.product, self.requirement)).await?;
        let reach = reach(account, &acting.product);
        let proves = self.purpose == Purpose::Change
            && policy::proves_change(&all, factor)
            && policy::is_reached(factor.method, reach.email);
        let offered = offers.iter().any(|offer| offer.factor == factor.id);
        if offered || proves { Ok((factor.clone(), material)) } else { Err(Refusal::FactorNotFound.into()) }
    }

    const fn message_purpose(&self) -> MessagePurpose {
        match self.purpose {
            Purpose::SignIn => MessagePurpose::SignInCode,
            Purpose::Change => MessagePurpose::ChangeCode,
        }
    }

    /// Takes one send from the budget of the destination, also where its device asks by itself.
    async fn permit(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
        (channel, factor): (Channel, &Factor),
        outgoing: Option<&Outgoing>,
    ) -> Result<SendPermit, Denied> {
        let purpose = self.message_purpose();
        match channel {
            Channel::Mail => {
                let contact = acting.account.verified().ok_or(Refusal::FactorNotFound)?;
                cx.permit_send(tx, &contact.email, purpose).await
            }
            Channel::Push => {
                pause::refuse_paused(cx, tx, factor.id).await?;
                let windows = method::rules(factor.method).windows;
                cx.permit_send_to(tx, factor.id.as_bytes(), purpose, windows).await
            }
            Channel::Sms => match outgoing.map(|outgoing| &outgoing.to) {
                Some(Recipient::Phone(number)) => cx.permit_sms(tx, number, purpose).await,
                _ => Err(Fault::Dangling("number").into()),
            },
        }
    }

    async fn send(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (acting, challenge): (&Acting, &Challenge),
        Outgoing { to, code }: Outgoing,
        permit: SendPermit,
    ) -> Result<(), Fault> {
        let channel = method::rules(challenge.method).sends.ok_or(Fault::Dangling("channel"))?;
        let body = match code {
            Some(code) => Body::Code { code: code.expose().clone() },
            None => Body::Prompt {
                challenge: challenge.id,
                factor: challenge.factor.ok_or(Fault::Dangling("factor"))?,
            },
        };
        let what = (self.message_purpose(), body);
        let (product, language) = (&acting.product, acting.client.language);
        let message = Message::of(product, language, what, to, challenge.expires_at);
        cx.send(tx, (challenge.account, channel), &message, permit).await.map(drop)
    }
}
