//! Signals that end the demo early. It must not leave its folder behind, which holds keys.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, from the moment that this is made: one that comes before it is waited for is not lost.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

/// A signal that came.
#[derive(Clone, Copy)]
pub enum Interrupt {
    Sigint,
    Sigterm,
}

impl Interrupts {
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("failed to listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub async fn next(&mut self) -> Interrupt {
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Sigint,
            _ = self.terminate.recv() => Interrupt::Sigterm,
        }
    }
}

impl Interrupt {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sigint => "SIGINT",
            Self::Sigterm => "SIGTERM",
        }
    }

    /// 128 and the signal's number, as shells report a program that the signal ended.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Sigint => ExitCode::from(130),
            Self::Sigterm => ExitCode::from(143),
        }
    }
}
