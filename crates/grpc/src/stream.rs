//! Streams that the server sends. A message is made only when the transport asks for it
//! (backpressure): a caller that does not read costs one message of memory, and a caller that hangs
//! up ends the work.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tidegate_core::{Caller, Permission};
use tidegate_service::{App, Command, Error, Fault, Query, pushes::Listening};
use tokio::sync::Notify;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::{door::Door, form::Form, status};

#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// The interval between two polls for new events.
    pub poll: Duration,
    /// The longest time without a message; then a heartbeat is sent.
    pub heartbeat: Duration,
    /// The interval between two checks of the caller's credential.
    pub recheck: Duration,
    /// The least time between two snapshots of a rollout that is watched.
    pub pace: Duration,
    /// The longest duration of a stream. The limit makes callers spread over the servers again.
    pub longest: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_secs(1),
            pace: Duration::from_secs(1),
            longest: Duration::from_hours(1),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) settings: StreamSettings,
    pub(crate) stopping: CancellationToken,
}

/// Checks whether one stream may continue.
pub(crate) struct Watch {
    app: App,
    caller: Arc<Caller>,
    streams: Streams,
    begun: Instant,
    looked: Instant,
}

impl Watch {
    /// Must be called before each message, and again while there is none.
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

    /// Waits for one poll interval.
    pub(crate) async fn pause(&self) -> Result<(), Status> {
        tokio::select! {
            biased;
            () = self.streams.stopping.cancelled() => Err(self.closing()),
            () = tokio::time::sleep(self.streams.settings.poll) => Ok(()),
        }
    }

    /// Waits for the signal, but no longer than until the caller's credential is checked again. Returns whether it came.
    pub(crate) async fn pause_unless(&self, signal: impl Future<Output = ()>) -> Result<bool, Status> {
        tokio::select! {
            biased;
            () = self.streams.stopping.cancelled() => Err(self.closing()),
            () = signal => Ok(true),
            () = tokio::time::sleep(self.streams.settings.recheck) => Ok(false),
        }
    }

    pub(crate) fn device_signal(&self, listening: Listening) -> Arc<Notify> {
        self.app.device_signal(listening)
    }

    pub(crate) async fn ask<Q: Query>(&self, query: Q) -> Result<Q::Outcome, Status> {
        let outcome = self.app.ask(self.caller.clone(), query).await;
        outcome.map_err(|error| status::of(&self.app, error))
    }

    pub(crate) const fn pace(&self) -> Duration {
        self.streams.settings.pace
    }

    pub(crate) const fn heartbeat(&self) -> Duration {
        self.streams.settings.heartbeat
    }

    fn closing(&self) -> Status {
        status::of(&self.app, Error::Failed(Fault::Closing))
    }
}

impl Door {
    /// Parses the request of a stream and runs its first query.
    pub(crate) async fn begin<M, Q: Query>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<Q>,
    ) -> Result<(Watch, Q::Outcome), Status> {
        let (caller, query) = self.read(request, parse, Q::PERMISSION)?;
        let watch = self.watch(caller);
        let outcome = watch.ask(query).await?;
        Ok((watch, outcome))
    }
}

impl Door {
    /// The same with a command, for a stream whose beginning may change something.
    pub(crate) async fn begin_by<M, C: Command>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<C>,
    ) -> Result<(Watch, C::Outcome), Status> {
        let (caller, command) = self.read(request, parse, C::PERMISSION)?;
        let watch = self.watch(caller.clone());
        let outcome = self.app.act(caller, command, None).await;
        Ok((watch, outcome.map_err(|error| status::of(&self.app, error))?))
    }

    fn read<M, T>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<T>,
        permission: Permission,
    ) -> Result<(Arc<Caller>, T), Status> {
        let caller = self.enter(request.extensions(), permission)?;
        let mut form = Form::default();
        let parsed = parse(request.into_inner(), &mut form);
        Ok((caller, form.finish(parsed).map_err(status::invalid)?))
    }

    fn watch(&self, caller: Arc<Caller>) -> Watch {
        let (app, streams, now) = (self.app.clone(), self.streams.clone(), Instant::now());
        Watch { app, caller, streams, begun: now, looked: now }
    }
}

/// Makes messages, one after the other.
pub(crate) trait Source: Send + Sized + 'static {
    type Message: Send + 'static;
    /// The next message, and the source of those after it; `None` at the end.
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
