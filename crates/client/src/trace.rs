//! Traces: the caller's program says for each call which trace it belongs to, and the server takes part in it.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header::Entry};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A place in a trace, as W3C Trace Context spells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// Such as `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    pub traceparent: String,
    /// Empty: there is none.
    pub tracestate: String,
}

/// Is asked before each call. With OpenTelemetry's crates:
///
/// ```text
/// TraceSource::new(|| {
///     let mut carrier = HashMap::<String, String>::new();
///     TraceContextPropagator::new().inject(&mut carrier);
///     let traceparent = carrier.remove("traceparent")?;
///     Some(TraceContext { traceparent, tracestate: carrier.remove("tracestate").unwrap_or_default() })
/// })
/// ```
#[derive(Clone)]
pub struct TraceSource(Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>);

impl TraceSource {
    /// `current` returns the place of the caller's code in its trace. `None`: it is not traced.
    pub fn new(current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    /// A request that brings its own headers keeps them. What is no header is left out: a trace is never worth a call.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        let Some(TraceContext { traceparent, tracestate }) = (self.0)() else { return };
        let (Ok(traceparent), Entry::Vacant(place)) =
            (HeaderValue::from_str(&traceparent), headers.entry(TRACEPARENT))
        else {
            return;
        };
        place.insert(traceparent);
        if let Some(tracestate) = HeaderValue::from_str(&tracestate).ok().filter(|state| !state.is_empty()) {
            headers.insert(TRACESTATE, tracestate);
        }
    }
}

impl fmt::Debug for TraceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceSource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn added(traceparent: &str, tracestate: &str, mut headers: HeaderMap) -> HeaderMap {
        let context = TraceContext { traceparent: traceparent.to_owned(), tracestate: tracestate.to_owned() };
        TraceSource::new(move || Some(context.clone())).add_to(&mut headers);
        headers
    }

    #[test]
    fn the_callers_place_is_sent() {
        let headers = added(PARENT, "vendor=7", HeaderMap::new());
        assert_eq!(
            (&headers[TRACEPARENT], &headers[TRACESTATE]),
            (&PARENT.parse().unwrap(), &"vendor=7".parse().unwrap())
        );
        assert_eq!(added(PARENT, "", HeaderMap::new()).len(), 1);
    }

    #[test]
    fn a_request_may_bring_its_own() {
        let own = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static("own"))]);
        let headers = added(PARENT, "vendor=7", own);
        assert_eq!((headers.len(), &headers[TRACEPARENT]), (1, &HeaderValue::from_static("own")));
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        assert!(added("a\nb", "vendor=7", HeaderMap::new()).is_empty());
        assert_eq!(added(PARENT, "a\nb", HeaderMap::new()).len(), 1);
        let mut headers = HeaderMap::new();
        TraceSource::new(|| None).add_to(&mut headers);
        assert!(headers.is_empty());
    }
}
