//! The code that verifies a phone number which is enrolled, or to which a factor is changed.

use tidegate_core::{Body, Channel, Message, MessagePurpose, PhoneNumber, Timestamp};
use tidegate_factors::method::Outgoing;
use tidegate_store::Tx;

use crate::{CommandContext, Denied, Fault, acting::Acting, messages::SendPermit};

const PURPOSE: MessagePurpose = MessagePurpose::ConfirmPhone;

/// Takes one message from the budgets, or refuses. To be asked before anything is written.
pub(crate) async fn permit(
    cx: &CommandContext,
    tx: &mut Tx,
    number: &PhoneNumber,
) -> Result<SendPermit, Denied> {
    cx.permit_sms(tx, number, PURPOSE).await
}

/// Queues the code, if the method sends one.
pub(crate) async fn send(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    message: Option<(Outgoing, Timestamp)>,
    permit: Option<SendPermit>,
) -> Result<(), Fault> {
    let Some((Outgoing { to, code }, until)) = message else { return Ok(()) };
    let permit = permit.ok_or(Fault::Dangling("a send"))?;
    let code = code.ok_or(Fault::Dangling("a code"))?.expose().clone();
    let what = (PURPOSE, Body::Code { code });
    let message = Message::of(&acting.product, acting.client.language, what, to, until);
    cx.send(tx, (acting.account.id, Channel::Sms), &message, permit).await.map(drop)
}
