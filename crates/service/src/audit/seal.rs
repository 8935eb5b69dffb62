//! Numbers events and seals them into the hash chain.
//!
//! An event has no sequence number when it is written, because of two transactions the one that began later may commit
//! first. One sealer at a time numbers what is committed, so a reader that follows the numbers misses nothing. The
//! lease's row is locked first and until the end of the transaction, so two sealers never work on a realm at the same
//! time, whatever their clocks say.

use std::sync::Arc;

use tidegate_core::{Anchor, Batch, ChainTag, Clock, Entropy, HolderId, Id, RealmId, Span, Timestamp};
use tidegate_keyring::{Chaining, Keyring, personal_digest};
use tidegate_store::{Store, Tx, chain, events, leases};

use crate::Fault;

/// The sealer of one replica. It numbers, chains and cuts the record.
pub struct Sealer {
    pub(super) store: Store,
    pub(super) keyring: Arc<Keyring>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    holder: HolderId,
}

/// Events of one batch at most.
const MAX_BATCH: i64 = 1_000;
/// The newest tag.
const TAG: ChainTag = ChainTag::C2;
/// How long other replicas wait for a sealer that is stuck.
const LEASE: Span = Span::seconds(5);

impl Sealer {
    pub fn new(
        store: Store,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let holder = store.claim_id(clock.now(), &*entropy);
        Self { store, keyring, clock, entropy, holder }
    }

    /// Seals all unsealed events of all realms, one batch of each realm in turn. A fault in one realm does not stop the
    /// others; the first one is returned.
    pub async fn seal(&self) -> Result<(), Fault> {
        let mut first_fault = Ok(());
        loop {
            let (mut full, mut last) = (false, Id::MIN);
            while let Some(realm) = events::next_unsealed(&mut self.store.across("seal"), last).await? {
                last = realm;
                match self.seal_batch(realm).await {
                    Ok(count) => full |= count == MAX_BATCH,
                    Err(fault) => first_fault = first_fault.and(Err(fault)),
                }
            }
            if !full {
                return first_fault;
            }
        }
    }

    /// Seals one batch; returns the number of its events.
    async fn seal_batch(&self, realm: RealmId) -> Result<i64, Fault> {
        self.store
            .tx("seal", realm, async |tx| {
                if !self.claim(tx).await? {
                    return Ok(0);
                }
                let (head, not_before) = newest(tx).await?;
                let count = events::number(tx, head.sequence, MAX_BATCH).await?;
                if count > 0 {
                    self.chain(tx, head, count, not_before).await?;
                }
                Ok(count)
            })
            .await
    }

    /// Claims the lease of the realm's record; `false` while another replica has it.
    pub(super) async fn claim(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let now = self.clock.now();
        let claim = leases::LeaseClaim { name: "record", holder: self.holder, until: now.plus(LEASE) };
        Ok(leases::claim(tx, claim, now).await?)
    }

    async fn chain(&self, tx: &mut Tx, head: Anchor, count: i64, not_before: Timestamp) -> Result<(), Fault> {
        let (first, last) = (head.sequence.next(), head.sequence.plus(count));
        let (realm, sealed_at) = (tx.realm(), self.clock.now().max(not_before));
        let mut chaining = Chaining::new(TAG, realm, head.digest, (first, last), sealed_at);
        let numbered = events::between(tx, first, last).await?;
        if i64::try_from(numbered.len()) != Ok(count) {
            return Err(Fault::Dangling("an event that was given its place"));
        }
        for logged in &numbered {
            chaining.add(logged, logged.event.personal.as_ref().map(personal_digest));
        }
        let digest = chaining.digest();
        let seal = self.keyring.seal_batch(realm, digest)?;
        let batch = Batch { tag: TAG, first, last, previous: head.digest, digest, seal, sealed_at };
        chain::insert(tx, &batch).await?;
        Ok(())
    }
}

/// Where the record ends, and when its last batch was sealed.
async fn newest(tx: &mut Tx) -> Result<(Anchor, Timestamp), Fault> {
    if let Some(batch) = chain::head(tx).await? {
        return Ok((batch.head(), batch.sealed_at));
    }
    let cut = chain::cut(tx).await?;
    Ok(cut.map_or((Anchor::START, Timestamp::from_unix_micros(0)), |cut| (cut.head(), cut.cut_at)))
}
