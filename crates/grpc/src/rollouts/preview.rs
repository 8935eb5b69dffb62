//! `PreviewRollout`: reads all accounts page by page, and says how far it has come.

use std::time::{Duration, Instant};

use tidegate_proto as proto;
use tidegate_service::rollouts::{Preview, PreviewRollout, Previewed};
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
    next: Option<Box<Preview>>,
    /// When the last message was made. `None` at the beginning, so that the first one is sent at once.
    spoke: Option<Instant>,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::PreviewRolloutRequest>,
) -> Result<Response<Pulled<PreviewSteps>>, Status> {
    let (watch, begun) = door.begin(request, planned::preview).await?;
    let next = match begun {
        Previewed::Going(preview) | Previewed::Done(preview) => Some(preview),
    };
    Ok(Response::new(Pulled::from(PreviewSteps { watch, next, spoke: None })))
}

impl Source for PreviewSteps {
    type Message = proto::PreviewRolloutResponse;

    async fn next(mut self) -> Result<Option<(proto::PreviewRolloutResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            let Some(preview) = self.next.take() else { return Ok(None) };
            if self.spoke.is_none_or(|at| at.elapsed() >= PROGRESS) {
                let message = previewed::progress(preview.progress());
                return Ok(Some((
                    message,
                    Self { next: Some(preview), spoke: Some(Instant::now()), ..self },
                )));
            }
            match self.watch.ask(PreviewRollout::GoOn(preview)).await? {
                Previewed::Going(preview) => self.next = Some(preview),
                Previewed::Done(preview) => return Ok(Some((previewed::result(*preview), self))),
            }
        }
    }
}
