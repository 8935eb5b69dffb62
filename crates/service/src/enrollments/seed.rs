//! The secret of a TOTP factor to be: minted, sealed for its place, and shown.

use serde::{Deserialize, Serialize};
use tidegate_core::{FactorId, Sealed, Secret};
use tidegate_factors::{qr, totp};
use tidegate_keyring::SealContext;

use crate::{CommandContext, Fault, OneTimeSecret, acting::Acting};

/// What an authenticator app needs; shown once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Secrets {
    pub otpauth_uri: OneTimeSecret,
    pub base32: OneTimeSecret,
    pub qr_svg: OneTimeSecret,
}

impl Secrets {
    pub(super) fn all(&mut self) -> Vec<&mut OneTimeSecret> {
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
    let context = SealContext::FactorSeed { realm: cx.realm(), account: acting.account.id, factor };
    let sealed = cx.keyring().seal(&context, &seed, cx.entropy())?;
    let secrets = Secrets {
        otpauth_uri: OneTimeSecret::Now(shown.otpauth_uri),
        base32: OneTimeSecret::Now(shown.base32),
        qr_svg: OneTimeSecret::Now(svg),
    };
    Ok((sealed, secrets))
}
