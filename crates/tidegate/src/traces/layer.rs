//! Makes spans of the program into spans of OpenTelemetry. (The crate tracing-opentelemetry exports every span that is
//! enabled, with all its fields and the lines of the log that are written in it: here, only what `spans.rs` lists leaves.)

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context as OtelContext, InstrumentationScope, KeyValue,
    time::now,
    trace::{SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::{
    parent::Share,
    queue::SpanQueue,
    spans::{ExportedSpan, Place},
};

/// It is told of every span that another layer lets pass, and takes those that are traced.
pub struct SpanLayer {
    pub queue: Arc<SpanQueue>,
    /// Of traces that begin here and with no call.
    pub share: Share,
    pub scope: InstrumentationScope,
}

/// A span that is traced, as long as it is open.
pub struct TracedSpan {
    exported: &'static ExportedSpan,
    context: SpanContext,
    parent: SpanId,
    parent_is_remote: bool,
    begun: SystemTime,
    fields: Fields,
}

#[derive(Default)]
struct Fields {
    attributes: Vec<KeyValue>,
    title: Option<String>,
    is_unknown_caller: bool,
}

impl TracedSpan {
    pub fn trace_id(&self) -> String {
        self.context.trace_id().to_string()
    }

    /// A caller who is not known may not fill the collector by asking to be traced.
    fn is_exported(&self) -> bool {
        !(self.parent_is_remote && self.fields.is_unknown_caller)
    }

    fn ended(self, scope: &InstrumentationScope) -> SpanData {
        let Self { exported, context, parent, parent_is_remote, begun, fields, .. } = self;
        let Fields { attributes, title, .. } = fields;
        let is_error = attributes.iter().any(|attribute| attribute.key.as_str() == "error.type");
        let name = title
            .map_or(Cow::Borrowed(exported.title), |title| Cow::Owned(exported.title.to_owned() + &title));
        SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: parent_is_remote,
            span_kind: exported.kind.clone(),
            name,
            start_time: begun,
            end_time: now(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if is_error { Status::error("") } else { Status::Unset },
            instrumentation_scope: scope.clone(),
        }
    }
}

/// The innermost traced span around.
fn around<'s, S, T>(span: &SpanRef<'s, S>, read: impl Fn(&TracedSpan) -> T) -> Option<T>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    span.scope().find_map(|span| span.extensions().get::<TracedSpan>().map(&read))
}

/// The trace in which something happens.
pub fn trace_id<'s, S>(span: &SpanRef<'s, S>) -> Option<String>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    around(span, TracedSpan::trace_id)
}

/// Whether a span would be traced, so that it must be made even if the log does not show it.
pub fn is_traced<S>(metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    match ExportedSpan::of(metadata).map(|span| span.place) {
        None => false,
        Some(Place::Call | Place::Task) => true,
        Some(Place::Inside) => context.lookup_current().is_some_and(|span| around(&span, |_| ()).is_some()),
    }
}

/// Whether the answer to that may change.
pub fn interest(metadata: &Metadata<'_>) -> Interest {
    match ExportedSpan::of(metadata).map(|span| span.place) {
        None => Interest::never(),
        Some(Place::Call | Place::Task) => Interest::always(),
        Some(Place::Inside) => Interest::sometimes(),
    }
}

impl SpanLayer {
    fn begin(&self, exported: &'static ExportedSpan, outer: Option<SpanContext>) -> Option<TracedSpan> {
        let parent = match exported.place {
            // The caller's span, or none: `traces::Calls` has put it there.
            Place::Call => OtelContext::current().span().span_context().clone(),
            Place::Task => self.share.hits().then(SpanContext::empty_context)?,
            Place::Inside => outer?,
        };
        let ids = RandomIdGenerator::default();
        let trace_id = if parent.is_valid() { parent.trace_id() } else { ids.new_trace_id() };
        let state = parent.trace_state().clone();
        Some(TracedSpan {
            exported,
            context: SpanContext::new(trace_id, ids.new_span_id(), TraceFlags::SAMPLED, false, state),
            parent: parent.span_id(),
            parent_is_remote: parent.is_remote(),
            begun: now(),
            fields: Fields::default(),
        })
    }
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(exported), Some(span)) = (ExportedSpan::of(attributes.metadata()), context.span(id)) else {
            return;
        };
        let outer = span.parent().and_then(|outer| around(&outer, |outer| outer.context.clone()));
        if let Some(mut traced) = self.begin(exported, outer) {
            attributes.record(&mut traced);
            span.extensions_mut().insert(traced);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(traced) = span.extensions_mut().get_mut::<TracedSpan>()
        {
            values.record(traced);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let traced = context.span(&id).and_then(|span| span.extensions_mut().remove::<TracedSpan>());
        if let Some(traced) = traced.filter(TracedSpan::is_exported) {
            self.queue.push(traced.ended(&self.scope));
        }
    }
}

impl Visit for TracedSpan {
    fn record_str(&mut self, field: &Field, value: &str) {
        let Self { exported, fields, .. } = self;
        if exported.title_field == Some(field.name()) {
            fields.title = Some(value.to_owned());
        }
        if exported.attributes.contains(&field.name()) {
            fields.attributes.push(KeyValue::new(field.name(), value.to_owned()));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "is_unknown_caller" {
            self.fields.is_unknown_caller = value;
        }
    }

    /// All attributes are words, which are recorded as text.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
