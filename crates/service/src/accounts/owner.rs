//! What every change by the owner begins with.

use tidegate_core::{Account, AccountState, Refusal};
use tidegate_store::{Tx, accounts};

use crate::{Denied, Fault, acting::Acting};

/// Locks the account. Changes of one account run one after the other, and after sign-ins that are being completed. An account
/// that was suspended meanwhile changes nothing (INV-27).
pub(crate) async fn lock(tx: &mut Tx, acting: &Acting) -> Result<Account, Denied> {
    let account = accounts::lock(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
    if account.state != AccountState::Active {
        return Err(Refusal::SubjectNotValid.into());
    }
    Ok(account)
}
