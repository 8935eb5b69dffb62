//! One delivery, from the table to its end.
//!
//! ```text
//! queued ── claimed ──┬── sent ─────────────────────────► sent     Delivered
//!    ▲                ├── expired, or tried too often ──► failed   DeliveryFailed, with the problem
//!    └── postponed ───┴── not sent: it may pass, or be repaired
//! ```
//!
//! What becomes of a text message after it was sent is in `receipts.rs`.
//!
//! What may pass, such as a mail server that is away or a missing key, is waited for until the message expires.

use std::time::Duration;

use tidegate_core::{
    Actor, Body, Channel, DeliveryId, DeliveryProblem, DeliveryState, Event, Fact, FactorId, Id, Message,
    Recipient, Secret, Span, TextMessage, Word as _,
};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Error,
    deliveries::{self, Claimed, Due},
    events, pauses,
};
use tracing::{Instrument as _, field::Empty};

use crate::{
    Courier, notification,
    trouble::{Remedy, Trouble},
};

/// How long a worker's claim lasts. If the worker dies, another one may claim the delivery after
/// that, or as soon as its process is known to be dead.
const LEASE: Span = Span::seconds(60);
/// Well below the lease, so that two workers never send the same message at the same time.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_WAIT: Span = Span::seconds(1);
const LONGEST_WAIT: Span = Span::minutes(5);
/// The most attempts to send a message where something is to be repaired, the first one included.
const MAX_ATTEMPTS: i64 = 10;

impl Courier {
    /// Delivers one message. Returns whether it was sent.
    ///
    /// It is a trace of its own: the call that asked for the message has ended, and nothing of its trace is stored.
    pub(crate) async fn deliver(&self, due: Due) -> Result<bool, Error> {
        let span = tracing::debug_span!(parent: None, "delivery", channel = Empty, "error.type" = Empty);
        self.carry(due).instrument(span).await
    }

    async fn carry(&self, due: Due) -> Result<bool, Error> {
        let Some(delivery) = self.claim(due).await? else { return Ok(false) };
        let (realm, id, tries) = (due.realm, due.id, delivery.tries);
        if delivery.expires_at <= self.clock.now() {
            tracing::warn!(%realm, %id, tries, "a message expired before it was sent");
            self.end(due, &delivery, Err(DeliveryProblem::Expired)).await?;
            return Ok(false);
        }
        let span = tracing::Span::current();
        span.record("channel", delivery.channel.as_str());
        let attempted = self.attempt(due, &delivery).await;
        if let Err(trouble) = &attempted {
            span.record("error.type", trouble.problem().as_str());
        }
        match attempted {
            Ok(gateway_id) => {
                self.end(due, &delivery, Ok(gateway_id)).await?;
                tracing::debug!(%realm, %id, tries, "a message was sent");
                return Ok(true);
            }
            Err(trouble) if is_given_up(trouble.remedy(), tries) => {
                tracing::warn!(%realm, %id, tries, ?trouble, "a message was not sent and is given up");
                self.end(due, &delivery, Err(trouble.problem())).await?;
            }
            Err(trouble @ Trouble::Sealed) => {
                tracing::error!(%realm, %id, tries, ?trouble, "a message waits for its key");
                self.postpone((due, Some(tries)), self.wait(tries), Some(trouble.problem())).await?;
            }
            Err(trouble @ Trouble::NotAccepted { .. }) => {
                tracing::error!(%realm, %id, tries, ?trouble, "a message waits for the settings to be corrected");
                self.postpone((due, Some(tries)), self.wait(tries), Some(trouble.problem())).await?;
            }
            Err(trouble) => {
                tracing::warn!(%realm, %id, tries, ?trouble, "a message was not sent and will be tried again");
                self.metrics.delivered(delivery.channel.as_str(), "postponed");
                let left = delivery.expires_at.since(self.clock.now());
                let wait = longer(self.wait(tries), trouble.remedy(), left);
                self.postpone((due, Some(tries)), wait, Some(trouble.problem())).await?;
            }
        }
        Ok(false)
    }

    async fn claim(&self, due: Due) -> Result<Option<Claimed>, Error> {
        let claim = self.store.tx("claim_delivery", due.realm, async |tx| {
            deliveries::claim(tx, due.id, self.clock.now(), LEASE).await
        });
        match claim.await {
            // A newer program may have written it. It is postponed, so that it does not block the
            // others.
            Err(error @ Error::Inconsistent { .. }) => {
                tracing::error!(realm = %due.realm, id = %due.id, ?error, "a delivery is unreadable");
                self.postpone((due, None), LEASE, None).await?;
                Ok(None)
            }
            claimed => claimed,
        }
    }

    /// Returns the service's own id of the message, where it gives one.
    async fn attempt(&self, due: Due, delivery: &Claimed) -> Result<Option<String>, Trouble> {
        let message = self.open(due, delivery).ok_or(Trouble::Sealed)?;
        let sending = async {
            match delivery.channel {
                Channel::Mail => {
                    let letter = self.sender.letter(due.id, &message, self.clock.now())?;
                    self.transport.send(letter).await.map(|()| None)
                }
                Channel::Push => {
                    let notification = notification::of(&message)?;
                    let now = self.clock.now();
                    self.push.send(due.id, &notification, now, &*self.entropy).await.map(|()| None)
                }
                Channel::Sms => self.text(due.id, &message).await,
            }
        };
        let sending = sending.instrument(tracing::debug_span!("send", channel = delivery.channel.as_str()));
        // Others take this process for dead when it has been without the database for a while, and send the message. It is
        // not handed over here as well.
        let sending = self.store.while_alive(tokio::time::timeout(SEND_TIMEOUT, sending));
        sending.await.ok_or(Trouble::Slow)?.map_err(|_| Trouble::Slow)?
    }

    /// Hands a text message to the gateway.
    async fn text(&self, id: DeliveryId, message: &Message) -> Result<Option<String>, Trouble> {
        let Recipient::Phone(to) = &message.to else { return Err(Trouble::Address) };
        let text = self.sender.sms(message)?;
        let to = Secret::new(to.e164().to_owned());
        self.texts.send(id, &TextMessage { to, text }).await
    }

    /// The device that the push service does not know any more.
    fn gone(&self, due: Due, delivery: &Claimed, problem: Option<DeliveryProblem>) -> Option<FactorId> {
        problem.filter(|problem| *problem == DeliveryProblem::Gone)?;
        match self.open(due, delivery)?.body {
            Body::Prompt { factor, .. } => Some(factor),
            _ => None,
        }
    }

    /// Drops the error, because serde quotes what it reads and errors are logged (INV-47).
    fn open(&self, due: Due, delivery: &Claimed) -> Option<Message> {
        let place = SealContext::Delivery { realm: due.realm, delivery: due.id };
        let plain = self.keyring.open(&place, delivery.payload.as_ref()?).ok()?;
        Message::read(plain.expose())
    }

    /// Twice as long each time, less a random part of up to a half: what failed at the same time is not tried again at the
    /// same time.
    fn wait(&self, tries: i64) -> Span {
        let longest = FIRST_WAIT.doubled(tries.saturating_sub(1), LONGEST_WAIT);
        let [random] = self.entropy.bytes();
        Span::from_micros(longest.micros() - longest.micros() * i64::from(random) / 512)
    }

    /// `tries`: as the claim said, where there is one.
    async fn postpone(
        &self,
        (due, tries): (Due, Option<i64>),
        wait: Span,
        problem: Option<DeliveryProblem>,
    ) -> Result<(), Error> {
        let postpone = self.store.tx("postpone_delivery", due.realm, async |tx| {
            deliveries::postpone(tx, (due.id, tries), self.clock.now().plus(wait), problem).await
        });
        postpone.await
    }

    /// Stores the end and its event in one transaction; nothing if another worker has ended it.
    async fn end(
        &self,
        due: Due,
        delivery: &Claimed,
        ended: Result<Option<String>, DeliveryProblem>,
    ) -> Result<(), Error> {
        let (gateway_id, problem) = match ended {
            Ok(gateway_id) => (gateway_id, None),
            Err(problem) => (None, Some(problem)),
        };
        let (channel, purpose) = (delivery.channel, delivery.purpose);
        let (state, fact) = match problem {
            None => (DeliveryState::Sent, Fact::Delivered { delivery: due.id, channel, purpose }),
            Some(why) => {
                (DeliveryState::Failed, Fact::DeliveryFailed { delivery: due.id, channel, purpose, why })
            }
        };
        self.metrics.delivered(channel.as_str(), state.as_str());
        let gone = self.gone(due, delivery, problem);
        let end = self.store.tx("end_delivery", due.realm, async |tx| {
            let now = self.clock.now();
            let event = |fact| Event {
                id: Id::new(now, &*self.entropy),
                at: now,
                actor: Actor::Worker("courier".to_owned()),
                product: None,
                account: Some(delivery.account),
                fact,
                personal: None,
            };
            // Before the delivery, as the lock order says. It is undone where another worker has ended the delivery: no pause
            // without its event (INV-49).
            if let Some(factor) = gone {
                pauses::miss(tx, factor, now).await?;
            }
            if !deliveries::end(tx, due.id, (state, problem), gateway_id, now).await? {
                tx.abandon();
                return Ok(());
            }
            events::record(tx, event(fact)).await?;
            match gone {
                Some(factor) => events::record(tx, event(Fact::DeviceUnreachable { factor })).await,
                None => Ok(()),
            }
        });
        end.await
    }
}

const fn is_given_up(remedy: Remedy, tries: i64) -> bool {
    match remedy {
        Remedy::Wait | Remedy::WaitFor(_) => false,
        Remedy::Retry => tries >= MAX_ATTEMPTS,
        Remedy::GiveUp => true,
    }
}

/// At least as long as the service asks for, but no longer than the message has left: then its delivery ends, because
/// it has expired.
fn longer(wait: Span, remedy: Remedy, left: Span) -> Span {
    match remedy {
        Remedy::WaitFor(asked) => wait.max(asked.min(left)),
        Remedy::Wait | Remedy::Retry | Remedy::GiveUp => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_left_alone_as_long_as_it_asks() {
        let (own, left) = (Span::seconds(4), Span::minutes(5));
        for (asked, wait) in [
            (Span::ZERO, own),
            (Span::seconds(3), own),
            (Span::seconds(90), Span::seconds(90)),
            (Span::days(1), left),
            (Span::from_micros(i64::MAX), left),
        ] {
            assert_eq!(longer(own, Remedy::WaitFor(asked), left), wait, "{asked:?}");
        }
        assert_eq!(longer(own, Remedy::Wait, left), own);
    }
}
