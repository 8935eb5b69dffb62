//! An access pass: a code of 130 bits that works once, within 24 hours, where a recovery code is asked for. It goes to the
//! account's verified address, and no call returns it. With the password it makes two channels; what it gives is a session
//! that can only re-bind factors (INV-34).
//!
//! It is a row beside the owner's own recovery codes, with an end. Where the account has no set, one is made that holds
//! nothing else; it is shown nowhere.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, Body, Channel, ClientContext, Contact, Fact, Factor, Message, MessagePurpose, Method, Product,
    Recipient, RecoveryCode, Timestamp, Title,
};
use tidegate_factors::{
    method,
    recovery_codes::{self as codes, PASS_TTL},
};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, factors, recovery_codes};

use crate::{CommandContext, Fault, idempotency::outcomes, messages::SendPermit};

/// Where the pass went, and until when it works.
#[derive(Debug, Serialize, Deserialize)]
pub struct PassMailed {
    /// The masked address.
    pub to: String,
    pub expires_at: Timestamp,
}

outcomes!(PassMailed);

/// Voids the earlier pass, and mails a new one. The account must be locked.
pub(super) async fn mail(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, contact, product): (&Account, &Contact, &Product),
    reason: &Title,
    permit: SendPermit,
) -> Result<PassMailed, Fault> {
    let expires_at = cx.now().plus(PASS_TTL);
    let sets = factors::of_account(tx, account.id).await?;
    let kept = sets.into_iter().find(|factor| factor.method == Method::RecoveryCodes);
    let set = if let Some(set) = kept {
        set
    } else {
        let new = Factor::new(cx.new_id(), account.id, Method::RecoveryCodes, cx.now());
        factors::insert(tx, &new).await?;
        new
    };
    recovery_codes::void_passes(tx, account.id).await?;
    let pass = codes::mint_pass(cx.entropy());
    let canonical = codes::canonical(&pass).map_err(|_| method::Unusable)?;
    let context = SealContext::RecoveryCode { realm: cx.realm(), account: account.id, factor: set.id };
    let digest = cx.keyring().digest(&context, canonical.expose().as_bytes())?;
    // Above those of the set, and another one for each pass: an answer that found the earlier pass consumes no later one.
    let number = cx.now().unix_micros();
    let code = RecoveryCode { number, digest, expires_at: Some(expires_at) };
    recovery_codes::insert(tx, account.id, set.id, code).await?;

    let body = Body::Code { code: pass.expose().clone() };
    let to = Recipient::Mailbox(contact.email.destination());
    let language = ClientContext::default().language;
    let message = Message::of(product, language, (MessagePurpose::AccessPass, body), to, expires_at);
    let delivery = cx.send(tx, (account.id, Channel::Mail), &message, permit).await?;
    let event = cx.event(Fact::AccessPassIssued { reason: reason.clone(), delivery });
    event.at(&product.key).of(account).record(tx).await?;
    Ok(PassMailed { to: contact.email.masked(), expires_at })
}
