//! The way of spans to the collector. It never blocks a call: the queue is bounded, and what does not fit is dropped and
//! counted, as is what the collector does not take.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _},
};
use tidegate_metrics::{Count, Metrics};
use tokio::runtime::Handle;

/// Spans that wait or are on their way; some 500 bytes each.
const MAX_WAITING: usize = 4_096;
/// Spans in one message.
const BATCH: usize = 512;
/// How long a span waits for others, at most.
const DELAY: Duration = Duration::from_secs(1);

pub struct SpanQueue {
    processor: BatchSpanProcessor,
    counts: Arc<QueueCounts>,
}

#[derive(Debug, Default)]
struct QueueCounts {
    waiting: AtomicUsize,
    dropped: OnceLock<DroppedSpans>,
}

#[derive(Debug)]
struct DroppedSpans {
    queue_full: Count,
    export_failed: Count,
}

impl SpanQueue {
    /// Must be called within the runtime. A message to the collector may take as long as `timeout`.
    pub fn new(exporter: OtlpExporter, timeout: Duration) -> Self {
        let counts = Arc::<QueueCounts>::default();
        let counted = CountedExporter {
            exporter: Arc::new(exporter),
            runtime: Handle::current(),
            timeout,
            counts: counts.clone(),
        };
        // It has room for all that `push` lets pass.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        Self { processor: BatchSpanProcessor::new(counted, config), counts }
    }

    /// From now on, dropped spans are counted there.
    pub fn count_in(&self, metrics: &Metrics) {
        let dropped = DroppedSpans {
            queue_full: metrics.spans_dropped("queue_full"),
            export_failed: metrics.spans_dropped("export_failed"),
        };
        // One server runs in a process.
        let _ = self.counts.dropped.set(dropped);
    }

    pub fn push(&self, span: SpanData) {
        let waiting = self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting < MAX_WAITING {
            self.processor.on_end(span);
            return;
        }
        self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(dropped) = self.counts.dropped.get() {
            dropped.queue_full.up();
        }
    }

    /// Sends what waits, and takes no more. Blocks for `limit` at most.
    pub fn finish(&self, limit: Duration) {
        if let Err(error) = self.processor.shutdown_with_timeout(limit) {
            tracing::warn!(%error, "the last spans of traces could not be sent");
        }
    }
}

/// Sends spans in the program's runtime, and counts those that were not taken. The processor calls it in a thread of its
/// own.
#[derive(Debug)]
struct CountedExporter {
    exporter: Arc<OtlpExporter>,
    runtime: Handle,
    timeout: Duration,
    counts: Arc<QueueCounts>,
}

impl SpanExporter for CountedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (exporter, timeout, count) = (self.exporter.clone(), self.timeout, batch.len());
        let sending = async move { tokio::time::timeout(timeout, exporter.export(batch)).await };
        let sent = match self.runtime.spawn(sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(OTelSdkError::Timeout(timeout)),
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        if let Err(error) = &sent {
            tracing::warn!(count, %error, "spans of traces could not be sent");
            if let Some(dropped) = self.counts.dropped.get() {
                dropped.export_failed.up_by(u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
        sent
    }
}
