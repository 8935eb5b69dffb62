//! Retention: drops the front of the record when it is old enough, batch by batch, and leaves a sealed cut. The cut says
//! where the record begins from now on, and the digest that it continues. The cut itself is recorded as an event.

use tidegate_core::{Actor, Anchor, Cut, Event, Fact, Id, RealmId, Sequence, Span, Timestamp};
use tidegate_store::{Tx, chain, events, realms};

use super::Sealer;
use crate::Fault;

/// Batches and events that one transaction drops.
const MAX_BATCHES: i64 = 100;
const MAX_EVENTS: i64 = 1_000;
/// Realms at a time.
const PAGE_SIZE: i64 = 100;

impl Sealer {
    /// Drops what was sealed longer ago than `keep`, in every realm. A fault in one realm does not stop the others; the
    /// first one is returned.
    pub async fn cut(&self, keep: Span) -> Result<(), Fault> {
        let before = self.clock.now().minus(keep);
        let (mut first_fault, mut last) = (Ok(()), String::new());
        loop {
            let realms = realms::page(&mut self.store.across("cut"), &last, PAGE_SIZE).await?;
            let Some(end) = realms.last() else { return first_fault };
            last = end.key.to_string();
            for realm in &realms {
                if let Err(fault) = self.cut_realm(realm.id, before).await {
                    first_fault = first_fault.and(Err(fault));
                }
            }
        }
    }

    async fn cut_realm(&self, realm: RealmId, before: Timestamp) -> Result<(), Fault> {
        // First a read without a transaction: nearly always there is nothing to do.
        loop {
            let batches = chain::from(&mut self.store.view("cut", realm), Sequence::START, 1).await?;
            let due = batches.first().is_some_and(|batch| batch.sealed_at < before);
            if !due || !self.store.tx("cut", realm, async |tx| self.cut_some(tx, before).await).await? {
                return Ok(());
            }
        }
    }

    /// Whether anything was dropped.
    async fn cut_some(&self, tx: &mut Tx, before: Timestamp) -> Result<bool, Fault> {
        if !self.claim(tx).await? {
            return Ok(false);
        }
        let batches = chain::from(tx, Sequence::START, MAX_BATCHES).await?;
        let Some(start) = batches.first().map(|batch| batch.first) else { return Ok(false) };
        let enough = start.plus(MAX_EVENTS);
        let old = batches.iter().take_while(|batch| batch.sealed_at < before);
        let Some(last) = old.take_while(|batch| batch.first < enough).last() else { return Ok(false) };
        // Sealing a cut after a forged batch would make the forgery look genuine.
        if !self.keyring.batch_is_sealed(tx.realm(), last) {
            return Err(Fault::Forged);
        }
        self.write_cut(tx, start, last.head()).await?;
        Ok(true)
    }

    async fn write_cut(&self, tx: &mut Tx, first: Sequence, head: Anchor) -> Result<(), Fault> {
        let now = self.clock.now();
        let seal = self.keyring.seal_cut(tx.realm(), head, now)?;
        let cut = Cut { last: head.sequence, digest: head.digest, seal, cut_at: now };
        let event = Event {
            id: Id::new(now, &*self.entropy),
            at: now,
            actor: Actor::Worker("record".to_owned()),
            product: None,
            account: None,
            fact: Fact::EventsCut { first, last: head.sequence, digest: head.digest },
            personal: None,
        };
        events::record(tx, event).await?;
        events::drop_until(tx, head.sequence).await?;
        chain::drop_until(tx, head.sequence).await?;
        chain::set_cut(tx, &cut).await?;
        Ok(())
    }
}
