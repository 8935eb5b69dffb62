//! The calls of one method. The handlers of the hot methods take microseconds, so nothing is looked up here after the first
//! call with a status.

use std::{sync::OnceLock, time::Duration};

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use crate::{Counters, Histograms, Labels};

/// The names of gRPC's status codes, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const UNKNOWN: usize = 2;

/// The name of a status. A number that is no status of gRPC is UNKNOWN.
pub fn code_name(code: usize) -> &'static str {
    CODES.get(code).copied().unwrap_or("UNKNOWN")
}

pub struct MethodCalls {
    labels: Labels<2>,
    all: Counters<3>,
    counters: [OnceLock<Counter>; CODES.len()],
    all_seconds: Histograms<2>,
    seconds: OnceLock<Histogram>,
}

impl MethodCalls {
    pub(crate) fn new(all: Counters<3>, all_seconds: Histograms<2>, labels: Labels<2>) -> Self {
        Self { labels, all, counters: Default::default(), all_seconds, seconds: OnceLock::new() }
    }

    /// Counts one call. A number that is no status of gRPC counts as UNKNOWN.
    pub fn ended(&self, code: usize, time: Duration) {
        let code = if code < CODES.len() { code } else { UNKNOWN };
        if let (Some(counter), Some(name)) = (self.counters.get(code), CODES.get(code)) {
            let [service, method] = self.labels;
            counter.get_or_init(|| self.all.get_or_create_owned(&[service, method, ("code", *name)])).inc();
        }
        let seconds = self.seconds.get_or_init(|| self.all_seconds.get_or_create_owned(&self.labels));
        seconds.observe(time.as_secs_f64());
    }
}
