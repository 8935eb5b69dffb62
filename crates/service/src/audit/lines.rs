//! The lines of an export: one JSON object for each event, and one for each batch after its events, so that the chain
//! can be computed from the file alone (`proto/README.md`).

use serde::Serialize;
use serde_json::Value;
use tidegate_core::{
    AccountId, Batch, ChainDigest, ChainTag, EventId, Personal, PersonalDigest, ProductKey, RealmId,
    Sequence, Timestamp,
};
use tidegate_keyring::personal_digest;

use super::ReadableEvent;
use crate::Fault;

#[derive(Serialize)]
struct EventLine<'e> {
    sequence: Option<Sequence>,
    id: EventId,
    time: Timestamp,
    /// Microseconds since 1970, as they are hashed.
    micros: i64,
    actor: String,
    product: Option<&'e ProductKey>,
    account: Option<AccountId>,
    kind: String,
    data: Option<Value>,
    /// The fact's exact text, as it is hashed.
    fact: &'e str,
    /// Of the personal fields as they are sealed, so that it stays when they are erased.
    personal_digest: Option<PersonalDigest>,
    #[serde(flatten)]
    personal: &'e Personal,
}

#[derive(Serialize)]
struct BatchLine {
    batch: BatchFields,
}

#[derive(Serialize)]
struct BatchFields {
    tag: ChainTag,
    realm: RealmId,
    first: Sequence,
    last: Sequence,
    previous: ChainDigest,
    digest: ChainDigest,
    sealed_time: Timestamp,
    sealed_micros: i64,
}

pub(super) fn event(lines: &mut Vec<u8>, told: &ReadableEvent) -> Result<(), Fault> {
    let event = &told.logged.event;
    let (kind, data) = event.fact.told();
    let line = EventLine {
        sequence: told.logged.sequence,
        id: event.id,
        time: event.at,
        micros: event.at.unix_micros(),
        actor: event.actor.to_string(),
        product: event.product.as_ref(),
        account: event.account,
        kind,
        data: serde_json::from_str(&data).ok(),
        fact: &told.logged.fact,
        personal_digest: event.personal.as_ref().map(personal_digest),
        personal: &told.personal,
    };
    write(lines, &line)
}

pub(super) fn batch(lines: &mut Vec<u8>, realm: RealmId, batch: &Batch) -> Result<(), Fault> {
    let Batch { tag, first, last, previous, digest, sealed_at, .. } = *batch;
    let (sealed_time, sealed_micros) = (sealed_at, sealed_at.unix_micros());
    let batch = BatchFields { tag, realm, first, last, previous, digest, sealed_time, sealed_micros };
    write(lines, &BatchLine { batch })
}

fn write(lines: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Fault> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}
