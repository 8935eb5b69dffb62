//! `PreviewRollout`: reads all accounts page by page, and says how far it has come.

use std::time::{Duration, Instant};

use tidegate_proto as proto;
use tidegate_service::rollouts::{PreviewRollout, Previewed};
use tonic::{Request, Response, Status};

use super::{planned, previewed};
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

/// The time between two messages, less than the second that is promised: a page of accounts is read in between.
const PROGRESS: Duration = Duration::from_millis(500);

pub(crate) struct PreviewSteps {
    watch: Watch,
    /// `None` when the result was sent.
    next: Option<Previewed>,
    /// When the last message was made. `None` at the beginning, so that the first one is sent at once.
    spoke: Option<Instant>,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::PreviewRolloutRequest>,
) -> Result<Response<Pulled<PreviewSteps>>, Status> {
    let (watch, begun) = door.begin(request, planned::preview).await?;
    Ok(Response::new(Pulled::from(PreviewSteps { watch, next: Some(begun), spoke: None })))
}

impl Source for PreviewSteps {
    type Message = proto::PreviewRolloutResponse;

    async fn next(mut self) -> Result<Option<(proto::PreviewRolloutResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            let preview = match self.next.take() {
                None => return Ok(None),
                Some(Previewed::Done(preview)) => return Ok(Some((previewed::result(*preview), self))),
                Some(Previewed::Going(preview)) => preview,
            };
            if self.spoke.is_none_or(|at| at.elapsed() >= PROGRESS) {
                let message = previewed::progress(preview.progress());
                let (next, spoke) = (Some(Previewed::Going(preview)), Some(Instant::now()));
                return Ok(Some((message, Self { next, spoke, ..self })));
            }
            self.next = Some(self.watch.ask(PreviewRollout::GoOn(preview)).await?);
        }
    }
}
