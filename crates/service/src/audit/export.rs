//! Exports the record as lines of JSON, from a sequence number to where the record ended when the export began.

use tidegate_core::{Anchor, Permission, Sequence};

use super::{
    EventFilter, Reading, ResumeToken, lines,
    reading::{From, Stretch},
};
use crate::{Error, Query, QueryContext, Share};

#[derive(Debug)]
pub struct BeginExport {
    pub filter: EventFilter,
    /// The first event; `None`: the oldest that is kept.
    pub from: Option<Sequence>,
    /// The last event; `None`: the newest.
    pub to: Option<Sequence>,
    /// Instead of `from`.
    pub after: Option<ResumeToken>,
}

#[derive(Debug)]
pub struct ReadExport {
    pub reading: Reading,
}

/// Whole lines, and the token to resume after them.
#[derive(Debug)]
pub struct Chunk {
    pub lines: Vec<u8>,
    pub resume: ResumeToken,
}

#[derive(Debug)]
pub struct Exported {
    pub reading: Reading,
    pub chunks: Vec<Chunk>,
    /// Where the record ended when the export began; present when the export has reached it.
    pub end: Option<Anchor>,
}

const METHOD: &str = "export_events";
/// Bytes of a chunk; a single line may be longer.
const CHUNK_BYTES: usize = 256 * 1024;

impl Query for BeginExport {
    const NAME: &'static str = METHOD;
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Reading;

    async fn run(self, cx: &QueryContext) -> Result<Reading, Error> {
        let from = match (&self.after, self.from) {
            (Some(token), _) => From::Token(token),
            (None, from) => From::After(from.map_or(Sequence::START, |from| from.minus(1))),
        };
        let mut reading = Reading::begin(cx, (&self.filter, METHOD), from).await?;
        reading.to = self.to;
        Ok(reading)
    }
}

impl Query for ReadExport {
    const NAME: &'static str = "read_export";
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Exported;

    async fn run(mut self, cx: &QueryContext) -> Result<Exported, Error> {
        let Stretch { events, batches, moved } = self.reading.on(cx).await?;
        let done = self.reading.is_done() || !moved;
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut batches = batches.into_iter().peekable();
        let mut lines = Vec::new();
        for told in events {
            let at = told.logged.sequence.unwrap_or(self.reading.at);
            while let Some(batch) = batches.next_if(|batch| batch.last < at) {
                lines::batch(&mut lines, cx.realm(), &batch)?;
            }
            if lines.len() >= CHUNK_BYTES {
                let resume = cx.resume_token(METHOD, self.reading.place(at.minus(1)))?;
                chunks.push(Chunk { lines: std::mem::take(&mut lines), resume });
            }
            lines::event(&mut lines, &told)?;
        }
        for batch in batches {
            lines::batch(&mut lines, cx.realm(), &batch)?;
        }
        let resume = cx.resume_token(METHOD, self.reading.place(self.reading.at))?;
        chunks.push(Chunk { lines, resume });
        let end = self.reading.end.filter(|_| done);
        Ok(Exported { reading: self.reading, chunks, end })
    }
}
