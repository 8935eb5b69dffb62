//! What a new password by a mailed link does: every session ends and all trust, and nothing that was tried before counts. Two-step
//! stays as it is. The mailbox was proved, so changes that somebody's "this wasn't me" has locked are unlocked.

use tidegate_core::{Account, ClientContext, Fact, MessagePurpose, Product, SessionEnd};
use tidegate_store::{Tx, accounts, attempts, passwords};

use crate::{
    CommandContext, Fault,
    counters::{self, Lane},
    notices::About,
    sessions::ending,
};

/// The account must be locked.
pub(crate) async fn reset(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product, client): (&Account, &Product, &ClientContext),
    hash: String,
) -> Result<(), Fault> {
    ending::end_all(cx, tx, (account, client), SessionEnd::PasswordReset, None).await?;
    passwords::reset(tx, account.id, hash, cx.now()).await?;
    for lane in [Lane::Unknown, Lane::Known] {
        attempts::forgive(tx, &counters::of_password(account.id, lane)).await?;
    }
    attempts::remove(tx, &counters::of_second_steps(account.id)).await?;
    let record = async |tx: &mut Tx, fact: Fact| {
        cx.event(fact).at(&product.key).of(account).from(client).record(tx).await
    };
    if account.changes_locked_at.is_some() {
        accounts::lock_changes(tx, account.id, None).await?;
        record(tx, Fact::ChangesUnlocked {}).await?;
    }
    record(tx, Fact::PasswordReset {}).await?;
    cx.notify(tx, (account, product, client), MessagePurpose::PasswordChanged, About::default()).await
}
