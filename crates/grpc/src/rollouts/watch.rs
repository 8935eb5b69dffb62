//! `WatchRollout`: looks at the rollout once a second, and sends a snapshot when something has changed.

use std::time::Instant;

use tidegate_proto as proto;
use tidegate_service::rollouts::{Due, RolloutSnapshot, WatchRollout, Watching};
use tonic::{Request, Response, Status};

use super::{numbers, parse};
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

pub(crate) struct WatchSteps {
    watch: Watch,
    /// What was told. The place of the watcher is taken as long as it exists, which is as long as the stream.
    watching: Option<Box<Watching>>,
    /// The snapshot that the call began with.
    ready: Option<Box<RolloutSnapshot>>,
    looked: Instant,
    spoke: Instant,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::WatchRolloutRequest>,
) -> Result<Response<Pulled<WatchSteps>>, Status> {
    let (watch, begun) = door.begin(request, parse::watch).await?;
    let (watching, ready) = (Some(begun.watching), begun.snapshot);
    let now = Instant::now();
    Ok(Response::new(Pulled::from(WatchSteps { watch, watching, ready, looked: now, spoke: now })))
}

impl Source for WatchSteps {
    type Message = proto::WatchRolloutResponse;

    async fn next(mut self) -> Result<Option<(proto::WatchRolloutResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            if let Some(snapshot) = self.ready.take() {
                let message = numbers::snapshot(*snapshot);
                return Ok(Some((message, Self { spoke: Instant::now(), ..self })));
            }
            if self.looked.elapsed() < self.watch.pace() {
                self.watch.pause().await?;
                continue;
            }
            let Some(watching) = self.watching.take() else { return Ok(None) };
            let due = if self.spoke.elapsed() >= self.watch.heartbeat() { Due::Now } else { Due::Change };
            let watched = self.watch.ask(WatchRollout::Look { watching, due }).await?;
            (self.watching, self.ready, self.looked) =
                (Some(watched.watching), watched.snapshot, Instant::now());
        }
    }
}
