//! One delivery, from the table to its end.
//!
//! ```text
//! queued ── claimed ──┬── sent ─────────────────────────► sent     MailSent
//!    ▲                ├── expired, or tried too often ──► failed   MailFailed
//!    └── postponed ───┴── not sent, or does not open
//! ```
//!
//! The number of tries does not limit a payload that does not open: it waits for its key until it
//! expires.

use std::time::Duration;

use tidegate_core::{Actor, DeliveryState, Event, Fact, Id, Mail, Span};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Error,
    deliveries::{self, Delivery, Due},
    events,
};

use crate::{Courier, trouble::Trouble};

/// How long a worker's claim lasts. If the worker dies, another one may claim the delivery after
/// that.
const LEASE: Span = Span::seconds(60);
/// Well below the lease, so that two workers never send the same mail at the same time.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_WAIT: Span = Span::seconds(1);
const LONGEST_WAIT: Span = Span::minutes(5);
/// The most attempts to send a mail, the first one included.
const MAX_ATTEMPTS: i64 = 10;

impl Courier {
    /// Delivers one mail. Returns whether it was sent.
    pub(crate) async fn deliver(&self, due: Due) -> Result<bool, Error> {
        let Some(delivery) = self.claim(due).await? else { return Ok(false) };
        let (realm, id, tries) = (due.realm, due.id, delivery.tries);
        let sent = Fact::MailSent { delivery: id, template: delivery.template };
        let failed = Fact::MailFailed { delivery: id, template: delivery.template };
        if delivery.expires_at <= self.clock.now() {
            tracing::warn!(%realm, %id, tries, "a mail expired before it was sent");
            self.end(due, &delivery, DeliveryState::Failed, failed).await?;
            return Ok(false);
        }
        match self.attempt(due, &delivery).await {
            Ok(()) => {
                self.end(due, &delivery, DeliveryState::Sent, sent).await?;
                tracing::debug!(%realm, %id, tries, "a mail was sent");
                return Ok(true);
            }
            Err(trouble @ Trouble::Sealed) => {
                tracing::error!(%realm, %id, tries, ?trouble, "a mail waits for its key");
                self.postpone(due, wait(tries)).await?;
            }
            Err(trouble) if tries < MAX_ATTEMPTS => {
                tracing::warn!(%realm, %id, tries, ?trouble, "a mail was not sent and will be tried again");
                self.postpone(due, wait(tries)).await?;
            }
            Err(trouble) => {
                tracing::warn!(%realm, %id, tries, ?trouble, "a mail was not sent and is given up");
                self.end(due, &delivery, DeliveryState::Failed, failed).await?;
            }
        }
        Ok(false)
    }

    async fn claim(&self, due: Due) -> Result<Option<Delivery>, Error> {
        let claim = self.store.tx("claim_delivery", due.realm, async |tx| {
            deliveries::claim(tx, due.id, self.clock.now(), LEASE).await
        });
        match claim.await {
            // A newer program may have written it. It is postponed, so that it does not block the
            // others.
            Err(error @ Error::Inconsistent { .. }) => {
                tracing::error!(realm = %due.realm, id = %due.id, ?error, "a delivery is unreadable");
                self.postpone(due, LEASE).await?;
                Ok(None)
            }
            claimed => claimed,
        }
    }

    async fn attempt(&self, due: Due, delivery: &Delivery) -> Result<(), Trouble> {
        let mail = self.open(due, delivery).ok_or(Trouble::Sealed)?;
        let letter = self.sender.letter(due.id, &mail, self.clock.now())?;
        tokio::time::timeout(SEND_TIMEOUT, self.transport.send(letter)).await.map_err(|_| Trouble::Slow)?
    }

    /// Drops the error, because serde quotes what it reads and errors are logged (INV-47).
    fn open(&self, due: Due, delivery: &Delivery) -> Option<Mail> {
        let place = SealContext::Delivery { realm: due.realm, delivery: due.id };
        let plain = self.keyring.open(&place, delivery.payload.as_ref()?).ok()?;
        serde_json::from_slice(plain.expose()).ok()
    }

    async fn postpone(&self, due: Due, wait: Span) -> Result<(), Error> {
        let postpone = self.store.tx("postpone_delivery", due.realm, async |tx| {
            deliveries::postpone(tx, due.id, self.clock.now().plus(wait)).await
        });
        postpone.await
    }

    /// Stores the end and its event in one transaction; nothing if another worker has ended it.
    async fn end(
        &self,
        due: Due,
        delivery: &Delivery,
        state: DeliveryState,
        fact: Fact,
    ) -> Result<(), Error> {
        let end = self.store.tx("end_delivery", due.realm, async |tx| {
            let now = self.clock.now();
            if !deliveries::end(tx, due.id, state, now).await? {
                return Ok(());
            }
            let event = Event {
                id: Id::new(now, &*self.entropy),
                at: now,
                actor: Actor::Worker("courier".to_owned()),
                product: None,
                account: Some(delivery.account),
                fact,
                personal: None,
            };
            events::record(tx, event).await
        });
        end.await
    }
}

fn wait(tries: i64) -> Span {
    FIRST_WAIT.doubled(tries.saturating_sub(1), LONGEST_WAIT)
}
