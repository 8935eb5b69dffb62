//! A set of recovery codes, which replaces the account's earlier one.

use tidegate_core::{Account, AccountId, Fact, Factor, FactorId, Method, RecoveryCode};
use tidegate_factors::{method, policy, recovery_codes as codes};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, View, factors, passwords, recovery_codes};

use crate::{CommandContext, Fault, OneTimeSecret, QueryContext, acting::Acting, passwords::MAILED_FOR};

/// Whether the account has a set that its owner made. A set that holds nothing but an access pass is none.
pub(crate) async fn has_own(view: &mut View, factors: &[Factor]) -> Result<bool, Fault> {
    for set in factors.iter().filter(|factor| factor.method == Method::RecoveryCodes) {
        if recovery_codes::own(view, set.account, set.id).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The codes of a set that can be used now. After a reset of the password by mail, an access pass would prove the same mailbox once
/// more. Then it counts only where the account has no factor of another channel (INV-34).
pub(crate) async fn usable(
    cx: &QueryContext,
    view: &mut View,
    account: AccountId,
    set: FactorId,
) -> Result<Vec<RecoveryCode>, Fault> {
    let mut codes = recovery_codes::left(view, account, set, cx.now()).await?;
    if codes.iter().any(|code| code.expires_at.is_some())
        && passwords::reset_after(view, account, cx.now().minus(MAILED_FOR)).await?
        && policy::has_enrolled(&factors::of_account(view, account).await?)
    {
        codes.retain(|code| code.expires_at.is_none());
    }
    Ok(codes)
}

/// Voids every earlier code and access pass and makes new ones, in one transaction (INV-36). The account must be locked.
pub(crate) async fn issue(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
) -> Result<Vec<OneTimeSecret>, Fault> {
    let earlier = factors::of_account(tx, account.id).await?;
    for set in earlier.iter().filter(|factor| factor.method == Method::RecoveryCodes) {
        super::end_sessions(cx, tx, (acting, account), set).await?;
        super::remove(cx, tx, (account, &acting.product.key, &acting.client), set).await?;
    }
    let new = Factor::new(cx.new_id(), account.id, Method::RecoveryCodes, cx.now());
    let set = Factor { origin: Some(cx.origin(acting, new.id)), ..new };
    factors::insert(tx, &set).await?;
    let context = SealContext::RecoveryCode { realm: cx.realm(), account: account.id, factor: set.id };
    let mut shown = Vec::new();
    for number in 1..=codes::COUNT {
        let typed = codes::mint(cx.entropy());
        let canonical = codes::canonical(&typed).map_err(|_| method::Unusable)?;
        let digest = cx.keyring().digest(&context, canonical.expose().as_bytes())?;
        let code = RecoveryCode { number, digest, expires_at: None };
        recovery_codes::insert(tx, account.id, set.id, code).await?;
        shown.push(OneTimeSecret::Now(typed));
    }
    let event = cx.event(Fact::FactorActivated { factor: set.id, method: Method::RecoveryCodes });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    Ok(shown)
}
