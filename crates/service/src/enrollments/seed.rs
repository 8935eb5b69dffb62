//! The secret of a TOTP factor to be: minted, sealed for its place, and shown.

use serde::{Deserialize, Serialize};
use tidegate_core::{FactorId, Sealed, Secret};
use tidegate_factors::{qr, totp};
use tidegate_keyring::Place;

use crate::{CommandContext, Fault, Shown, acting::Acting};

/// What an authenticator app needs; shown once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Secrets {
    pub otpauth_uri: Shown,
    pub base32: Shown,
    pub qr_svg: Shown,
}

impl Secrets {
    pub(super) fn all(&mut self) -> Vec<&mut Shown> {
        vec![&mut self.otpauth_uri, &mut self.base32, &mut self.qr_svg]
    }
}

pub(super) fn mint(
    cx: &CommandContext,
    acting: &Acting,
    factor: FactorId,
) -> Result<(Sealed, Secrets), Fault> {
    let random: [u8; totp::SECRET] = cx.entropy().bytes();
    let seed = Secret::new(random.to_vec());
    let label = acting
        .account
        .contact
        .as_ref()
        .map_or_else(|| acting.account.id.to_string(), |contact| contact.email.as_typed().to_owned());
    let shown = totp::provision(&seed, &label, &acting.product.title.to_string())?;
    let svg = qr::svg(&shown.otpauth_uri).map_err(|_| totp::Unusable)?;
    let place = Place::FactorSeed { realm: cx.realm(), account: acting.account.id, factor };
    let sealed = cx.keyring().seal(&place, &seed, cx.entropy())?;
    let secrets = Secrets {
        otpauth_uri: Shown::Now(shown.otpauth_uri),
        base32: Shown::Now(shown.base32),
        qr_svg: Shown::Now(svg),
    };
    Ok((sealed, secrets))
}
