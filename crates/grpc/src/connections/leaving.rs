//! When a connection ends, if its caller does not end it.

use std::{
    error::Error,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tidegate_service::App;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::bounds::StrangersPlace;
use crate::{identity::PeerCredential, load::Link};

/// Why a connection is closed at once.
#[derive(Debug)]
pub(super) enum End {
    /// The socket failed, or the caller broke the protocol.
    Failed(Box<dyn Error + Send + Sync>),
    /// The caller did not begin in time.
    Silent,
    /// The oldest of too many connections whose callers are not known.
    Evicted,
}

impl End {
    pub(super) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// Counts a connection that the server ends, and says so in the log: one line a minute for each class.
pub(super) fn tell(app: &App, class: &'static str) {
    app.metrics().connection_refused(class);
    tracing::warn!(class, "connections are refused");
}

/// What a connection holds beside its socket, and what ends it.
pub(super) struct Leaving {
    link: Link,
    peer: Option<PeerCredential>,
    app: App,
    /// Absent: the caller is known.
    stranger: Option<StrangersPlace>,
    idle: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    /// Absent: it does not age.
    age: Option<Pin<Box<Sleep>>>,
    /// Absent: it leaves already.
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Leaving {
    pub(super) fn new(
        (link, peer): (Link, Option<PeerCredential>),
        app: App,
        (stranger, idle_timeout): (StrangersPlace, Duration),
        age: Option<Duration>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            link,
            peer,
            app,
            stranger: Some(stranger),
            idle: Box::pin(sleep(idle_timeout)),
            idle_timeout,
            age: age.map(|age| Box::pin(sleep(age))),
            stopping: Some(Box::pin(stopping.cancelled_owned())),
        }
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    pub(super) const fn peer(&self) -> Option<PeerCredential> {
        self.peer
    }

    /// Resolves when the connection must end: `None`, once its calls are over; else at once. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<End> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        if self.link.is_known() {
            // Its place is free for others.
            self.stranger = None;
        }
        if let Some(stranger) = &mut self.stranger
            && let Poll::Ready(evicted) = Pin::new(stranger).poll(cx)
        {
            self.stranger = None;
            if evicted.is_ok() {
                return Poll::Ready(Some(End::Evicted));
            }
        }
        let Some(stopping) = &mut self.stopping else { return Poll::Pending };
        let ages = self.age.as_mut().is_some_and(|age| age.as_mut().poll(cx).is_ready());
        let mut leaves = stopping.as_mut().poll(cx).is_ready() || ages;
        while !leaves && self.stranger.is_some() && self.idle.as_mut().poll(cx).is_ready() {
            if self.link.is_idle() {
                self.app.metrics().connection_refused("IDLE");
                tracing::debug!("a connection ends whose caller has shown no credential");
                leaves = true;
            }
            self.idle.as_mut().reset(Instant::now() + self.idle_timeout);
        }
        if !leaves {
            return Poll::Pending;
        }
        self.stopping = None;
        Poll::Ready(None)
    }

    pub(super) fn tell(&self, end: &End) {
        match end {
            End::Failed(error) => tracing::debug!(error = &**error as &dyn Error, "a connection failed"),
            End::Silent => tell(&self.app, "SILENT"),
            End::Evicted => tell(&self.app, "STRANGERS"),
        }
    }
}
