//! Erases what is left of accounts that were deleted 30 days ago. Each is one transaction. The account's own key goes with
//! the rest, so that nobody can open the personal fields of its events any more, in backups of the events neither; their
//! sealed bytes stay, and the chain still verifies (INV-49).

use serde::{Deserialize, Serialize};
use tidegate_core::{AccountId, Fact, Permission};
use tidegate_store::{accounts, attempts, purge};

use super::KEPT_FOR;
use crate::{
    App, Command, CommandContext, Error, Fault, Share,
    counters::{self, Lane},
    idempotency::outcomes,
};

/// Accounts that are read at a time.
const BATCH: i64 = 100;

impl App {
    /// Purges the accounts that are due, in every realm.
    pub async fn purge_deleted(&self) -> Result<(), Fault> {
        loop {
            let before = self.inner.parts.clock.now().minus(KEPT_FOR);
            let mut across = self.inner.parts.store.across("purge_deleted").sharing(Share::Ordinary);
            let due = accounts::deleted_before(&mut across, before, BATCH).await?;
            for accounts::DeletedAccount { realm, id } in &due {
                match self.work("purge", *realm, PurgeAccount { account: *id }).await {
                    Ok(_) | Err(Error::Refused(_)) => {}
                    Err(Error::Failed(fault)) => return Err(fault),
                }
            }
            // The last batch; what is left of it was taken back meanwhile, or purged by another replica.
            if i64::try_from(due.len()).is_ok_and(|count| count < BATCH) {
                return Ok(());
            }
        }
    }
}

/// The worker's own command. No call of the contract runs it.
#[derive(Debug)]
pub struct PurgeAccount {
    pub account: AccountId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PurgeEnded {}

outcomes!(PurgeEnded);

impl Command for PurgeAccount {
    const NAME: &'static str = "purge_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = PurgeEnded;

    async fn run(self, cx: &CommandContext) -> Result<PurgeEnded, Error> {
        cx.idempotent(async |tx| {
            let (id, now) = (self.account, cx.now());
            if !purge::erase(tx, id, now.minus(KEPT_FOR), now).await? {
                // It was taken back, or purged by another replica.
                tx.abandon();
                return Ok(PurgeEnded {});
            }
            for lane in [Lane::Unknown, Lane::Known] {
                attempts::remove(tx, &counters::of_password(id, lane)).await?;
            }
            attempts::remove(tx, &counters::of_second_steps(id)).await?;
            // It has no key any more, and so the event has no personal fields.
            let tombstone = accounts::get(tx, id).await?.ok_or(Fault::Dangling("account"))?;
            cx.event(Fact::AccountPurged {}).of(&tombstone).record(tx).await?;
            Ok(PurgeEnded {})
        })
        .await
    }
}
