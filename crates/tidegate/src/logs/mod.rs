//! The log: structured lines on standard error. Standard output is for what people read.
//!
//! Callers cause lines, so the number of lines is bounded: see `limiter.rs`.

mod filter;
mod limited;
mod limiter;
mod trace_id;
mod writer;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::IsTerminal as _,
    panic::PanicHookInfo,
};

use tracing_subscriber::{
    Layer as _, fmt, fmt::format, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use self::{limited::LimitedFilter, trace_id::WithTraceId, writer::log_writer};
use crate::{
    config::{Format, Log},
    traces::SpanLayer,
};

pub use filter::filter;
pub use writer::{lost, tell};

/// Writes the last lines when it is dropped, however the program ends, and does not wait long for them.
pub struct LastLines;

impl Drop for LastLines {
    fn drop(&mut self) {
        writer::flush();
    }
}

/// Writes what was left out. Call it when the program ends, before its last line.
pub fn finish() {
    limited::finish();
}

pub fn begin(settings: &Log) -> anyhow::Result<()> {
    begin_traced(settings, None)
}

/// The same, and spans of calls become traces.
pub fn begin_traced(settings: &Log, traces: Option<SpanLayer>) -> anyhow::Result<()> {
    let filter = LimitedFilter::new(filter(settings)?, traces.is_some());
    let limits = filter.limits();
    let layer = fmt::layer().with_writer(log_writer).with_ansi(std::io::stderr().is_terminal());
    // It would print its own errors to standard error, and panic where that fails.
    let layer = layer.log_internal_errors(false);
    let (text, json) = (format::format(), format::format().json().flatten_event(true));
    let layer = match (settings.format, &traces) {
        (Format::Text, None) => layer.boxed(),
        (Format::Json, None) => layer.json().flatten_event(true).boxed(),
        (Format::Text, Some(_)) => {
            layer.event_format(WithTraceId { inner: text, format: Format::Text }).boxed()
        }
        (Format::Json, Some(_)) => {
            layer.json().event_format(WithTraceId { inner: json, format: Format::Json }).boxed()
        }
    };
    // Fails when a subscriber is set already, which then stays.
    if tracing_subscriber::registry().with(filter).with(traces).with(layer).try_init().is_ok() {
        limits.begin()?;
        std::panic::set_hook(Box::new(panicked));
    }
    Ok(())
}

/// Panics are lines of the log like others: a caller who finds a way to cause one must not flood the log with it.
fn panicked(panic: &PanicHookInfo<'_>) {
    let class = panic.location().map(ToString::to_string).unwrap_or_default();
    let said = panic.payload_as_str().unwrap_or("no text");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(class, said, backtrace, "a thread panicked");
}
