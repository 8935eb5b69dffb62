//! Device tokens: what a presented token is worth, and which token replaces it.

use tidegate_core::{
    Account, ClientContext, DeviceId, Fact, KnownDevice, Level, MessagePurpose, Product, Secret, SeriesId,
    SessionEnd, SignIn, Timestamp, Token,
};
use tidegate_factors::device::{self, Trust};
use tidegate_keyring::{PersonalContext, TokenKind};
use tidegate_store::{Tx, accounts, devices, sessions};

use crate::{CommandContext, Fault, notices::About, sessions::ending};

/// What a presented device token is worth.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Presented {
    /// The series that stands in for a second step.
    pub(super) trusted_by: Option<SeriesId>,
    /// Since when the account knows the device.
    pub(super) known_since: Option<Timestamp>,
}

/// Judges a device's token. A token that was replaced and comes back ends the
/// trust, because a copy of it exists. An attacker cannot end trust this way without the password,
/// which was verified before.
pub(super) async fn presented(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    product: &Product,
    client: &ClientContext,
    token: Option<&Token>,
) -> Result<Presented, Fault> {
    let nothing = Presented::default();
    let (Some(token), Some(id)) = (token, &client.device) else { return Ok(nothing) };
    let Some(digest) = TokenKind::Device.digest(token.expose()) else { return Ok(nothing) };
    let Some(known) = devices::find(tx, account.id, &product.key, id).await? else { return Ok(nothing) };
    // Of an earlier epoch, somebody said "this wasn't me" since.
    let known_since = (known.epoch == account.epoch).then_some(known.created_at);
    match device::judge(&known, &digest, account.epoch, cx.now()) {
        Trust::Trusted { .. } if stands_in(product) => {
            Ok(Presented { trusted_by: Some(known.series), known_since })
        }
        Trust::Trusted { .. } | Trust::Known => Ok(Presented { trusted_by: None, known_since }),
        Trust::Reused => {
            // The account's lock is taken first, so that a sign-in that is being completed cannot
            // write the trust back.
            accounts::lock(tx, account.id).await?;
            end_series(cx, tx, (account, product, client), id).await?;
            Ok(nothing)
        }
    }
}

/// Ends the trust of a device whose token was copied, and its sessions, because one of them may be the thief's. The owner is told.
async fn end_series(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &Product, &ClientContext),
    device: &DeviceId,
) -> Result<(), Fault> {
    let known = devices::find(tx, account.id, &product.key, device).await?;
    if known.is_none_or(|known| known.trusted_until.is_none()) {
        return Ok(());
    }
    for session in sessions::of_device(tx, account.id, &product.key, device).await? {
        ending::end(cx, tx, (account, client), &session, SessionEnd::TokenCopied).await?;
    }
    devices::end_trust(tx, account.id, &product.key, device).await?;
    let event = cx.event(Fact::DeviceTrustEnded {}).at(&product.key).of(account).from(client);
    event.record(tx).await?;
    cx.notify(tx, (account, product, client), MessagePurpose::DeviceCopied, About::default()).await
}

/// Whether trust stands in for a second step at the product. Where only phishing-resistant methods do, nothing stands in for
/// them (INV-18): trust may have begun with another one.
const fn stands_in(product: &Product) -> bool {
    product.settings.trusted_device.micros() > 0 && !product.settings.methods.phishing_resistant_only
}

/// The device of the sign-in as it is now, and until when the series that the sign-in relied on
/// still stands in. The account must be locked.
pub(super) struct Device {
    known: Option<KnownDevice>,
    pub(super) stood_in: Option<Timestamp>,
}

impl Device {
    /// Whether the account signed in from it before.
    pub(super) const fn is_known(&self) -> bool {
        self.known.is_some()
    }
}

pub(super) async fn of(
    cx: &CommandContext,
    tx: &mut Tx,
    product: &Product,
    sign_in: &SignIn,
) -> Result<Device, Fault> {
    let Some(id) = &sign_in.device else { return Ok(Device { known: None, stood_in: None }) };
    let known = devices::find(tx, sign_in.account, &product.key, id).await?;
    let relied_on = known.as_ref();
    let relied_on =
        relied_on.filter(|known| sign_in.trusted_by == Some(known.series) && known.epoch == sign_in.epoch);
    let until = relied_on.and_then(|known| known.trusted_until).filter(|until| cx.now() < *until);
    let stood_in = until.filter(|_| stands_in(product));
    Ok(Device { known, stood_in })
}

/// What the device gets for its next sign-in.
pub(super) struct Rotated {
    pub(super) token: Secret<String>,
    pub(super) trusted_until: Option<Timestamp>,
    /// Whether this ended the device's trust.
    pub(super) ended: bool,
}

/// Makes a new token for the device of a complete sign-in. Trust that stood in continues to its old
/// end. A second step that was passed may begin new trust. Anything else ends trust.
pub(super) async fn rotate(
    cx: &CommandContext,
    tx: &mut Tx,
    (product, account, client): (&Product, &Account, &ClientContext),
    sign_in: &SignIn,
    (level, remember, device): (Level, bool, Device),
) -> Result<Option<Rotated>, Fault> {
    let Some(id) = &sign_in.device else { return Ok(None) };
    let (now, stood_in) = (cx.now(), device.stood_in);
    let before = device.known;
    let may_begin = remember && level > Level::Aal1 && stands_in(product);
    let begun = may_begin.then(|| now.plus(product.settings.trusted_device));
    let trusted_until = stood_in.or(begun);
    let (token, digest) = TokenKind::Device.mint(cx.entropy());
    // Only a token that stood in for the second step has a successor in its series.
    let goes_on = before.as_ref().filter(|_| stood_in.is_some());
    let series = goes_on.map_or_else(|| cx.new_id(), |before| before.series);
    let known = KnownDevice {
        device: id.clone(),
        series,
        token: digest,
        previous: goes_on.map(|before| before.token),
        rotated_at: now,
        trusted_until,
        epoch: sign_in.epoch,
        client: cx.query().seal_client(account, PersonalContext::DeviceClient(series), client),
        created_at: before.as_ref().map_or(now, |before| before.created_at),
    };
    devices::put(tx, sign_in.account, &product.key, &known, device::MAX_DEVICES).await?;
    let was_trusted = before.and_then(|before| before.trusted_until).is_some_and(|until| now < until);
    Ok(Some(Rotated { token, trusted_until, ended: was_trusted && trusted_until.is_none() }))
}
