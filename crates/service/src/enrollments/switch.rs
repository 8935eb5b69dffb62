//! What switching two-step on and off begins with: the lock on the account, the decision as it is
//! now, and a fresh proof (INV-20).

use serde::{Deserialize, Serialize};
use tidegate_core::{Account, Decision, FactorId, Refusal, SessionId};
use tidegate_factors::fresh;
use tidegate_store::{Tx, factors, sessions};

use crate::{CommandContext, Denied, accounts::owner, acting::Acting, idempotency::outcomes};

/// The decision at the subject's product as it is now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Switched(pub Decision);

outcomes!(Switched);

/// Locks the account: changes of the switch run one after the other, and after sign-ins that are
/// being completed.
pub(crate) async fn lock(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
) -> Result<(Account, Decision), Denied> {
    let account = owner::lock_for_change(cx, tx, acting).await?;
    let decision = cx.decide(tx, &acting.product, account.id).await?;
    Ok((account, decision))
}

/// Refuses unless the session has a fresh proof of the highest level that the owner can reach
/// (INV-20).
pub(super) async fn proved(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    session: SessionId,
) -> Result<(), Denied> {
    let session = sessions::hold(tx, session, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
    let factors = factors::of_account(tx, account.id).await?;
    let needed = fresh::needed(&factors);
    let proved = fresh::is_proved(&session.with_live(&factors), needed, cx.now());
    if proved { Ok(()) } else { Err(Refusal::FreshProofNeeded { level: needed }.into()) }
}

/// Refuses unless the session may change the account's factors; returns the factor that was proved for it.
pub(crate) async fn may_rebind(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    session: SessionId,
) -> Result<FactorId, Denied> {
    let session = sessions::hold(tx, session, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
    let factors = factors::of_account(tx, account.id).await?;
    let level = fresh::needed(&factors);
    Ok(fresh::may_rebind(&session, &factors, cx.now()).ok_or(Refusal::FreshProofNeeded { level })?)
}
