//! Requests whose callers send nothing while the server stops.
//!
//! A call whose request never ends, or an import that sends no more rows, would hold the shutdown until its limit. So
//! from the shutdown on, a caller may be silent for `PATIENCE`; then the call ends with UNAVAILABLE, and is sent again.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tidegate_service::{App, Error, Fault};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{frames::FramedBody, status};

/// Longer than the pauses of a caller that sends, shorter than a supervisor's patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// A body that fails when the server stops and its caller stays silent.
pub(crate) struct PatientBody {
    body: FramedBody,
    app: App,
    stopping: CancellationToken,
    /// Exists while the caller is waited for.
    lost: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl PatientBody {
    pub(crate) const fn new(body: FramedBody, app: App, stopping: CancellationToken) -> Self {
        Self { body, app, stopping, lost: None }
    }
}

impl HttpBody for PatientBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, app, stopping, lost } = &mut *self;
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            *lost = None;
            return Poll::Ready(frame);
        }
        let lost = lost.get_or_insert_with(|| {
            let stopping = stopping.clone();
            Box::pin(async move {
                stopping.cancelled().await;
                tokio::time::sleep(PATIENCE).await;
            })
        });
        ready!(lost.as_mut().poll(cx));
        Poll::Ready(Some(Err(status::of(app, Error::Failed(Fault::Closing)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
