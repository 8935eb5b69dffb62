//! Proofs in a session that fail. Who holds a stolen session must not use up the owner's guesses.

use tidegate_core::{Session, SessionEnd};
use tidegate_store::{Tx, sessions};

use super::ending::{self, Whose};
use crate::{CommandContext, Fault};

/// So many in a row end the session.
const MAX_FAILED: i64 = 5;

/// Counts one, and ends the session with the last one. Returns how many are left.
pub(crate) async fn count(
    cx: &CommandContext,
    tx: &mut Tx,
    whose: Whose<'_>,
    session: &Session,
) -> Result<i64, Fault> {
    let failed = sessions::count_failed(tx, session.id).await?.unwrap_or(MAX_FAILED);
    if failed >= MAX_FAILED {
        ending::end(cx, tx, whose, session, SessionEnd::ProofsFailed).await?;
    }
    Ok((MAX_FAILED - failed).max(0))
}
