//! Gives events their places in the record, and proves them by the chain.
//!
//! An event has no place when it is written: of two transactions, the one that began later may commit
//! first. So one replica at a time gives the places, to what is committed: who follows them misses
//! nothing. The lease's row is locked first, and held to the end of the transaction; whatever clocks
//! say, no two sealers ever work on a realm at once.

use std::sync::Arc;

use tidegate_core::{Anchor, Batch, Clock, Entropy, HolderId, Id, RealmId, Span, Timestamp};
use tidegate_keyring::{Chaining, Keyring};
use tidegate_store::{Store, Tx, chain, events, leases};

use crate::Fault;

/// The keeper of the record on one replica.
pub struct Sealer {
    pub(super) store: Store,
    pub(super) keyring: Arc<Keyring>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    holder: HolderId,
}

/// Events of one batch at most.
const MAX_BATCH: i64 = 1_000;
/// How long the others wait for a sealer that is stuck.
const LEASE: Span = Span::seconds(5);

impl Sealer {
    pub fn new(
        store: Store,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let holder = Id::new(clock.now(), &*entropy);
        Self { store, keyring, clock, entropy, holder }
    }

    /// Seals what waits in any realm, to the end. Realms take turns, and what fails in one does not keep
    /// the others; the first fault is returned.
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

    /// How many events it were.
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

    /// Whether the realm's record is this replica's to keep.
    pub(super) async fn claim(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let now = self.clock.now();
        let claim = leases::LeaseClaim { name: "record", holder: self.holder, until: now.plus(LEASE) };
        Ok(leases::claim(tx, claim, now).await?)
    }

    async fn chain(&self, tx: &mut Tx, head: Anchor, count: i64, not_before: Timestamp) -> Result<(), Fault> {
        let (first, last) = (head.sequence.next(), head.sequence.plus(count));
        let (realm, sealed_at) = (tx.realm(), self.clock.now().max(not_before));
        let mut chaining = Chaining::new(realm, head.digest, (first, last), sealed_at);
        let numbered = events::between(tx, first, last).await?;
        if i64::try_from(numbered.len()) != Ok(count) {
            return Err(Fault::Dangling("an event that was given its place"));
        }
        for logged in &numbered {
            chaining.add(logged);
        }
        let digest = chaining.digest();
        let seal = self.keyring.seal_batch(realm, digest)?;
        chain::insert(tx, &Batch { first, last, previous: head.digest, digest, seal, sealed_at }).await?;
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
