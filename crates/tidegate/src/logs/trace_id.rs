//! Lines that are written in a traced call end with the id of its trace.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{config::Format, traces};

/// A format of lines, with the trace's id added.
pub struct WithTraceId<F> {
    pub inner: F,
    pub format: Format,
}

impl<S, N, F> FormatEvent<S, N> for WithTraceId<F>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = context.lookup_current().and_then(|span| traces::trace_id(&span)) else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match self.format {
            Format::Text => writeln!(writer, "{line} trace_id={id}"),
            Format::Json => {
                let object = line.strip_suffix('}').ok_or(fmt::Error)?;
                writeln!(writer, "{object},\"trace_id\":\"{id}\"}}")
            }
        }
    }
}
