//! Tables `rollouts`, with the newest revision of each, and `rollout_revisions`, with all of them. A rollout is stored
//! as one document: a change writes a whole new revision, and nothing is edited in place.

use tidegate_core::{Actor, RealmId, Revision, Rollout, RolloutKey, Timestamp, Title};

use crate::{
    Across, Error, Executor, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 AND rollout_key = $2";
    Select ALL = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 ORDER BY rollout_key";
    Select EVERY = "SELECT rollout_key, document FROM rollouts";
    Select PAGE = "SELECT rollout_key, document FROM rollouts WHERE realm_id = $1 AND rollout_key > $2 ORDER BY rollout_key LIMIT $3";
    Select NEWEST = "SELECT rollout_key, revision FROM rollouts WHERE realm_id = $1";
    Select REVISION = "SELECT rollout_key, revision, document, author, reason, at FROM rollout_revisions WHERE realm_id = $1 AND rollout_key = $2 AND revision = $3";
    Select REVISIONS = "SELECT rollout_key, revision, document, author, reason, at FROM rollout_revisions \
        WHERE realm_id = $1 AND rollout_key = $2 AND revision < $3 ORDER BY revision DESC LIMIT $4";
    Select AS_OF = "SELECT r.rollout_key, r.document FROM rollout_revisions r WHERE r.realm_id = $1 AND r.revision = \
        (SELECT MAX(o.revision) FROM rollout_revisions o WHERE o.realm_id = $1 AND o.rollout_key = r.rollout_key AND o.at <= $2) ORDER BY r.rollout_key";
    Change LOCK = "UPDATE rollouts SET revision = revision WHERE realm_id = $1 AND rollout_key = $2 RETURNING rollout_key, document";
    Select DUE = "SELECT realm_id, rollout_key, due_at FROM rollouts WHERE due_at <= $1 AND (realm_id, rollout_key) > ($2, $3) \
        ORDER BY realm_id, rollout_key LIMIT $4";
    Change DEFER = "UPDATE rollouts SET due_at = $4 WHERE realm_id = $1 AND rollout_key = $2 AND revision = $3";
    Change INSERT = "INSERT INTO rollouts (realm_id, rollout_key, revision, document, due_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, rollout_key) DO NOTHING";
    Change REPLACE = "UPDATE rollouts SET revision = $3, document = $4, due_at = $5 WHERE realm_id = $1 AND rollout_key = $2";
    Change APPEND = "INSERT INTO rollout_revisions (realm_id, rollout_key, revision, document, author, reason, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
}

/// The author of a revision, and the reason.
#[derive(Debug, Clone)]
pub struct Authored {
    pub author: Actor,
    pub reason: Option<Title>,
}

/// A revision, and where it came from.
#[derive(Debug, Clone)]
pub struct Revised {
    pub rollout: Rollout,
    pub by: Authored,
    pub at: Timestamp,
}

impl Record for Revised {
    const TABLE: &'static str = "rollout_revisions";
    const KEY: &'static str = "rollout_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let by = Authored { author: row.get("author")?, reason: row.get("reason")? };
        Ok(Self { rollout: row.get("document")?, by, at: row.get("at")? })
    }
}

/// The newest revision of a rollout.
struct Newest(RolloutKey, Revision);

impl Record for Newest {
    const TABLE: &'static str = "rollouts";
    const KEY: &'static str = "rollout_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("rollout_key")?, row.get("revision")?))
    }
}

/// A rollout that the scheduler looks at.
pub struct DueRollout {
    pub realm: RealmId,
    pub key: RolloutKey,
    pub due_at: Timestamp,
}

impl Record for DueRollout {
    const TABLE: &'static str = "rollouts";
    const KEY: &'static str = "rollout_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, key: row.get("rollout_key")?, due_at: row.get("due_at")? })
    }
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

/// The rollouts of all realms that the scheduler is to look at now, by realm and key after these.
pub async fn due(
    across: &mut Across,
    now: Timestamp,
    (realm, key): (RealmId, &str),
    limit: i64,
) -> Result<Vec<DueRollout>, Error> {
    across.select(DUE).bind(now).bind(realm).bind(key.to_owned()).bind(limit).all().await
}

/// The scheduler looks at the rollout again at `at`, unless it was changed since that revision.
pub async fn defer(
    executor: Executor<'_>,
    key: &RolloutKey,
    revision: Revision,
    at: Option<Timestamp>,
) -> Result<(), Error> {
    executor.change(DEFER).bind(key.clone()).bind(revision).bind(at).rows().await?;
    Ok(())
}

/// All rollouts of the realm, for decisions.
pub async fn all(view: &mut View) -> Result<Vec<Rollout>, Error> {
    view.select(ALL).all().await
}

/// Reads the rollouts of every realm, to find out whether this version can.
pub async fn read_every(across: &mut Across) -> Result<(), Error> {
    across.select(EVERY).all::<Rollout>().await.map(drop)
}

/// The newest revision of each rollout, in no order: enough to check whether a cached copy is current.
pub async fn newest(view: &mut View) -> Result<Vec<(RolloutKey, Revision)>, Error> {
    let newest: Vec<Newest> = view.select(NEWEST).all().await?;
    Ok(newest.into_iter().map(|Newest(key, revision)| (key, revision)).collect())
}

/// All rollouts of the realm as they were at an instant.
pub async fn as_of(view: &mut View, at: Timestamp) -> Result<Vec<Rollout>, Error> {
    view.select(AS_OF).bind(at).all().await
}

pub async fn revision(view: &mut View, key: &RolloutKey, number: Revision) -> Result<Option<Revised>, Error> {
    view.select(REVISION).bind(key.clone()).bind(number).optional().await
}

/// Newest first, from before the revision `before`.
pub async fn revisions(
    view: &mut View,
    key: &RolloutKey,
    before: Revision,
    limit: i64,
) -> Result<Vec<Revised>, Error> {
    view.select(REVISIONS).bind(key.clone()).bind(before).bind(limit).all().await
}

/// Reads the rollout and locks its row for the rest of the transaction.
pub async fn lock(tx: &mut Tx, key: &RolloutKey) -> Result<Option<Rollout>, Error> {
    tx.change(LOCK).bind(key.clone()).optional().await
}

/// By key, after `after`.
pub async fn page(view: &mut View, after: &str, limit: i64) -> Result<Vec<Rollout>, Error> {
    view.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// `false` when the key is taken.
pub async fn insert(tx: &mut Tx, rollout: &Rollout, by: &Authored) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(rollout.key.clone()).bind(rollout.revision);
    let new = insert.bind(rollout.clone()).bind(rollout.may_start_at()).hit().await?;
    if new {
        append(tx, rollout, by, rollout.created_at).await?;
    }
    Ok(new)
}

/// Replaces the rollout that was locked, and appends the revision.
pub async fn replace(tx: &mut Tx, next: &Rollout, by: &Authored) -> Result<(), Error> {
    let replace = tx.change(REPLACE).bind(next.key.clone()).bind(next.revision);
    replace.bind(next.clone()).bind(next.may_start_at()).rows().await?;
    append(tx, next, by, next.updated_at).await
}

async fn append(tx: &mut Tx, rollout: &Rollout, by: &Authored, at: Timestamp) -> Result<(), Error> {
    let append = tx.change(APPEND).bind(rollout.key.clone()).bind(rollout.revision).bind(rollout.clone());
    append.bind(by.author.clone()).bind(by.reason.clone()).bind(at).rows().await?;
    Ok(())
}
