//! A rollout is one document: it is read whole, sent whole, and kept in every revision. So its size is bounded, and a page of a list
//! ends where its documents become too many bytes.

use serde::Serialize;
use tidegate_core::{Refusal, Rollout};

use crate::Fault;

/// What a manager writes into a rollout, as JSON.
const MAX_BYTES: usize = 1 << 20;
/// What a page of documents may hold, well below the 4 MiB that gRPC clients take by default.
const PAGE_BYTES: usize = 2 << 20;
/// Documents that are read at a time.
pub(super) const READ: i64 = 32;

/// Refuses a rollout that has become too large. What changes by a start or a stop does not count: these are never refused for it.
pub(super) fn check(before: Option<&Rollout>, after: &Rollout) -> Result<(), crate::Denied> {
    let bytes = written(after)?;
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let grew = match before {
        Some(before) => written(before)? < bytes,
        None => true,
    };
    if grew { Err(Refusal::RolloutTooLarge { bytes, most: MAX_BYTES }.into()) } else { Ok(()) }
}

fn written(rollout: &Rollout) -> Result<usize, Fault> {
    let Rollout { products, allow, deny, ladder, waves, .. } = rollout;
    let waves: Vec<_> =
        waves.iter().map(|wave| (&wave.title, &wave.audience, &wave.products, &wave.gates)).collect();
    bytes(&(products, allow, deny, ladder, waves))
}

/// The bytes of a document as JSON, which its message on the wire does not exceed.
fn bytes(document: &impl Serialize) -> Result<usize, Fault> {
    Ok(serde_json::to_vec(document)?.len())
}

/// A page of documents that is being filled.
pub(super) struct PageOfDocuments<T> {
    pub(super) items: Vec<T>,
    size: usize,
    bytes: usize,
}

impl<T> PageOfDocuments<T> {
    pub(super) fn of(size: i64) -> Self {
        Self { items: Vec::new(), size: usize::try_from(size).unwrap_or(usize::MAX), bytes: 0 }
    }

    /// Adds the item, or returns `false` because the page is full. The first one always fits.
    pub(super) fn take(&mut self, item: T, document: impl FnOnce(&T) -> &Rollout) -> Result<bool, Fault> {
        let bytes = bytes(document(&item))?;
        let fits = self.items.len() < self.size && self.bytes + bytes <= PAGE_BYTES;
        if !fits && !self.items.is_empty() {
            return Ok(false);
        }
        self.bytes += bytes;
        self.items.push(item);
        Ok(true)
    }
}
