//! Reads the record in order of the sequence, a stretch at a time: every event exactly once (INV-49). Unsealed events are
//! not read, because an earlier one may still commit.

use tidegate_core::{Anchor, Batch, Cut, Refusal, Sequence};
use tidegate_store::{View, chain, events, events::Which};

use super::{
    EventFilter, ReadableEvent, ResumeToken,
    resume::{self, Place},
};
use crate::{Error, Fault, QueryContext};

/// A reader's cursor and filter, between two calls. It holds no secret.
#[derive(Debug, Clone)]
pub struct Reading {
    pub(super) which: Which,
    /// The last event that was read.
    pub(super) at: Sequence,
    /// Where the record ended when an export began.
    pub(super) end: Option<Anchor>,
    /// The last event that is wanted.
    pub(super) to: Option<Sequence>,
    /// Where the cursor stands, and the batches of the last stretch, each by its last event: what tokens are made of.
    pub(super) places: Vec<Place>,
}

/// A part of the record, as far as a reader wants it.
pub(super) struct Stretch {
    pub(super) events: Vec<ReadableEvent>,
    /// The batches that end in it.
    pub(super) batches: Vec<Batch>,
    /// Whether the cursor moved.
    pub(super) moved: bool,
}

/// Events of one stretch; more where a single batch is larger.
const PAGE_SIZE: i64 = 500;
/// Batches of one stretch.
const BATCH_PAGE_SIZE: i64 = 50;

impl Reading {
    /// Begins at a token or at a sequence number. A number before the cut begins at the cut; a token before it is refused,
    /// because its reader would miss events.
    pub(super) async fn begin(
        cx: &QueryContext,
        (filter, method): (&EventFilter, &'static str),
        from: From<'_>,
    ) -> Result<Self, Error> {
        let mut view = cx.view();
        let which = filter.which(cx, &mut view).await?;
        let head = head(&mut view).await?;
        let begins = begins(&mut view).await?;
        let at = match from {
            From::After(at) => at.max(begins),
            From::Head => head.sequence,
            From::Token(token) => {
                let resumed = cx.resumed(&mut view, method, token).await?;
                let Place { at, .. } = resumed.ok_or(Refusal::ResumeTokenNotValid)?;
                // After a restore of the database a token can be ahead of the record.
                if at > head.sequence {
                    return Err(Refusal::ResumeTokenNotValid.into());
                }
                still_there(at, begins)?;
                at
            }
        };
        let places = vec![resume::place(&mut view, at).await?];
        Ok(Self { which, at, end: Some(head), to: None, places })
    }

    /// The place of the cursor, or of an event of the last stretch.
    pub(super) fn place(&self, at: Sequence) -> Place {
        resume::place_among(&self.places, at)
    }

    /// Whether the reader has everything that it asked for.
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.last()
    }

    fn last(&self) -> Sequence {
        let end = self.end.map_or(Sequence(i64::MAX), |end| end.sequence);
        self.to.map_or(end, |to| to.min(end))
    }

    /// The next stretch; empty when the reader has come to the end.
    pub(super) async fn on(&mut self, cx: &QueryContext) -> Result<Stretch, Error> {
        if self.is_done() {
            return Ok(Stretch { events: Vec::new(), batches: Vec::new(), moved: false });
        }
        let mut view = cx.view();
        let end = self.last();
        let mut batches = chain::from(&mut view, self.at.next(), BATCH_PAGE_SIZE).await?;
        // At least one batch, and more while they are small.
        let enough = self.at.plus(PAGE_SIZE);
        let large = batches.iter().position(|batch| batch.last >= enough);
        batches.truncate(large.map_or(batches.len(), |place| place + 1));
        batches.retain(|batch| batch.first <= end);
        let upto = batches.last().map_or(self.at, |batch| batch.last.min(end));
        let found = if upto > self.at {
            events::stretch(&mut view, self.at, upto, self.which.clone()).await?
        } else {
            Vec::new()
        };
        // Checked last, so that events that were dropped during the read are noticed.
        still_there(self.at, begins(&mut view).await?)?;
        let moved = upto > self.at;
        if moved {
            let read = batches.iter().map(|batch| Place { at: batch.last, digest: Some(batch.digest) });
            self.places.retain(|place| place.at == self.at);
            self.places.extend(read);
        }
        self.at = upto;
        batches.retain(|batch| batch.last <= upto);
        Ok(Stretch { events: cx.tell(&mut view, found).await?, batches, moved })
    }
}

/// Where a reader begins.
pub(super) enum From<'t> {
    /// After this sequence number, or where the record begins.
    After(Sequence),
    Head,
    Token(&'t ResumeToken),
}

async fn head(view: &mut View) -> Result<Anchor, Fault> {
    match chain::head(view).await? {
        Some(batch) => Ok(batch.head()),
        None => Ok(chain::cut(view).await?.map_or(Anchor::START, |cut| cut.head())),
    }
}

/// The last event that was dropped.
async fn begins(view: &mut View) -> Result<Sequence, Fault> {
    Ok(chain::cut(view).await?.as_ref().map(Cut::head).map_or(Sequence::START, |head| head.sequence))
}

fn still_there(at: Sequence, begins: Sequence) -> Result<(), Refusal> {
    if at < begins { Err(Refusal::ResumeTokenTooOld { oldest: begins.next() }) } else { Ok(()) }
}
