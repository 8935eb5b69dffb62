//! The trace that a call belongs to, and whether it is traced: the caller's `traceparent` and `tracestate` (W3C Trace
//! Context), and a share of the calls whose callers send none. A header that cannot be read counts as none.

use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, HeaderName};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

/// The longest list that must be passed on (Trace Context §3.3.1.5). What is longer is left out.
const MAX_TRACESTATE: usize = 512;

/// The span of the caller. `None`: it names none.
pub fn caller(headers: &HeaderMap) -> Option<SpanContext> {
    headers.get("traceparent")?;
    let found = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    Some(found.span().span_context().clone()).filter(SpanContext::is_valid)
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    /// Of several headers, none: a proxy may have added one.
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
        Some(value).filter(|value| key != "tracestate" || value.len() <= MAX_TRACESTATE)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// A share of what is counted: spread evenly, and the first of them all is in it, so that somebody who tries it out sees a
/// trace at once.
pub struct Share {
    /// Of 2^32.
    share: u64,
    turn: AtomicU32,
}

impl Share {
    /// 2^32 divided by the golden ratio: its multiples spread evenly.
    const STEP: u32 = 0x9E37_79B9;

    pub const fn per_mille(share: u32) -> Self {
        Self { share: ((share as u64) << 32) / 1_000, turn: AtomicU32::new(0) }
    }

    pub fn hits(&self) -> bool {
        u64::from(self.turn.fetch_add(Self::STEP, Ordering::Relaxed)) < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn the_callers_span_is_read() {
        let found = caller(&headers(&[("traceparent", PARENT), ("tracestate", "vendor=7")])).unwrap();
        assert_eq!(found.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(found.span_id().to_string(), "00f067aa0ba902b7");
        assert!(found.is_sampled() && found.is_remote());
        assert_eq!(found.trace_state().header(), "vendor=7");
        let found = caller(&headers(&[("traceparent", &PARENT.replace("-01", "-00"))])).unwrap();
        assert!(!found.is_sampled());
    }

    #[test]
    fn what_cannot_be_read_counts_as_none() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert!(caller(&headers(&[("traceparent", text)])).is_none(), "{text}");
        }
        assert!(caller(&headers(&[("traceparent", PARENT), ("traceparent", PARENT)])).is_none(), "two");
        assert!(caller(&headers(&[("tracestate", "vendor=7")])).is_none());
        let long = format!("vendor={}", "7".repeat(600));
        let found = caller(&headers(&[("traceparent", PARENT), ("tracestate", &long)])).unwrap();
        assert_eq!(found.trace_state().header(), "");
    }

    #[test]
    fn a_share_is_spread_evenly_and_the_first_is_in_it() {
        for (per_mille, hit) in [(0, 0), (1, 10), (10, 100), (500, 5_000), (1_000, 10_000)] {
            let share = Share::per_mille(per_mille);
            assert_eq!(share.hits(), per_mille > 0, "{per_mille}");
            let hits = 1 + (1..10_000).filter(|_| share.hits()).count();
            assert!(hit == 0 || hits.abs_diff(hit) <= 1 + hit / 100, "{hits} of {per_mille}");
        }
    }
}
