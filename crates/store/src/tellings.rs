//! Table `tellings`: how far the worker has come that tells accounts of a ladder by mail.

use tidegate_core::{AccountId, Revision, RolloutKey, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT revision, after_account, began_at, ended_at FROM tellings WHERE realm_id = $1 AND rollout_key = $2";
    Change PUT = "INSERT INTO tellings (realm_id, rollout_key, revision, after_account, began_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (realm_id, rollout_key) DO UPDATE SET revision = excluded.revision, after_account = excluded.after_account, \
        began_at = excluded.began_at, ended_at = excluded.ended_at";
}

/// One pass over the accounts of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// The revision of the rollout that it reads for.
    pub revision: Revision,
    /// The account that was read last.
    pub after: AccountId,
    pub began_at: Timestamp,
    /// `None`: it is not through.
    pub ended_at: Option<Timestamp>,
}

impl Record for Telling {
    const TABLE: &'static str = "tellings";
    const KEY: &'static str = "revision";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            revision: row.get("revision")?,
            after: row.get("after_account")?,
            began_at: row.get("began_at")?,
            ended_at: row.get("ended_at")?,
        })
    }
}

pub async fn find(view: &mut View, rollout: &RolloutKey) -> Result<Option<Telling>, Error> {
    view.select(FIND).bind(rollout.clone()).optional().await
}

pub async fn put(tx: &mut Tx, rollout: &RolloutKey, telling: Telling) -> Result<(), Error> {
    let Telling { revision, after, began_at, ended_at } = telling;
    let put = tx.change(PUT).bind(rollout.clone()).bind(revision).bind(after);
    put.bind(began_at).bind(ended_at).rows().await?;
    Ok(())
}
