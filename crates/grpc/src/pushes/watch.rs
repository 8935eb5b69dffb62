//! `WatchPushes`: tells a device what waits for it, when something may have changed.

use std::{sync::Arc, time::Instant};

use tidegate_proto as proto;
use tidegate_service::pushes::{Listening, Push, ReadPushes};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use super::{parse, render};
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

pub(crate) struct WatchedDevice {
    watch: Watch,
    listening: Listening,
    signal: Arc<Notify>,
    /// What waited when the stream began; sent first.
    first: Option<Vec<Push>>,
    spoke: Instant,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::WatchPushesRequest>,
) -> Result<Response<Pulled<WatchedDevice>>, Status> {
    let (watch, listed) = door.begin_by(request, parse::watch).await?;
    let (listening, spoke) = (listed.listening, Instant::now());
    let signal = watch.device_signal(listening);
    let device = WatchedDevice { watch, listening, signal, first: Some(listed.pushes), spoke };
    Ok(Response::new(Pulled::from(device)))
}

impl Source for WatchedDevice {
    type Message = proto::WatchPushesResponse;

    async fn next(mut self) -> Result<Option<(proto::WatchPushesResponse, Self)>, Status> {
        self.watch.goes_on().await?;
        if let Some(first) = self.first.take() {
            return Ok(Some((render::watched(first), self)));
        }
        let signal = self.signal.clone();
        // It waits from here on, so nothing that comes up while the pushes are read is missed.
        let mut signalled = std::pin::pin!(signal.notified());
        signalled.as_mut().enable();
        loop {
            let rang = self.watch.pause_unless(signalled.as_mut()).await?;
            self.watch.goes_on().await?;
            if rang || self.spoke.elapsed() >= self.watch.heartbeat() {
                break;
            }
        }
        let pushes = self.watch.ask(ReadPushes { listening: self.listening }).await?;
        let spoke = Instant::now();
        Ok(Some((render::watched(pushes), Self { spoke, ..self })))
    }
}
