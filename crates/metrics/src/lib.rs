//! What is counted, for Prometheus.
//!
//! Every label is a word of a closed set, so that no caller can make series. Nothing here is a secret, an address or an id
//! (INV-47). The other crates count through `Metrics`; the program shows it on the admin port.

mod calls;
mod observed;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub use calls::{MethodCalls, code_name};
pub use observed::Observed;
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

/// Names and values of labels.
type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;
type Seconds = Gauge<f64, AtomicU64>;
type Gauges<const N: usize, G = Gauge> = Family<Labels<N>, G>;

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    calls: Counters<3>,
    call_seconds: Histograms<2>,
    refusals: Counters<1>,
    decisions: Counters<1>,
    challenges: Counters<2>,
    sign_ins: Counters<1>,
    throttled: Counters<1>,
    connections_refused: Counters<1>,
    check_ups: Counters<1>,
    rollout_events: Counters<1>,
    deliveries: Counters<2>,
    oldest_delivery: Gauges<1, Seconds>,
    connections: Gauges<1>,
    connection_wait: Histogram,
    hashes: Gauges<1>,
    hash_seconds: Histogram,
    cache: Counters<2>,
    cache_staleness: Seconds,
    sealer_lag: Seconds,
    unsealed: Gauge,
    retention: Seconds,
    swept: Counters<1>,
    sweep_lag: Gauges<1, Seconds>,
    sweep: Seconds,
    scheduler_lag: Seconds,
    scheduled_starts: Counter,
    clock_behind: Seconds,
    ready: Gauge,
    values_rewrapped: Counter,
    certificate: Gauges<0, Seconds>,
    credentials_expiring: Gauge,
    credential_expiry: Gauges<0, Seconds>,
    operators_lasting: Gauge,
    spans_dropped: Counters<1>,
    log_lines_lost: Counter,
    open_files: Gauge,
    memory: Gauge,
}

/// One counter, for those who count often.
#[derive(Debug, Clone)]
pub struct Count(Counter);

impl Count {
    pub fn up(&self) {
        self.0.inc();
    }
    pub fn up_by(&self, count: u64) {
        self.0.inc_by(count);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// From 250 µs, which an answer from the cache takes, to 16 s.
fn seconds() -> Histogram {
    Histogram::new([0.000_25, 0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0])
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "a line or some for each metric")]
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::with_prefix("tidegate");
        let r = &mut registry;
        let build = Family::<Labels<1>, ConstGauge>::new_with_constructor(|| ConstGauge::new(1));
        drop(build.get_or_create(&[("version", version)]));
        r.register("build_info", "The program that runs", build);
        let calls = register(r, "grpc_requests", "Calls, by their status", Counters::default());
        let call_seconds = Histograms::new_with_constructor(seconds as fn() -> Histogram);
        r.register_with_unit(
            "grpc_request",
            "How long calls took; streams until they began",
            Unit::Seconds,
            call_seconds.clone(),
        );
        let refusals =
            register(r, "refusals", "Refused calls, by reason (error_reason.proto)", Counters::default());
        let decisions =
            register(r, "decisions", "Answers of Evaluate and BatchEvaluate", Counters::default());
        let challenges = register(r, "challenges", "Answers to challenges", Counters::default());
        let sign_ins = register(r, "sign_ins", "Sign-ins that reached a state", Counters::default());
        let throttled =
            register(r, "throttled", "What was slowed or refused because of a limit", Counters::default());
        let connections_refused = register(
            r,
            "connections_refused",
            "Connections of gRPC that the server did not take, or closed because of a limit",
            Counters::default(),
        );
        let check_ups = register(
            r,
            "check_ups",
            "Second steps whose owners were asked to use them once more, and did",
            Counters::default(),
        );
        let rollout_events = register(
            r,
            "rollout_events",
            "Events that the funnels of rollouts counted, by this server",
            Counters::default(),
        );
        let deliveries = register(
            r,
            "deliveries",
            "Messages that were sent, tried in vain or given up",
            Counters::default(),
        );
        let oldest_delivery = Gauges::default();
        r.register_with_unit(
            "deliveries_oldest",
            "For how long the oldest message has been due",
            Unit::Seconds,
            oldest_delivery.clone(),
        );
        let connections = register(
            r,
            "database_connections",
            "Connections to the database, and callers that wait for one",
            Gauges::default(),
        );
        let connection_wait = seconds();
        r.register_with_unit(
            "database_wait",
            "How long callers waited for a connection",
            Unit::Seconds,
            connection_wait.clone(),
        );
        let hashes =
            register(r, "password_queue", "Passwords that are hashed, or wait for it", Gauges::default());
        let hash_seconds = seconds();
        r.register_with_unit(
            "password_hash",
            "How long a hash took, without its wait",
            Unit::Seconds,
            hash_seconds.clone(),
        );
        let cache = register(r, "cache_requests", "Reads through the cache", Counters::default());
        let cache_staleness = Seconds::default();
        r.register_with_unit(
            "cache_staleness",
            "How long ago what other replicas wrote was read",
            Unit::Seconds,
            cache_staleness.clone(),
        );
        let sealer_lag = Seconds::default();
        r.register_with_unit(
            "sealer_lag",
            "The age of the oldest event that is not sealed",
            Unit::Seconds,
            sealer_lag.clone(),
        );
        let unsealed = register(r, "sealer_unsealed_events", "Events that are not sealed", Gauge::default());
        let retention = Seconds::default();
        r.register_with_unit(
            "retention_last_run_timestamp",
            "When old events were last dropped, since 1970",
            Unit::Seconds,
            retention.clone(),
        );
        let swept =
            register(r, "swept_rows", "Rows that were deleted when they were over", Counters::default());
        let sweep_lag = Gauges::default();
        r.register_with_unit(
            "sweep_lag",
            "How long the oldest row that is over was left after the last sweep",
            Unit::Seconds,
            sweep_lag.clone(),
        );
        let sweep = Seconds::default();
        r.register_with_unit(
            "sweep_last_run_timestamp",
            "When rows that are over were last swept without a fault, since 1970",
            Unit::Seconds,
            sweep.clone(),
        );
        let scheduler_lag = Seconds::default();
        r.register_with_unit(
            "scheduler_lag",
            "How long ago the longest overdue rollout was to be looked at, which starts its waves",
            Unit::Seconds,
            scheduler_lag.clone(),
        );
        let scheduled_starts =
            register(r, "scheduled_starts", "Waves that started by themselves", Counter::default());
        let clock_behind = Seconds::default();
        r.register_with_unit(
            "clock_behind",
            "How far the clock that decides lies behind the time that was shown, because it was set back",
            Unit::Seconds,
            clock_behind.clone(),
        );
        let ready = register(r, "ready", "Whether the server is ready: 1, or 0", Gauge::default());
        let what = "Stored values that were sealed with another master key";
        let values_rewrapped = register(r, "values_rewrapped", what, Counter::default());
        let certificate = Gauges::default();
        r.register_with_unit(
            "tls_certificate_expiry_timestamp",
            "When the server's certificate expires, since 1970",
            Unit::Seconds,
            certificate.clone(),
        );
        let credentials_expiring =
            register(r, "credentials_expiring", "Credentials that expire within 14 days", Gauge::default());
        let credential_expiry = Gauges::default();
        r.register_with_unit(
            "credentials_next_expiry_timestamp",
            "When the next credential expires, since 1970",
            Unit::Seconds,
            credential_expiry.clone(),
        );
        let operators_lasting = register(
            r,
            "operators_lasting",
            "Operators' credentials that do not expire within 14 days",
            Gauge::default(),
        );
        let spans_dropped = register(
            r,
            "trace_spans_dropped",
            "Spans of traces that did not reach the collector",
            Counters::default(),
        );
        let log_lines_lost =
            register(r, "log_lines_lost", "Lines of the log that could not be written", Counter::default());
        let open_files = register(r, "process_open_fds", "Open file descriptors", Gauge::default());
        let memory = Gauge::default();
        r.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, memory.clone());
        Self {
            registry,
            calls,
            call_seconds,
            refusals,
            decisions,
            challenges,
            sign_ins,
            throttled,
            connections_refused,
            check_ups,
            rollout_events,
            deliveries,
            oldest_delivery,
            connections,
            connection_wait,
            hashes,
            hash_seconds,
            cache,
            cache_staleness,
            sealer_lag,
            unsealed,
            retention,
            swept,
            sweep_lag,
            sweep,
            scheduler_lag,
            scheduled_starts,
            clock_behind,
            ready,
            values_rewrapped,
            certificate,
            credentials_expiring,
            credential_expiry,
            operators_lasting,
            spans_dropped,
            log_lines_lost,
            open_files,
            memory,
        }
    }

    /// The counters of one method, for those who count it often.
    pub fn method(&self, service: &'static str, method: &'static str) -> MethodCalls {
        MethodCalls::new(
            self.calls.clone(),
            self.call_seconds.clone(),
            [("service", service), ("method", method)],
        )
    }

    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&[("reason", reason)]).inc();
    }

    /// A counter that the caller keeps, because it counts often.
    pub fn decided(&self, reason: &'static str) -> Count {
        Count(self.decisions.get_or_create_owned(&[("reason", reason)]))
    }

    pub fn challenged(&self, method: &'static str, outcome: &'static str) {
        self.challenges.get_or_create(&[("method", method), ("outcome", outcome)]).inc();
    }

    pub fn signed_in(&self, state: &'static str) {
        self.sign_ins.get_or_create(&[("state", state)]).inc();
    }

    /// Events of one step that were counted in the funnels of all rollouts.
    pub fn rollout_events(&self, step: &'static str, count: u64) {
        self.rollout_events.get_or_create(&[("step", step)]).inc_by(count);
    }

    /// How far the authority's clock lies behind the time that is served.
    pub fn clock_behind(&self, behind: Duration) {
        self.clock_behind.set(behind.as_secs_f64());
    }

    pub fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    pub fn throttled(&self, what: &'static str) {
        self.throttled.get_or_create(&[("what", what)]).inc();
    }

    /// The same as a counter that the caller keeps.
    pub fn throttled_often(&self, what: &'static str) -> Count {
        Count(self.throttled.get_or_create_owned(&[("what", what)]))
    }

    /// A connection of gRPC that was not taken, or that a limit closed.
    pub fn connection_refused(&self, class: &'static str) {
        self.connections_refused.get_or_create(&[("class", class)]).inc();
    }

    /// `advised` or `passed`.
    pub fn checked_up(&self, step: &'static str) {
        self.check_ups.get_or_create(&[("step", step)]).inc();
    }

    pub fn delivered(&self, channel: &'static str, outcome: &'static str) {
        self.deliveries.get_or_create(&[("channel", channel), ("outcome", outcome)]).inc();
    }

    pub fn oldest_delivery(&self, channel: &'static str, age: Duration) {
        self.oldest_delivery.get_or_create(&[("channel", channel)]).set(age.as_secs_f64());
    }

    pub fn waited_for_connection(&self, time: Duration) {
        self.connection_wait.observe(time.as_secs_f64());
    }

    pub fn hashed(&self, time: Duration) {
        self.hash_seconds.observe(time.as_secs_f64());
    }

    /// A counter that the caller keeps, because it counts often. `result`: hit or miss.
    pub fn cached(&self, cache: &'static str, result: &'static str) -> Count {
        Count(self.cache.get_or_create_owned(&[("cache", cache), ("result", result)]))
    }

    /// Seconds since 1970.
    pub fn retention_ran(&self, at: i64) {
        self.retention.set(whole(at));
    }

    /// Rows of a kind that were deleted.
    pub fn swept(&self, kind: &'static str, rows: u64) {
        self.swept.get_or_create(&[("kind", kind)]).inc_by(rows);
    }

    /// For how long the oldest row of the kind that is over waits to be deleted.
    pub fn sweep_lags(&self, kind: &'static str, lag: Duration) {
        self.sweep_lag.get_or_create(&[("kind", kind)]).set(lag.as_secs_f64());
    }

    /// Seconds since 1970.
    pub fn sweep_ran(&self, at: i64) {
        self.sweep.set(whole(at));
    }

    pub fn scheduler_lag(&self, lag: Duration) {
        self.scheduler_lag.set(lag.as_secs_f64());
    }

    pub fn waves_started_by_schedule(&self, count: usize) {
        self.scheduled_starts.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub fn rewrapped(&self, values: u64) {
        self.values_rewrapped.inc_by(values);
    }

    /// Seconds since 1970.
    pub fn certificate_expires(&self, at: i64) {
        self.certificate.get_or_create(&[]).set(whole(at));
    }

    /// A counter that the caller keeps. `reason`: `queue_full` or `export_failed`.
    pub fn spans_dropped(&self, reason: &'static str) -> Count {
        Count(self.spans_dropped.get_or_create_owned(&[("reason", reason)]))
    }

    /// All metrics in the text format of `OpenMetrics`, with what was observed just now.
    pub fn render(&self, observed: &Observed) -> Result<String, fmt::Error> {
        for (state, count) in ["used", "idle", "waiting"].into_iter().zip(observed.connections) {
            self.connections.get_or_create(&[("state", state)]).set(count);
        }
        for (state, count) in ["running", "waiting"].into_iter().zip(observed.hashes) {
            self.hashes.get_or_create(&[("state", state)]).set(count);
        }
        self.cache_staleness.set(observed.cache_staleness.unwrap_or_default().as_secs_f64());
        let (lag, unsealed) = observed.unsealed;
        self.sealer_lag.set(lag.as_secs_f64());
        self.unsealed.set(unsealed);
        let [expiring, lasting] = observed.credentials;
        self.credentials_expiring.set(expiring);
        self.operators_lasting.set(lasting);
        match observed.next_expiry {
            Some(at) => {
                self.credential_expiry.get_or_create(&[]).set(whole(at));
            }
            None => self.credential_expiry.clear(),
        }
        self.log_lines_lost.inner().store(observed.log_lines_lost, Ordering::Relaxed);
        self.open_files.set(observed.open_files);
        self.memory.set(observed.memory);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// What `render` answers with.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

fn register<M: prometheus_client::registry::Metric + Clone>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact for millions of years")]
const fn whole(seconds: i64) -> f64 {
    seconds as f64
}
