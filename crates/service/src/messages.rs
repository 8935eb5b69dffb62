//! Messages to the owner: sealed, and queued in the transaction of what they tell.

use tidegate_core::{
    Account, AccountId, Body, Channel, DeliveryId, Message, MessagePurpose, Notice, Product, Secret, Span,
    Title,
};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Tx,
    deliveries::{self, New},
};

use crate::{CommandContext, Fault};

/// A notice that could not be sent for so long is old news.
const NOTICE_TTL: Span = Span::days(7);

impl CommandContext {
    /// Queues a message. The payload is sealed for its delivery alone.
    pub(crate) async fn send(
        &self,
        tx: &mut Tx,
        account: AccountId,
        channel: Channel,
        message: &Message,
    ) -> Result<DeliveryId, Fault> {
        let id = self.new_id();
        let context = SealContext::Delivery { realm: self.realm(), delivery: id };
        let plain = Secret::new(serde_json::to_vec(message)?);
        let payload = self.keyring().seal(&context, &plain, self.entropy())?;
        let (purpose, now, expires_at) = (message.purpose, self.now(), message.expires_at);
        deliveries::insert(tx, New { id, account, channel, purpose, payload, now, expires_at }).await?;
        Ok(id)
    }

    /// Tells the account's verified address what happened (INV-35). An account without one is told nothing by mail.
    pub(crate) async fn notify(
        &self,
        tx: &mut Tx,
        (account, product): (&Account, &Product),
        purpose: MessagePurpose,
        (factor, codes_left): (Option<Title>, Option<usize>),
    ) -> Result<(), Fault> {
        let Some(contact) = account.verified() else { return Ok(()) };
        let at = self.now();
        let message = Message {
            purpose,
            to: contact.email.destination(),
            product: product.title.clone(),
            body: Body::Notice(Notice { at, factor, codes_left }),
            expires_at: at.plus(NOTICE_TTL),
        };
        self.send(tx, account.id, Channel::Mail, &message).await.map(drop)
    }
}
