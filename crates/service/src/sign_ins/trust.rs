//! Device tokens: what a presented one is worth, and the next one.

use tidegate_core::{
    Account, ClientContext, Fact, KnownDevice, Level, Product, Secret, SignIn, Span, Timestamp, Token,
};
use tidegate_factors::device::{self, Trust};
use tidegate_keyring::TokenKind;
use tidegate_store::{Tx, devices};

use crate::{Fault, Pen};

/// Whether the device stands in for a second step. A token that was replaced and comes back ends the
/// series.
pub(super) async fn presented(
    pen: &Pen,
    tx: &mut Tx,
    account: &Account,
    product: &Product,
    client: &ClientContext,
    token: Option<&Token>,
) -> Result<bool, Fault> {
    let (Some(token), Some(id)) = (token, &client.device) else { return Ok(false) };
    let Some(digest) = TokenKind::Device.digest(token.expose()) else { return Ok(false) };
    let Some(known) = devices::find(tx, account.id, &product.key, id).await? else { return Ok(false) };
    match device::judge(&known, &digest, pen.now()) {
        Trust::Trusted { .. } => Ok(true),
        Trust::Known | Trust::Unknown => Ok(false),
        Trust::Reused => {
            if devices::end_trust(tx, account.id, &product.key, id).await? {
                let event = pen.event(Fact::DeviceTrustEnded {}).at(&product.key).of(account).from(client);
                event.record(tx).await?;
            }
            Ok(false)
        }
    }
}

/// Until when the sign-in's device still stands in for a second step.
pub(super) async fn still(pen: &Pen, tx: &mut Tx, sign_in: &SignIn) -> Result<Option<Timestamp>, Fault> {
    let (true, Some(id)) = (sign_in.trusted, &sign_in.device) else { return Ok(None) };
    let known = devices::find(tx, sign_in.account, &sign_in.product, id).await?;
    Ok(known.and_then(|known| known.trusted_until).filter(|until| pen.now() < *until))
}

/// What the device gets for its next sign-in.
pub(super) struct Rotated {
    pub(super) token: Secret<String>,
    pub(super) trusted_until: Option<Timestamp>,
}

/// A new token for the device of a sign-in that is complete. Trust that stood in goes on as it was;
/// a second step that was passed may begin it; anything else ends it.
pub(super) async fn rotate(
    pen: &Pen,
    tx: &mut Tx,
    product: &Product,
    sign_in: &SignIn,
    (level, remember, stood_in): (Level, bool, Option<Timestamp>),
) -> Result<Option<Rotated>, Fault> {
    let Some(id) = &sign_in.device else { return Ok(None) };
    let now = pen.now();
    let before = devices::find(tx, sign_in.account, &product.key, id).await?;
    let may_begin = remember && level > Level::Aal1 && product.settings.trusted_device > Span::ZERO;
    let begun = may_begin.then(|| now.plus(product.settings.trusted_device));
    let trusted_until = stood_in.or(begun);
    let (token, digest) = TokenKind::Device.mint(pen.entropy());
    let known = KnownDevice {
        device: id.clone(),
        token: digest,
        // Only a token that was itself worth something has a successor.
        previous: before.as_ref().filter(|_| stood_in.is_some()).map(|before| before.token),
        rotated_at: now,
        trusted_until,
        created_at: before.map_or(now, |before| before.created_at),
    };
    devices::put(tx, sign_in.account, &product.key, &known, device::MOST).await?;
    Ok(Some(Rotated { token, trusted_until }))
}
