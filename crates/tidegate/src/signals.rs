//! Signals, and what they mean to a server.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// No signal that people send to servers ends it without a drain.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    /// Other servers take them for other things. They are heard and mean nothing.
    _user: [Signal; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To stop; by the name of the signal.
    Stop(&'static str),
    /// To read the certificates again.
    Reload,
}

impl Signals {
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("failed to listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            hangup: listen(SignalKind::hangup())?,
            _user: [listen(SignalKind::user_defined1())?, listen(SignalKind::user_defined2())?],
        })
    }

    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.quit.recv() => Asked::Stop("SIGQUIT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for a signal that asks to stop.
    pub async fn stop(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(name) = self.next().await {
                return name;
            }
        }
    }
}
