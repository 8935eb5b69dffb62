//! Messages to the owner: sealed, and queued in the transaction of what they tell.
//!
//! Each destination has a budget for each purpose (INV-14). A code or a link that exceeds it is refused; a notice waits,
//! because it must not get lost (INV-35).

use tidegate_core::{
    AccountId, Channel, DeliveryId, Email, Fact, Message, MessagePurpose, PhoneNumber, Refusal, Secret,
    Timestamp,
};
use tidegate_factors::{
    sends::{self as budget, Windows},
    sms_cost::{self, OnCap, SmsCost},
};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Tx,
    deliveries::{self, New},
    sends, sms_costs,
};

use crate::{CommandContext, Denied, Fault};

/// A send that was taken from its budget.
#[must_use]
pub(crate) struct SendPermit {
    at: Timestamp,
}

impl SendPermit {
    /// When it may be sent.
    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }

    /// For a message whose send was taken from its budget before, or whose number is bounded otherwise.
    pub(crate) const fn taken(at: Timestamp) -> Self {
        Self { at }
    }
}

impl CommandContext {
    /// Takes one send of a code or a link from the budget, or refuses. To be asked before anything is written, because a
    /// refusal commits what was written before it.
    pub(crate) async fn permit_send(
        &self,
        tx: &mut Tx,
        to: &Email,
        purpose: MessagePurpose,
    ) -> Result<SendPermit, Denied> {
        self.permit_send_to(tx, to.canonical().as_str().as_bytes(), purpose, budget::WINDOWS).await
    }

    /// The same for any destination, by its bytes.
    pub(crate) async fn permit_send_to(
        &self,
        tx: &mut Tx,
        to: &[u8],
        purpose: MessagePurpose,
        windows: Windows,
    ) -> Result<SendPermit, Denied> {
        let now = self.now();
        let permit = self.take_send(tx, (to, purpose, now), windows, |next| next == now).await?;
        permit.map_err(|next| Refusal::TooManyMessages { retry_after: next.since(now) }.into())
    }

    /// What a text message to the number costs, or why none is sent there.
    pub(crate) fn sms_cost(&self, to: &PhoneNumber) -> Result<(SmsCost, OnCap), Refusal> {
        let costs = self.query().settings().sms.as_ref();
        let costs = costs.ok_or(Refusal::PhoneNotAccepted { why: "no_gateway" })?;
        let cost = costs.countries.get(to.country()).ok_or(Refusal::PhoneNotAccepted { why: "country" })?;
        Ok((*cost, costs.on_cap))
    }

    /// Takes one text message from the budget of the number, and from what messages to its country may cost in the hour. In this
    /// order, so that what is refused for the number costs nothing.
    pub(crate) async fn permit_sms(
        &self,
        tx: &mut Tx,
        to: &PhoneNumber,
        purpose: MessagePurpose,
    ) -> Result<SendPermit, Denied> {
        let ((cost, on_cap), country) = (self.sms_cost(to)?, to.country());
        let permit = self.permit_send_to(tx, to.e164().as_bytes(), purpose, budget::WINDOWS).await?;
        let (now, limit) = (self.now(), cost.limit(on_cap));
        let hour = sms_cost::hour(now);
        let spent = sms_costs::spend(tx, (country, hour), cost.price, limit).await?;
        let (reached, blocked) = match spent {
            Some(spent) => (cost.reached(spent), false),
            None => (sms_costs::block(tx, (country, hour)).await?.then_some(100), true),
        };
        if let Some(percent) = reached {
            tracing::warn!(%country, percent, blocked, "text messages to a country cost much in this hour");
            let fact = Fact::SmsCostReached { country: country.clone(), percent, blocked };
            self.event(fact).record(tx).await?;
        }
        if blocked {
            let retry_after = sms_cost::next_hour(now).since(now);
            return Err(Refusal::TooManyMessages { retry_after }.into());
        }
        Ok(permit)
    }

    /// Takes one send if its instant is acceptable; else returns the instant.
    pub(crate) async fn take_send(
        &self,
        tx: &mut Tx,
        (to, purpose, now): (&[u8], MessagePurpose, Timestamp),
        windows: Windows,
        is_acceptable: impl Fn(Timestamp) -> bool,
    ) -> Result<Result<SendPermit, Timestamp>, Fault> {
        let context = SealContext::Destination { realm: self.realm() };
        let destination = self.keyring().digest(&context, to)?;
        let sent = sends::lock(tx, destination, purpose, now).await?;
        let next = budget::next(windows, &sent, now);
        if !is_acceptable(next) {
            return Ok(Err(next));
        }
        sends::replace(tx, destination, purpose, budget::with(sent, next)).await?;
        Ok(Ok(SendPermit { at: next }))
    }

    /// Queues a message. The payload is sealed for its delivery alone.
    pub(crate) async fn send(
        &self,
        tx: &mut Tx,
        (account, channel): (AccountId, Channel),
        message: &Message,
        permit: SendPermit,
    ) -> Result<DeliveryId, Fault> {
        let id = self.new_id();
        let context = SealContext::Delivery { realm: self.realm(), delivery: id };
        let plain = Secret::new(serde_json::to_vec(message)?);
        let payload = self.keyring().seal(&context, &plain, self.entropy())?;
        let (purpose, now, due_at, expires_at) = (message.purpose, self.now(), permit.at, message.expires_at);
        deliveries::insert(tx, New { id, account, channel, purpose, payload, now, due_at, expires_at })
            .await?;
        Ok(id)
    }
}
