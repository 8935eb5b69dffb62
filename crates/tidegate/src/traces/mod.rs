//! Traces: where the time of a call went, for a collector that speaks OTLP. Off unless `otlp.endpoint` is set.
//!
//! ```text
//! traceparent ──► Calls: is the call traced? ──► spans of tracing ──► SpanLayer ──► SpanQueue ──► collector
//! ```
//!
//! Traces do not leave through what the program sends: mail servers, gateways and push services get no `traceparent`.

mod layer;
mod parent;
mod queue;
mod spans;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use http::HeaderMap;
use opentelemetry::{Context, InstrumentationScope, KeyValue, trace::TraceContextExt as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::{Resource, trace::SpanExporter as _};
use tidegate_client::{Client, Settings, Tls};
use tidegate_core::{Entropy, Secret};
use tidegate_grpc::Tracing;
use tidegate_metrics::Metrics;
use tonic::transport::Channel;
use tracing::Span;
use uuid::Builder;

pub use self::layer::{SpanLayer, interest, is_traced, trace_id};
use self::{parent::Share, queue::SpanQueue};
use crate::{ambient::SystemEntropy, config::Otlp};

/// How long the last spans may take when the program ends.
const FLUSH: Duration = Duration::from_secs(2);

static TRACES: OnceLock<Traces> = OnceLock::new();

/// The traces of this process: its log is one for all, too.
struct Traces {
    queue: Arc<SpanQueue>,
    calls: Arc<Calls>,
}

/// Where spans are sent. `None`: nowhere. Must be called within the runtime.
pub fn collector(settings: &Otlp) -> anyhow::Result<Option<Channel>> {
    let (endpoint, ca_file) = (&settings.endpoint, &settings.ca_file);
    let is_trusted = !ca_file.as_os_str().is_empty();
    ensure!(
        !is_trusted || endpoint.starts_with("https://"),
        "otlp.ca_file is given, but otlp.endpoint is not https"
    );
    if endpoint.is_empty() {
        return Ok(None);
    }
    let authorities = if is_trusted {
        std::fs::read(ca_file)
            .with_context(|| format!("otlp.ca_file: failed to read {}", ca_file.display()))?
    } else {
        Vec::new()
    };
    let settings = Settings {
        address: endpoint.clone(),
        tls: Tls { authorities, certificate: None },
        deadline: timeout(settings),
        ..Settings::new(Secret::new(String::new()))
    };
    Ok(Some(Client::lazy(&settings).context("otlp.endpoint")?.channel()))
}

fn timeout(settings: &Otlp) -> Duration {
    Duration::from_millis(settings.timeout_ms)
}

/// What makes spans of calls into traces; `None`: they are off. Must be called within the runtime.
pub fn begin(settings: &Otlp) -> anyhow::Result<Option<SpanLayer>> {
    let Some(channel) = collector(settings)? else { return Ok(None) };
    let exporter = SpanExporter::builder().with_tonic().with_channel(channel).with_timeout(timeout(settings));
    let mut exporter = exporter.build().context("failed to set up traces")?;
    exporter.set_resource(&resource());
    let queue = Arc::new(SpanQueue::new(exporter, timeout(settings)));
    let share = || Share::per_mille(settings.sample_per_mille);
    let traces = Traces { queue: queue.clone(), calls: Arc::new(Calls { share: share() }) };
    // A second server of this process has the traces of the first one.
    let _ = TRACES.set(traces);
    let scope = InstrumentationScope::builder("tidegate").with_version(env!("CARGO_PKG_VERSION")).build();
    Ok(Some(SpanLayer { queue, share: share(), scope }))
}

/// Names of OpenTelemetry's conventions. The instance is a random one for each start, as they ask for.
fn resource() -> Resource {
    let instance = Builder::from_random_bytes((&SystemEntropy as &dyn Entropy).bytes()).into_uuid();
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "tidegate"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_string()),
        ])
        .build()
}

/// What the server asks for each call; `None`: traces are off.
pub fn calls(metrics: &Metrics) -> Option<Arc<dyn Tracing>> {
    let traces = TRACES.get()?;
    traces.queue.count_in(metrics);
    Some(traces.calls.clone())
}

/// Sends the last spans, when no call is under way any more.
pub async fn finish() {
    if let Some(traces) = TRACES.get() {
        let queue = traces.queue.clone();
        // It fails only if it panics.
        let _ = tokio::task::spawn_blocking(move || queue.finish(FLUSH)).await;
    }
}

/// Which calls are traced: the caller decides, if it is a part of a trace.
struct Calls {
    /// Of calls that are a part of none.
    share: Share,
}

impl Tracing for Calls {
    fn begin(&self, headers: &HeaderMap, new: &dyn Fn() -> Span) -> Option<Span> {
        let parent = match parent::caller(headers) {
            Some(caller) => caller.is_sampled().then(|| Context::new().with_remote_span_context(caller))?,
            None => self.share.hits().then(Context::new)?,
        };
        // The layer finds it there while the span is made.
        let _attached = parent.attach();
        Some(new())
    }
}
