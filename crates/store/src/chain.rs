//! Tables `chain` and `chain_cuts`: the batches that prove the record, and where the record begins.

use tidegate_core::{Batch, ChainDigest, ChainTag, Cut, KeyedDigest, RealmId, Sequence};

use crate::{
    Across, Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO chain (realm_id, first_sequence, last_sequence, previous_digest, digest, seal, sealed_at, tag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Select HEAD = "SELECT first_sequence, last_sequence, previous_digest, digest, seal, sealed_at, tag FROM chain \
        WHERE realm_id = $1 ORDER BY last_sequence DESC LIMIT 1";
    Select ENDING = "SELECT first_sequence, last_sequence, previous_digest, digest, seal, sealed_at, tag FROM chain WHERE realm_id = $1 AND last_sequence = $2";
    Select FROM = "SELECT first_sequence, last_sequence, previous_digest, digest, seal, sealed_at, tag FROM chain \
        WHERE realm_id = $1 AND last_sequence >= $2 ORDER BY last_sequence LIMIT $3";
    Select HEADS = {
        sqlite: "SELECT realm_id, last_sequence, digest FROM realms JOIN chain USING (realm_id) \
            WHERE last_sequence = (SELECT MAX(last_sequence) FROM chain AS newest WHERE newest.realm_id = realms.realm_id)",
        postgres: "SELECT realm_id, last_sequence, digest FROM realms CROSS JOIN LATERAL \
            (SELECT last_sequence, digest FROM chain WHERE chain.realm_id = realms.realm_id ORDER BY last_sequence DESC LIMIT 1) AS newest"
    };
    Change DROP = "DELETE FROM chain WHERE realm_id = $1 AND last_sequence <= $2";
    Select FIND_CUT = "SELECT last_sequence, digest, seal, cut_at FROM chain_cuts WHERE realm_id = $1";
    Change CUT = "INSERT INTO chain_cuts (realm_id, last_sequence, digest, seal, cut_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id) DO UPDATE SET last_sequence = excluded.last_sequence, digest = excluded.digest, \
        seal = excluded.seal, cut_at = excluded.cut_at";
    Change RESEAL = "UPDATE chain SET seal = $4 WHERE realm_id = $1 AND last_sequence = $2 AND seal = $3";
    Change RESEAL_CUT = "UPDATE chain_cuts SET seal = $4 WHERE realm_id = $1 AND last_sequence = $2 AND seal = $3";
}

/// The newest batch of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    pub realm: RealmId,
    pub last: Sequence,
    pub digest: ChainDigest,
}

impl Record for Batch {
    const TABLE: &'static str = "chain";
    const KEY: &'static str = "last_sequence";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            // An earlier program has not said it.
            tag: row.get::<Option<ChainTag>>("tag")?.unwrap_or(ChainTag::C1),
            first: row.get("first_sequence")?,
            last: row.get("last_sequence")?,
            previous: row.get("previous_digest")?,
            digest: row.get("digest")?,
            seal: row.get("seal")?,
            sealed_at: row.get("sealed_at")?,
        })
    }
}

impl Record for Cut {
    const TABLE: &'static str = "chain_cuts";
    const KEY: &'static str = "last_sequence";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            last: row.get("last_sequence")?,
            digest: row.get("digest")?,
            seal: row.get("seal")?,
            cut_at: row.get("cut_at")?,
        })
    }
}

impl Record for RecordHead {
    const TABLE: &'static str = "chain";
    const KEY: &'static str = "last_sequence";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, last: row.get("last_sequence")?, digest: row.get("digest")? })
    }
}

pub async fn insert(tx: &mut Tx, batch: &Batch) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(batch.first).bind(batch.last).bind(batch.previous);
    insert.bind(batch.digest).bind(batch.seal).bind(batch.sealed_at).bind(Some(batch.tag)).rows().await?;
    Ok(())
}

/// The newest batch.
pub async fn head(view: &mut View) -> Result<Option<Batch>, Error> {
    view.select(HEAD).optional().await
}

/// The batch whose last event this is.
pub async fn ending(view: &mut View, last: Sequence) -> Result<Option<Batch>, Error> {
    view.select(ENDING).bind(last).optional().await
}

/// Batches in order, from the one that holds `from` on.
pub async fn from(view: &mut View, from: Sequence, limit: i64) -> Result<Vec<Batch>, Error> {
    view.select(FROM).bind(from).bind(limit).all().await
}

/// The newest batch of each realm that has one. Batches of a realm become visible in their order, because its sealers wait for
/// each other.
pub async fn heads(across: &mut Across) -> Result<Vec<RecordHead>, Error> {
    across.select(HEADS).all().await
}

/// Drops the batches up to `last`.
pub async fn drop_until(tx: &mut Tx, last: Sequence) -> Result<(), Error> {
    tx.change(DROP).bind(last).rows().await?;
    Ok(())
}

/// Where the record begins; `None` when nothing was dropped.
pub async fn cut(view: &mut View) -> Result<Option<Cut>, Error> {
    view.select(FIND_CUT).optional().await
}

/// Stores where the record begins from now on.
pub async fn set_cut(tx: &mut Tx, cut: &Cut) -> Result<(), Error> {
    tx.change(CUT).bind(cut.last).bind(cut.digest).bind(cut.seal).bind(cut.cut_at).rows().await?;
    Ok(())
}

/// Replaces the seal of a batch by one of another key.
pub async fn reseal(tx: &mut Tx, batch: &Batch, seal: KeyedDigest) -> Result<bool, Error> {
    tx.change(RESEAL).bind(batch.last).bind(batch.seal).bind(seal).hit().await
}

/// The same for the cut.
pub async fn reseal_cut(tx: &mut Tx, cut: &Cut, seal: KeyedDigest) -> Result<bool, Error> {
    tx.change(RESEAL_CUT).bind(cut.last).bind(cut.seal).bind(seal).hit().await
}
