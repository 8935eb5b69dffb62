//! The log: structured lines on standard error. Standard output is for what people read.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{Format, Log};

pub fn begin(settings: &Log) -> anyhow::Result<()> {
    let filter = filter(settings)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match settings.format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    // Fails when a subscriber is set already, which then stays.
    drop(done);
    Ok(())
}

pub fn filter(settings: &Log) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(&settings.level);
    filter.with_context(|| format!("failed to read log.level {:?}", settings.level))
}
