//! Tables `rollouts`, each as it stands, and `rollout_revisions`, each as it ever stood. Rollouts are
//! kept whole: a change is a new document, and nothing is edited in place.

use tidegate_core::{Actor, Revision, Rollout, RolloutKey, Timestamp, Title};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 AND rollout_key = $2";
    Select ALL = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 ORDER BY rollout_key";
    Select PAGE = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 AND rollout_key > $2 ORDER BY rollout_key LIMIT $3";
    Change INSERT = "INSERT INTO rollouts (realm_id, rollout_key, revision, document) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, rollout_key) DO NOTHING";
    Change REPLACE = "UPDATE rollouts SET revision = $4, document = $5 WHERE realm_id = $1 AND rollout_key = $2 AND revision = $3";
    Change APPEND = "INSERT INTO rollout_revisions (realm_id, rollout_key, revision, document, author, reason, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
}

/// Who made a revision, and why.
#[derive(Debug, Clone)]
pub struct Authored {
    pub author: Actor,
    pub reason: Option<Title>,
}

impl Record for Rollout {
    const TABLE: &'static str = "rollouts";
    const KEY: &'static str = "rollout_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("document")
    }
}

pub async fn find(view: &mut View, key: &RolloutKey) -> Result<Option<Rollout>, Error> {
    view.select(FIND).bind(key.clone()).optional().await
}

/// All of the realm: what a decision is made from.
pub async fn all(view: &mut View) -> Result<Vec<Rollout>, Error> {
    view.select(ALL).all().await
}

/// By key, behind `after`.
pub async fn page(view: &mut View, after: &str, limit: i64) -> Result<Vec<Rollout>, Error> {
    view.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// `false` when the key is taken.
pub async fn insert(tx: &mut Tx, rollout: &Rollout, by: &Authored) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(rollout.key.clone()).bind(rollout.revision);
    let new = insert.bind(rollout.clone()).hit().await?;
    if new {
        append(tx, rollout, by, rollout.created_at).await?;
    }
    Ok(new)
}

/// Puts `next` in the place of the revision `seen`; `false` when somebody else did so first.
pub async fn replace(tx: &mut Tx, seen: Revision, next: &Rollout, by: &Authored) -> Result<bool, Error> {
    let replace = tx.change(REPLACE).bind(next.key.clone()).bind(seen).bind(next.revision);
    let kept = replace.bind(next.clone()).hit().await?;
    if kept {
        append(tx, next, by, next.updated_at).await?;
    }
    Ok(kept)
}

async fn append(tx: &mut Tx, rollout: &Rollout, by: &Authored, at: Timestamp) -> Result<(), Error> {
    let append = tx.change(APPEND).bind(rollout.key.clone()).bind(rollout.revision).bind(rollout.clone());
    append.bind(by.author.clone()).bind(by.reason.clone()).bind(at).rows().await?;
    Ok(())
}
