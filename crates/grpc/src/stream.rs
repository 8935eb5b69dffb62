//! Streams that the server sends. A message is made when the transport asks for it, and never before: a
//! caller who does not read holds one message, and one who hangs up ends the work.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tidegate_core::Caller;
use tidegate_service::{App, Error, Fault, Query};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::{door::Door, form::Form, status};

#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// Between two looks for something new.
    pub poll: Duration,
    /// The longest silence.
    pub heartbeat: Duration,
    /// Between two looks at the caller's credential.
    pub recheck: Duration,
    /// How long a stream goes on, so that callers spread over the servers again.
    pub longest: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_secs(1),
            longest: Duration::from_hours(1),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) settings: StreamSettings,
    pub(crate) stopping: CancellationToken,
}

/// What looks after one stream: whether it may go on.
pub(crate) struct Watch {
    app: App,
    caller: Arc<Caller>,
    streams: Streams,
    begun: Instant,
    looked: Instant,
}

impl Watch {
    /// To be asked before each message, and again while there is none.
    pub(crate) async fn goes_on(&mut self) -> Result<(), Status> {
        if self.streams.stopping.is_cancelled() {
            return Err(self.closing());
        }
        if self.begun.elapsed() >= self.streams.settings.longest {
            return Err(status::stream_ended());
        }
        if self.looked.elapsed() >= self.streams.settings.recheck {
            let again = self.app.identify_again(&self.caller).await;
            again.map_err(|error| status::of(&self.app, error))?;
            self.looked = Instant::now();
        }
        Ok(())
    }

    /// Waits until there may be something new.
    pub(crate) async fn pause(&self) -> Result<(), Status> {
        tokio::select! {
            biased;
            () = self.streams.stopping.cancelled() => Err(self.closing()),
            () = tokio::time::sleep(self.streams.settings.poll) => Ok(()),
        }
    }

    pub(crate) async fn ask<Q: Query>(&self, query: Q) -> Result<Q::Outcome, Status> {
        let outcome = self.app.ask(self.caller.clone(), query).await;
        outcome.map_err(|error| status::of(&self.app, error))
    }

    pub(crate) const fn heartbeat(&self) -> Duration {
        self.streams.settings.heartbeat
    }

    fn closing(&self) -> Status {
        status::of(&self.app, Error::Failed(Fault::Closing))
    }
}

impl Door {
    /// Reads the request of a stream and carries out its first question.
    pub(crate) async fn begin<M, Q: Query>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<Q>,
    ) -> Result<(Watch, Q::Outcome), Status> {
        let caller = self.enter(request.extensions(), Q::PERMISSION)?;
        let mut form = Form::default();
        let parsed = parse(request.into_inner(), &mut form);
        let query = form.finish(parsed).map_err(status::invalid)?;
        let (app, streams, now) = (self.app.clone(), self.streams.clone(), Instant::now());
        let watch = Watch { app, caller, streams, begun: now, looked: now };
        let outcome = watch.ask(query).await?;
        Ok((watch, outcome))
    }
}

/// Makes messages, one after the other.
pub(crate) trait Source: Send + Sized + 'static {
    type Message: Send + 'static;
    /// The next message and what makes the one after it; `None` at the end.
    fn next(self) -> impl Future<Output = Result<Option<(Self::Message, Self)>, Status>> + Send;
}

type Making<S> = Pin<Box<dyn Future<Output = Result<Option<(<S as Source>::Message, S)>, Status>> + Send>>;

/// A source as a stream.
pub(crate) struct Pulled<S: Source> {
    /// `None` when it has ended.
    making: Option<Making<S>>,
}

impl<S: Source> Pulled<S> {
    pub(crate) fn from(source: S) -> Self {
        Self { making: Some(Box::pin(source.next())) }
    }
}

impl<S: Source> Stream for Pulled<S> {
    type Item = Result<S::Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(making) = &mut self.making else { return Poll::Ready(None) };
        let Poll::Ready(made) = making.as_mut().poll(cx) else { return Poll::Pending };
        self.making = None;
        Poll::Ready(match made {
            Ok(Some((message, source))) => {
                self.making = Some(Box::pin(source.next()));
                Some(Ok(message))
            }
            Ok(None) => None,
            Err(status) => Some(Err(status)),
        })
    }
}
