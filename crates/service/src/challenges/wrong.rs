//! What a wrong answer costs whoever gave it. Who holds the password or a session of the owner must not use up the guesses that the
//! factor has in its life.

use tidegate_core::{Account, ClientContext, Method};
use tidegate_store::{Tx, sessions};

use super::context::{Answerer, ChallengeContext};
use crate::{CommandContext, Fault, passwords::demand, sessions::failed_proofs};

/// The account must be locked.
pub(super) async fn count(
    cx: &CommandContext,
    tx: &mut Tx,
    cc: &ChallengeContext,
    (account, client): (&Account, &ClientContext),
) -> Result<(), Fault> {
    match &cc.answerer {
        Answerer::SignIn { proofs, .. } => {
            if proofs.iter().any(|proof| proof.method == Method::Password) {
                demand::count_wrong(cx, tx, (account, &cc.product, client)).await?;
            }
        }
        Answerer::Session(session) => {
            if let Some(session) = sessions::hold(tx, *session, cx.now()).await? {
                failed_proofs::count(cx, tx, (account, client), &session).await?;
            }
        }
    }
    Ok(())
}
