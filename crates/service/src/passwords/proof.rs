//! What a change of the password must prove.

use tidegate_core::{Account, Level, Refusal, Session, SessionId, Timestamp};
use tidegate_factors::fresh;
use tidegate_store::{View, factors, sessions};

use crate::{Error, Fault};

/// Refuses where the account has a second step that the session did not prove freshly (INV-20). The password itself is a proof
/// of the first level: whoever changes it shows it.
pub(super) async fn prove(
    view: &mut View,
    account: &Account,
    session: SessionId,
    now: Timestamp,
) -> Result<(), Error> {
    let session = sessions::get(view, session).await?.ok_or(Refusal::SubjectNotValid)?;
    let proved = is_proved(view, account, &session, now).await?;
    proved.map_err(|level| Refusal::FreshProofNeeded { level }.into())
}

/// `Err`: the level that has to be proved.
pub(super) async fn is_proved(
    view: &mut View,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> Result<Result<(), Level>, Fault> {
    let factors = factors::of_account(view, account.id).await?;
    let level = fresh::needed_for_password(account, &factors);
    let proved = level <= Level::Aal1 || fresh::is_proved(&session.clone().with_live(&factors), level, now);
    Ok(if proved { Ok(()) } else { Err(level) })
}
