//! Counts the calls of each method that the server knows.

use std::{collections::HashMap, time::Duration};

use http::Response;
use tidegate_metrics::{MethodCalls, Metrics};
use tonic::body::Body;

use crate::rules::Rules;

pub(crate) struct CallCounts {
    by_path: HashMap<&'static str, MethodCalls>,
    /// Paths that are no method.
    unknown: MethodCalls,
}

/// A method of the server, or none of them.
#[derive(Clone, Copy)]
pub(crate) struct KnownPath(pub(crate) Option<&'static str>);

impl CallCounts {
    pub(crate) fn new(metrics: &Metrics, rules: &Rules) -> Self {
        let of = |path: &'static str| {
            let (service, method) = path.trim_start_matches('/').split_once('/')?;
            let service = service.rsplit_once('.').map_or(service, |(_, name)| name);
            Some((path, metrics.method(service, method)))
        };
        Self { by_path: rules.paths().filter_map(of).collect(), unknown: metrics.method("none", "none") }
    }

    pub(crate) fn known(&self, path: &str) -> KnownPath {
        KnownPath(self.by_path.get_key_value(path).map(|(path, _)| *path))
    }

    /// The time of a stream is that until it began.
    pub(crate) fn ended(&self, KnownPath(path): KnownPath, code: usize, time: Duration) {
        let calls = path.and_then(|path| self.by_path.get(path)).unwrap_or(&self.unknown);
        calls.ended(code, time);
    }
}

/// The status of a call. A successful answer carries it in the trailers, after its body.
pub(crate) fn code(answer: &Response<Body>) -> usize {
    let code = answer.headers().get("grpc-status").and_then(|code| code.to_str().ok());
    code.map_or(0, |code| code.parse().unwrap_or(usize::MAX))
}
