//! A closed loop of calls: a fixed number of workers, each with one call under way.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    process::Process,
    sample::{Sample, tenths},
};

/// One kind of call on one connection. Any failure ends the run: what fails is not measured.
pub trait Call: Clone + Send + 'static {
    /// `number` is never the same twice.
    fn call(&mut self, number: u64) -> impl Future<Output = anyhow::Result<()>> + Send;
}

#[derive(Debug, Clone, Copy)]
pub enum Until {
    Passed(Duration),
    /// All workers together have made this many calls.
    Made(u64),
}

/// Calls of one kind, on all their connections, with numbers that go on from round to round.
pub struct Load<C> {
    connections: Vec<C>,
    /// Workers on each connection.
    at_once: usize,
    next: Arc<AtomicU64>,
    /// How long a worker pauses between two calls.
    pause: Duration,
}

impl<C: Call> Load<C> {
    pub fn new(connections: Vec<C>, at_once: usize) -> Self {
        Self { connections, at_once, next: Arc::default(), pause: Duration::ZERO }
    }

    /// Numbers the calls by a counter that other loads share.
    #[must_use]
    pub fn numbered(self, next: &Arc<AtomicU64>) -> Self {
        Self { next: next.clone(), ..self }
    }

    /// A load that does not saturate the server, to measure latencies.
    #[must_use]
    pub fn paced(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// One round. The server's CPU time is counted from the start of the first call to the end of the last
    /// one.
    pub async fn round(&self, until: Until, server: Option<&Process>) -> anyhow::Result<Sample> {
        let cpu = || server.map(Process::cpu).transpose();
        let first = self.next.load(Ordering::Relaxed);
        let (before, begun) = (cpu()?, Instant::now());
        let mut workers = JoinSet::new();
        for connection in &self.connections {
            for _ in 0..self.at_once {
                let worker =
                    Worker { connection: connection.clone(), next: self.next.clone(), pause: self.pause };
                workers.spawn(worker.work(first, until, begun));
            }
        }
        let mut latencies = Vec::new();
        while let Some(done) = workers.join_next().await {
            latencies.append(&mut done??);
        }
        let (wall, after) = (begun.elapsed(), cpu()?);
        // In a counted round every worker takes one number at its end that it does not use.
        if let Until::Made(count) = until {
            self.next.store(first + count, Ordering::Relaxed);
        }
        let cpu = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Sample::new(latencies, wall, cpu))
    }
}

struct Worker<C> {
    connection: C,
    next: Arc<AtomicU64>,
    pause: Duration,
}

impl<C: Call> Worker<C> {
    async fn work(mut self, first: u64, until: Until, begun: Instant) -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        loop {
            let number = match until {
                Until::Passed(span) if begun.elapsed() >= span => return Ok(latencies),
                Until::Passed(_) | Until::Made(_) => self.next.fetch_add(1, Ordering::Relaxed),
            };
            if matches!(until, Until::Made(count) if number >= first + count) {
                return Ok(latencies);
            }
            let at = Instant::now();
            self.connection.call(number).await?;
            latencies.push(tenths(at.elapsed()));
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
    }
}
