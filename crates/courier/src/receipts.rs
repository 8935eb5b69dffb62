//! Delivery receipts: a gateway for text messages calls back to say whether the phone got a message.
//!
//! ```text
//! sent ── a word of `delivered` ──► delivered   DeliveryReported
//!   └──── a word of `failed` ─────► failed      DeliveryReported, and the problem not_delivered
//! ```
//!
//! The first such receipt counts. A repeat, a later one that contradicts it, an unknown id and any other word change
//! nothing, and are no error, so that the gateway stops. A receipt names no realm: the delivery is looked up in all of them.

mod read;

use std::sync::Arc;

use read::{Reader, Receipt};
use tidegate_core::{
    Actor, Clock, DeliveryId, DeliveryProblem, DeliveryState, Entropy, Event, Fact, Id, Timestamp,
};
use tidegate_store::{
    Error, Store,
    deliveries::{self, Receipted, Reported},
    events,
};

use crate::SetupError;

/// How a gateway writes its receipts. An id or a status is a text or a number.
#[derive(Debug, Clone)]
pub struct ReceiptSettings {
    /// Where a receipt holds the id of the message, our own (`dlv_…`) or the gateway's: the name of a field of the form or
    /// of the JSON object, or a JSON pointer (RFC 6901), which begins with `/`.
    pub id: String,
    /// Where it holds the status, likewise.
    pub status: String,
    /// The statuses that mean that the phone has the message. Upper and lower case are the same.
    pub delivered: Vec<String>,
    /// The statuses that mean that it will not get the message.
    pub failed: Vec<String>,
}

impl ReceiptSettings {
    /// Refuses settings by which no receipt could be read.
    pub fn check(&self) -> Result<(), SetupError> {
        Reader::new(self.clone()).map(drop).map_err(SetupError::Receipts)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptFormat {
    /// `application/x-www-form-urlencoded`: one receipt.
    Form,
    /// One object, or an array of at most 500.
    Json,
}

/// Why receipts were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The text says nothing of what was read.
    #[error("this is no receipt: {0}")]
    Malformed(&'static str),
    /// The message is being handed over, and its state is not stored yet. The gateway should try again.
    #[error("the message is not sent yet")]
    TooEarly,
    #[error(transparent)]
    Store(#[from] Error),
}

pub struct Receipts {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    reader: Reader,
}

impl Receipts {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: ReceiptSettings,
    ) -> Result<Self, SetupError> {
        let reader = Reader::new(settings).map_err(SetupError::Receipts)?;
        Ok(Self { store, clock, entropy, reader })
    }

    /// Takes the receipts of one call, and returns how many of them changed a delivery. Nothing is done if one of them
    /// cannot be read. After any other error the call may be repeated: what was taken is not taken twice.
    pub async fn take(&self, body: &[u8], format: ReceiptFormat) -> Result<usize, ReceiptError> {
        let receipts = self.reader.read(body, format).map_err(ReceiptError::Malformed)?;
        let (mut changed, mut is_too_early) = (0, false);
        for Receipt { id, delivered } in receipts {
            let Some(delivered) = delivered else { continue };
            match self.find(&id).await? {
                None => tracing::debug!("a receipt of an unknown message"),
                Some(found) if found.state == DeliveryState::Queued => is_too_early = true,
                Some(found) => changed += usize::from(self.report(found, delivered).await?),
            }
        }
        if is_too_early { Err(ReceiptError::TooEarly) } else { Ok(changed) }
    }

    /// By our own id first: a gateway's id could look like one.
    async fn find(&self, id: &str) -> Result<Option<Receipted>, Error> {
        let mut across = self.store.across("receipts");
        if let Ok(own) = id.parse::<DeliveryId>()
            && let Some(found) = deliveries::by_id(&mut across, own).await?
        {
            return Ok(Some(found));
        }
        deliveries::by_gateway_id(&mut across, id).await
    }

    /// Returns whether this receipt is the first one. It and its event are stored in one transaction.
    async fn report(
        &self,
        Receipted { realm, id, state }: Receipted,
        delivered: bool,
    ) -> Result<bool, Error> {
        if state != DeliveryState::Sent {
            tracing::debug!(%realm, %id, delivered, "a receipt of a message that has ended");
            return Ok(false);
        }
        let end = if delivered {
            (DeliveryState::Delivered, None)
        } else {
            (DeliveryState::Failed, Some(DeliveryProblem::NotDelivered))
        };
        let is_first = self.store.tx("report_delivery", realm, async |tx| {
            let Some(reported) = deliveries::report(tx, id, end).await? else { return Ok(false) };
            events::record(tx, self.event(id, reported, delivered, self.clock.now())).await?;
            Ok::<_, Error>(true)
        });
        let is_first = is_first.await?;
        tracing::debug!(%realm, %id, delivered, is_first, "a receipt was taken");
        Ok(is_first)
    }

    fn event(&self, delivery: DeliveryId, reported: Reported, delivered: bool, now: Timestamp) -> Event {
        let Reported { account, channel, purpose } = reported;
        Event {
            id: Id::new(now, &*self.entropy),
            at: now,
            actor: Actor::Worker("courier".to_owned()),
            product: None,
            account: Some(account),
            fact: Fact::DeliveryReported { delivery, channel, purpose, delivered },
            personal: None,
        }
    }
}
