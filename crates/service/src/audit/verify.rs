//! Recomputes the hash chain from the stored events, batch by batch, and reports the first break.
//!
//! Each batch is proved by its seal, so a walk may begin at any batch. A walk cannot find that the end of the record was
//! removed together with its batches; for that the caller passes an anchor, which was stored elsewhere.

use tidegate_core::{Anchor, Batch, BreakKind, Cut, Permission, RealmId, Sequence};
use tidegate_keyring::{Chaining, personal_digest};
use tidegate_store::{View, chain, events};

use crate::{Error, Fault, Query, QueryContext, Share, StoreError};

#[derive(Debug, Clone)]
pub struct VerifyChain {
    /// Begins with the batch that holds it; `None`: at the beginning.
    pub from: Option<Sequence>,
    /// Ends with the batch that holds it; `None`: at the end.
    pub to: Option<Sequence>,
    pub anchor: Option<Anchor>,
}

#[derive(Debug)]
pub struct Verified {
    /// Events that were verified.
    pub count: i64,
    /// The end of what was verified.
    pub head: Anchor,
    pub cut: Option<Cut>,
    /// `false` also where the anchor lies before the cut, because its batch is gone.
    pub anchor_checked: bool,
    pub broken: Option<Break>,
    /// Where the next call should begin; `None` when everything was verified.
    pub next: Option<Sequence>,
}

/// The first break, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    pub kind: BreakKind,
    pub first: Sequence,
    pub last: Sequence,
}

/// Events that one call verifies.
const MAX_EVENTS: i64 = 100_000;
/// Batches read at a time.
const PAGE_SIZE: i64 = 20;
/// Events of one batch at most; a larger one was not written by a sealer.
const MAX_BATCH: i64 = 10_000;
/// How often a walk is started again because the front of the record was dropped during it.
const MAX_RETRIES: usize = 3;

impl Query for VerifyChain {
    const NAME: &'static str = "verify_chain";
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Verified;

    async fn run(self, cx: &QueryContext) -> Result<Verified, Error> {
        let mut tries = MAX_RETRIES;
        loop {
            let verified = self.walk(cx).await?;
            let here = verified.cut.as_ref().map(|cut| cut.last);
            let now = readable(chain::cut(&mut cx.view()).await)?.flatten().map(|cut| cut.last);
            tries -= 1;
            if verified.broken.is_none() || here == now || tries == 0 {
                return Ok(verified);
            }
        }
    }
}

impl VerifyChain {
    async fn walk(&self, cx: &QueryContext) -> Result<Verified, Error> {
        let mut walk = Walk { cx, view: cx.view(), realm: cx.realm(), count: 0, head: Anchor::START };
        let cut = walk.cut().await?;
        let begun = match &cut {
            Ok(cut) => cut.as_ref().map_or(Anchor::START, Cut::head),
            Err(_) => Anchor::START,
        };
        walk.head = begun;
        let (next, mut broken) = match &cut {
            Ok(_) => match walk.go(self, begun).await? {
                Ok(next) => (next, None),
                Err(broken) => (None, Some(broken)),
            },
            Err(broken) => (None, Some(*broken)),
        };
        let anchor_checked = match self.anchor.filter(|_| broken.is_none()) {
            Some(anchor) if anchor.sequence < begun.sequence => false,
            Some(anchor) => {
                broken = walk.anchor(anchor, begun).await?;
                true
            }
            None => false,
        };
        let (count, head) = (walk.count, walk.head);
        Ok(Verified { count, head, cut: cut.ok().flatten(), anchor_checked, broken, next })
    }
}

/// A walk along the chain: what was verified, and how far.
struct Walk<'d> {
    cx: &'d QueryContext,
    view: View,
    realm: RealmId,
    count: i64,
    head: Anchor,
}

/// A break is a result, not an error.
type WalkResult<T> = Result<Result<T, Break>, Fault>;

impl Walk<'_> {
    async fn cut(&mut self) -> WalkResult<Option<Cut>> {
        let Some(cut) = readable(chain::cut(&mut self.view).await)? else {
            return Ok(Err(at(BreakKind::SealWrong, Sequence::START, Sequence::START)));
        };
        Ok(match cut {
            Some(cut) if !self.cx.keyring().cut_is_sealed(self.realm, &cut) => {
                Err(at(BreakKind::SealWrong, Sequence::START.next(), cut.last))
            }
            cut => Ok(cut),
        })
    }

    /// Walks the batches; returns where the next call should begin, if the end was not reached.
    async fn go(&mut self, asked: &VerifyChain, begun: Anchor) -> WalkResult<Option<Sequence>> {
        if let Some(low) = events::lowest(&mut self.view).await?
            && low <= begun.sequence
        {
            return Ok(Err(at(BreakKind::EventInserted, low, low)));
        }
        let from = asked.from.map_or(begun.sequence.next(), |from| from.max(begun.sequence.next()));
        let mut first = from > begun.sequence.next();
        loop {
            let next = if first { from } else { self.head.sequence.next() };
            let Some(batches) = readable(chain::from(&mut self.view, next, PAGE_SIZE).await)? else {
                return Ok(Err(at(BreakKind::LinkBroken, next, next)));
            };
            for batch in &batches {
                if asked.to.is_some_and(|to| to < batch.first) {
                    return Ok(Ok(None));
                }
                if self.count >= MAX_EVENTS {
                    return Ok(Ok(Some(batch.first)));
                }
                if std::mem::take(&mut first)
                    && let Err(broken) = self.enter(batch, from, begun).await?
                {
                    return Ok(Err(broken));
                }
                if let Err(broken) = self.batch(batch).await? {
                    return Ok(Err(broken));
                }
            }
            if batches.is_empty() {
                // `from` is beyond the end, where nothing can be verified.
                return if first { Ok(Ok(None)) } else { self.end().await };
            }
        }
    }

    /// Begins in the middle, with the batch that holds `from`. It must continue the batch before it.
    async fn enter(&mut self, batch: &Batch, from: Sequence, begun: Anchor) -> WalkResult<()> {
        if batch.first > from {
            return Ok(Err(at(BreakKind::LinkBroken, from, batch.first.minus(1))));
        }
        let before = batch.first.minus(1);
        let before = if before == begun.sequence {
            Some(begun)
        } else {
            readable(chain::ending(&mut self.view, before).await)?.flatten().map(|batch| batch.head())
        };
        match before {
            Some(before) => self.head = before,
            None => return Ok(Err(at(BreakKind::LinkBroken, batch.first, batch.last))),
        }
        Ok(Ok(()))
    }

    async fn batch(&mut self, batch: &Batch) -> WalkResult<()> {
        let Batch { tag, first, last, .. } = *batch;
        let expected = self.head.sequence.next();
        if first > expected {
            return Ok(Err(at(BreakKind::LinkBroken, expected, first.minus(1))));
        }
        let size = last.0.saturating_sub(first.0).saturating_add(1);
        if first < expected || batch.previous != self.head.digest || !(1..=MAX_BATCH).contains(&size) {
            return Ok(Err(at(BreakKind::LinkBroken, first, last)));
        }
        if !self.cx.keyring().batch_is_sealed(self.realm, batch) {
            return Ok(Err(at(BreakKind::SealWrong, first, last)));
        }
        let Some(found) = readable(events::between(&mut self.view, first, last).await)? else {
            return Ok(Err(at(BreakKind::EventChanged, first, last)));
        };
        let mut chaining = Chaining::new(tag, self.realm, batch.previous, (first, last), batch.sealed_at);
        let mut expected = first;
        for logged in &found {
            if let Some(sequence) = logged.sequence.filter(|sequence| *sequence > expected) {
                return Ok(Err(at(BreakKind::EventMissing, expected, sequence.minus(1))));
            }
            chaining.add(logged, logged.event.personal.as_ref().map(personal_digest));
            expected = expected.next();
        }
        if expected <= last {
            return Ok(Err(at(BreakKind::EventMissing, expected, last)));
        }
        if chaining.digest() != batch.digest {
            return Ok(Err(at(BreakKind::EventChanged, first, last)));
        }
        self.count += size;
        self.head = batch.head();
        Ok(Ok(()))
    }

    /// After the last batch no event may have a sequence number, unless its batch was sealed meanwhile.
    async fn end(&mut self) -> WalkResult<Option<Sequence>> {
        let Some(sequence) = events::above(&mut self.view, self.head.sequence).await? else {
            return Ok(Ok(None));
        };
        let batches = chain::from(&mut self.view, self.head.sequence.next(), 1).await?;
        Ok(match batches.first() {
            Some(batch) => Ok(Some(batch.first)),
            None => Err(at(BreakKind::EventInserted, sequence, sequence)),
        })
    }

    async fn anchor(&mut self, anchor: Anchor, begun: Anchor) -> Result<Option<Break>, Fault> {
        let held = if anchor.sequence == begun.sequence {
            anchor.digest == begun.digest
        } else {
            let batch = readable(chain::ending(&mut self.view, anchor.sequence).await)?.flatten();
            batch.is_some_and(|batch| {
                batch.digest == anchor.digest && self.cx.keyring().batch_is_sealed(self.realm, &batch)
            })
        };
        Ok(if held { None } else { Some(at(BreakKind::HeadMissing, anchor.sequence, anchor.sequence)) })
    }
}

const fn at(kind: BreakKind, first: Sequence, last: Sequence) -> Break {
    Break { kind, first, last }
}

/// `None`: a row that this program cannot have written.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, Fault> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::Inconsistent { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
