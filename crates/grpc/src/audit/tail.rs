//! `TailEvents`: reads the record, sends it event by event, and polls for new events.

use std::{collections::VecDeque, time::Instant};

use tidegate_proto as proto;
use tidegate_service::audit::{ReadTail, ReadableEvent, Reading, ResumeToken};
use tonic::{Request, Response, Status};

use super::{parse, render};
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

pub(crate) struct Tail {
    watch: Watch,
    reading: Reading,
    ready: VecDeque<(ReadableEvent, ResumeToken)>,
    /// When the last message was made. `None` at the beginning, so that the first token is sent at
    /// once.
    spoke: Option<Instant>,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::TailEventsRequest>,
) -> Result<Response<Pulled<Tail>>, Status> {
    let (watch, reading) = door.begin(request, parse::tail).await?;
    Ok(Response::new(Pulled::from(Tail { watch, reading, ready: VecDeque::new(), spoke: None })))
}

impl Source for Tail {
    type Message = proto::TailEventsResponse;

    async fn next(mut self) -> Result<Option<(proto::TailEventsResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            if let Some((told, token)) = self.ready.pop_front() {
                return Ok(Some((render::tailed(told, token), self.speaking())));
            }
            let tailed = self.watch.ask(ReadTail { reading: self.reading }).await?;
            self.reading = tailed.reading;
            self.ready = tailed.events.into();
            if !self.ready.is_empty() {
                continue;
            }
            if self.spoke.is_none_or(|at| at.elapsed() >= self.watch.heartbeat()) {
                return Ok(Some((render::heartbeat(tailed.now, tailed.resume), self.speaking())));
            }
            if !tailed.moved {
                self.watch.pause().await?;
            }
        }
    }
}

impl Tail {
    fn speaking(self) -> Self {
        Self { spoke: Some(Instant::now()), ..self }
    }
}
