//! Documents that a newer version wrote, and that this one cannot read (INV-44). Each call that needs one is refused as
//! unavailable, so that another replica answers it. From the first such call on the replica is not ready, until it can
//! read everything again: after a roll back of the newer version's change.

use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_store::{Error, products, rollouts};

use crate::{App, FailureKind};

/// Whether a call met such a document. Nothing is decided by it: readiness reads everything again.
#[derive(Default)]
pub(crate) struct MetNewer(AtomicBool);

impl MetNewer {
    pub(crate) fn note(&self, kind: FailureKind) {
        if kind.0 == "NewerDocument" {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl App {
    /// Whether this version can read what calls ask for, as far as is known.
    pub async fn reads_all_documents(&self) -> Result<bool, Error> {
        let met = &self.inner.met_newer.0;
        if !met.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let mut across = self.inner.parts.store.across("reads_all_documents");
        let read = match rollouts::read_every(&mut across).await {
            Ok(()) => products::read_every(&mut across).await,
            failed => failed,
        };
        match read {
            Ok(()) => met.store(false, Ordering::Relaxed),
            Err(Error::NewerDocument { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}
