//! Follows the record: sealed events, in order, each exactly once.

use tidegate_core::{Permission, Sequence, Timestamp};

use super::{
    EventFilter, ReadableEvent, Reading, ResumeToken,
    reading::{From, Stretch},
};
use crate::{Error, Query, QueryContext, Share};

/// Where a follower begins.
#[derive(Debug)]
pub enum Start {
    Beginning,
    Now,
    After(ResumeToken),
}

#[derive(Debug)]
pub struct BeginTail {
    pub filter: EventFilter,
    pub start: Start,
}

/// The next events; none when nothing new is sealed.
#[derive(Debug)]
pub struct ReadTail {
    pub reading: Reading,
}

#[derive(Debug)]
pub struct Tailed {
    pub reading: Reading,
    /// Each event with the token to resume after it.
    pub events: Vec<(ReadableEvent, ResumeToken)>,
    /// Resumes after everything that was read, also where nothing passed the filter.
    pub resume: ResumeToken,
    /// Whether the cursor moved.
    pub moved: bool,
    pub now: Timestamp,
}

const METHOD: &str = "tail_events";

impl Query for BeginTail {
    const NAME: &'static str = METHOD;
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Reading;

    async fn run(self, cx: &QueryContext) -> Result<Reading, Error> {
        let from = match &self.start {
            Start::Beginning => From::After(Sequence::START),
            Start::Now => From::Head,
            Start::After(token) => From::Token(token),
        };
        let reading = Reading::begin(cx, (&self.filter, METHOD), from).await?;
        Ok(Reading { end: None, ..reading })
    }
}

impl Query for ReadTail {
    const NAME: &'static str = "read_tail";
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Tailed;

    async fn run(mut self, cx: &QueryContext) -> Result<Tailed, Error> {
        let Stretch { events: found, moved, .. } = self.reading.on(cx).await?;
        let mut events = Vec::with_capacity(found.len());
        for told in found {
            let at = told.logged.sequence.unwrap_or(self.reading.at);
            events.push((told, cx.resume_token(METHOD, self.reading.place(at))?));
        }
        let resume = cx.resume_token(METHOD, self.reading.place(self.reading.at))?;
        Ok(Tailed { reading: self.reading, events, resume, moved, now: cx.now() })
    }
}
