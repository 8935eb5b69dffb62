//! `ExportEvents`: reads the record piece by piece and sends it chunk by chunk, to the end.

use std::collections::VecDeque;

use tidegate_core::Anchor;
use tidegate_proto as proto;
use tidegate_service::audit::{Chunk, ReadExport, Reading};
use tonic::{Request, Response, Status};

use super::{parse, render};
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

pub(crate) struct Export {
    watch: Watch,
    /// `None` when everything was read.
    reading: Option<Reading>,
    ready: VecDeque<(Chunk, Option<Anchor>)>,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::ExportEventsRequest>,
) -> Result<Response<Pulled<Export>>, Status> {
    let (watch, reading) = door.begin(request, parse::export).await?;
    Ok(Response::new(Pulled::from(Export { watch, reading: Some(reading), ready: VecDeque::new() })))
}

impl Source for Export {
    type Message = proto::ExportEventsResponse;

    async fn next(mut self) -> Result<Option<(proto::ExportEventsResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            if let Some((chunk, end)) = self.ready.pop_front() {
                return Ok(Some((render::chunk(chunk, end), self)));
            }
            let Some(reading) = self.reading.take() else { return Ok(None) };
            let exported = self.watch.ask(ReadExport { reading }).await?;
            let end = exported.end;
            self.ready.extend(exported.chunks.into_iter().map(|chunk| (chunk, None)));
            match self.ready.back_mut() {
                // The last chunk carries the end of the record, even if the chunk is empty.
                Some(last) if end.is_some() => last.1 = end,
                _ => self.reading = Some(exported.reading),
            }
            self.ready.retain(|(chunk, end)| !chunk.lines.is_empty() || end.is_some());
        }
    }
}
