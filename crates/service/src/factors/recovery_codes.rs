//! A set of recovery codes, which replaces the account's earlier one.

use tidegate_core::{Account, Fact, Factor, Method, RecoveryCode};
use tidegate_factors::{method, recovery_codes as codes};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, factors, recovery_codes};

use crate::{CommandContext, Fault, OneTimeSecret, acting::Acting};

/// Voids every earlier code and makes new ones, in one transaction (INV-36). The account must be locked.
pub(crate) async fn issue(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
) -> Result<Vec<OneTimeSecret>, Fault> {
    let earlier = factors::of_account(tx, account.id).await?;
    for set in earlier.iter().filter(|factor| factor.method == Method::RecoveryCodes) {
        super::end_sessions(cx, tx, (acting, account), set).await?;
        super::remove(cx, tx, (acting, account), set).await?;
    }
    let new = Factor::new(cx.new_id(), account.id, Method::RecoveryCodes, cx.now());
    let set = Factor { origin: Some(cx.origin(acting, new.id)), ..new };
    factors::insert(tx, &set).await?;
    let context = SealContext::RecoveryCode { realm: cx.realm(), account: account.id, factor: set.id };
    let mut shown = Vec::new();
    for number in 1..=codes::COUNT {
        let code = codes::mint(cx.entropy());
        let canonical = codes::canonical(&code).map_err(|_| method::Unusable)?;
        let digest = cx.keyring().digest(&context, canonical.expose().as_bytes())?;
        recovery_codes::insert(tx, account.id, set.id, RecoveryCode { number, digest }).await?;
        shown.push(OneTimeSecret::Now(code));
    }
    let event = cx.event(Fact::FactorActivated { factor: set.id, method: Method::RecoveryCodes });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    Ok(shown)
}
