//! Applies the limiter to the lines of the program and of its libraries, and writes what was left out.
//!
//! Only lines of `info` and above are limited: an operator who asks for `debug` wants one for each call.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter,
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::limiter::{Admission, LeftOut, PERIOD, RateLimiter};
use crate::traces;

/// The target of the lines that say what was left out. They are not limited themselves.
const TARGET: &str = "tidegate::logs";
/// What divides the lines of one place.
const PARTS: [&str; 2] = ["incident", "class"];
/// Bytes of a line that is quoted.
const MAX_QUOTE: usize = 200;

static LIMITS: OnceLock<Arc<LineLimits>> = OnceLock::new();

/// A filter of lines that lets only so many of each class pass. It filters for all layers: a filter of one layer may not
/// refuse an event after its metadata was let pass (`Filter::event_enabled` loses later events where their callsites are
/// always enabled).
///
/// It lets spans pass that are traced, whatever the level of the log.
pub struct LimitedFilter {
    /// It follows no span: `filter.rs` reads levels and targets only.
    filter: EnvFilter,
    limits: Arc<LineLimits>,
    traces: bool,
}

pub struct LineLimits {
    limiter: Mutex<RateLimiter<usize, Sample>>,
    /// Something was left out, for the first time in its minute.
    left_out: Condvar,
    begun: Instant,
}

/// The first line that was left out.
struct Sample {
    level: Level,
    target: &'static str,
    said: Said,
}

impl LimitedFilter {
    pub fn new(filter: EnvFilter, traces: bool) -> Self {
        let (limiter, left_out) = (Mutex::new(RateLimiter::new()), Condvar::new());
        let limits = Arc::new(LineLimits { limiter, left_out, begun: Instant::now() });
        Self { filter, limits, traces }
    }

    pub fn limits(&self) -> Arc<LineLimits> {
        self.limits.clone()
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for LimitedFilter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let shown = Layer::<S>::register_callsite(&self.filter, metadata);
        if self.traces && !shown.is_always() && metadata.is_span() {
            let traced = traces::interest(metadata);
            return if traced.is_never() { shown } else { traced };
        }
        shown
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        Layer::enabled(&self.filter, metadata, context.clone())
            || self.traces && traces::is_traced(metadata, &context)
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        *metadata.level() > Level::INFO || metadata.target() == TARGET || self.limits.admit(event)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let shown = self.filter.max_level_hint();
        if self.traces { shown.max(Some(LevelFilter::DEBUG)) } else { shown }
    }
}

impl LineLimits {
    /// Writes what was left out as each minute ends. The thread sleeps while there is nothing to say.
    pub fn begin(self: Arc<Self>) -> anyhow::Result<()> {
        let _ = LIMITS.set(self.clone());
        let thread = thread::Builder::new().name("log limits".to_owned());
        thread.spawn(move || self.tell()).context("failed to start the thread of the log")?;
        Ok(())
    }

    fn admit(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        let place = std::ptr::from_ref(metadata).addr();
        let is_divided = PARTS.iter().any(|part| metadata.fields().field(part).is_some());
        let part = if is_divided { Said::by(event).part } else { None };
        let part = part.map(|(_, value)| hash(&value));
        let now = self.begun.elapsed();
        let admit = |sample| self.limiter().admit(place, part, now, sample);
        let admission = admit(None);
        if admission == Admission::NeedsSample {
            // It is made without the lock: whatever is quoted might write a line.
            admit(Some(Sample {
                level: *metadata.level(),
                target: metadata.target(),
                said: Said::by(event),
            }));
            self.left_out.notify_one();
        }
        admission == Admission::Written
    }

    fn tell(&self) {
        loop {
            let mut limiter = self.limiter();
            let ended = limiter.ended(self.begun.elapsed());
            if ended.is_empty() {
                match limiter.next_end() {
                    None => drop(self.left_out.wait(limiter)),
                    Some(end) => {
                        drop(self.left_out.wait_timeout(limiter, end.saturating_sub(self.begun.elapsed())));
                    }
                }
            } else {
                drop(limiter);
                ended.into_iter().for_each(write);
            }
        }
    }

    fn limiter(&self) -> MutexGuard<'_, RateLimiter<usize, Sample>> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was left out in the minute that has not ended. Call it when the program ends.
pub fn finish() {
    if let Some(limits) = LIMITS.get() {
        let left_out = limits.limiter().ended(Duration::MAX);
        left_out.into_iter().for_each(write);
    }
}

fn write(LeftOut { count: left_out, sample }: LeftOut<Sample>) {
    let Sample { level, target: of, said: Said { line, part } } = sample;
    let seconds = PERIOD.as_secs();
    let of_part = |name| part.as_ref().filter(|(found, _)| *found == name).map(|(_, value)| value.as_str());
    let [incident, class] = PARTS.map(of_part);
    macro_rules! say {
        ($level:expr) => {
            tracing::event!(target: TARGET, $level, left_out, seconds, incident, class, of, line, "more lines were left out")
        };
    }
    // The level of an event is fixed where it is written.
    match level {
        Level::ERROR => say!(Level::ERROR),
        Level::WARN => say!(Level::WARN),
        _ => say!(Level::INFO),
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// What a line says: its text, and what divides it from others of its place.
#[derive(Default)]
struct Said {
    line: String,
    part: Option<(&'static str, String)>,
}

impl Said {
    fn by(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let short = || {
            let mut text = format!("{value:?}");
            text.truncate(text.floor_char_boundary(MAX_QUOTE));
            text
        };
        if field.name() == "message" {
            self.line = short();
        } else if let Some(part) = PARTS.into_iter().find(|part| *part == field.name()) {
            self.part = Some((part, short()));
        }
    }
}
