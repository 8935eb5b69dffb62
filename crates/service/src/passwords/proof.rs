//! What a change of the password must prove.

use tidegate_core::{Account, Level, Refusal, Session, SessionId, Timestamp};
use tidegate_factors::fresh;
use tidegate_store::{View, factors, sessions};

use crate::{Error, Fault, accounts::owner};

/// Refuses where the account has a second step that the session did not prove freshly (INV-20). The password itself is a proof
/// of the first level: whoever changes it shows it.
pub(super) async fn prove(
    view: &mut View,
    account: &Account,
    session: SessionId,
    now: Timestamp,
) -> Result<(), Error> {
    let session = sessions::get(view, session).await?.ok_or(Refusal::SubjectNotValid)?;
    Ok(is_proved(view, account, &session, now).await??)
}

/// `Err`: what has to be proved first.
pub(super) async fn is_proved(
    view: &mut View,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> Result<Result<(), Refusal>, Fault> {
    if !owner::may_change(view, account, session).await? {
        return Ok(Err(Refusal::ChangesLocked));
    }
    let factors = factors::of_account(view, account.id).await?;
    let level = fresh::needed_for_password(account, &factors);
    let proved = level <= Level::Aal1 || fresh::is_proved(&session.clone().with_live(&factors), level, now);
    Ok(if proved { Ok(()) } else { Err(Refusal::FreshProofNeeded { level }) })
}
