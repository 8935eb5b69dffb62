//! The span of a call, where calls are traced. Names follow OpenTelemetry's conventions for gRPC servers.
//!
//! The hot methods have none: a span costs as much as their answer. Nothing of the request, the answer or the caller is in
//! it, so that no trace holds a secret or says who did what (INV-47).

use http::HeaderMap;
use tidegate_metrics::code_name;
use tonic::Code;
use tracing::{Span, field::Empty};

use crate::call_counts::KnownPath;

/// Decides which calls are traced. The program implements it.
pub trait Tracing: Send + Sync {
    /// Makes the span of a call by `new`, if the call is traced: if its caller asks for it by `traceparent`, or as one of
    /// a share of those whose callers say nothing.
    fn begin(&self, headers: &HeaderMap, new: &dyn Fn() -> Span) -> Option<Span>;
}

/// Methods that are called for each request to a product, and probes.
const UNTRACED: [&str; 3] = [
    "/tidegate.v1.EvaluationService/Evaluate",
    "/tidegate.v1.EvaluationService/BatchEvaluate",
    "/tidegate.v1.SessionService/Introspect",
];

/// A span that is none, if the call is not traced.
pub(crate) fn begin(tracing: &dyn Tracing, KnownPath(path): KnownPath, headers: &HeaderMap) -> Span {
    let method = path.filter(|path| !UNTRACED.contains(path)).and_then(|path| path.strip_prefix('/'));
    // Services of other packages are probes and tools.
    let Some(method) = method.filter(|method| method.starts_with("tidegate.")) else { return Span::none() };
    let new = || {
        tracing::info_span!(
            parent: None,
            "call",
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            "error.type" = Empty,
            is_unknown_caller = Empty,
        )
    };
    tracing.begin(headers, &new).unwrap_or_else(Span::none)
}

pub(crate) fn end(span: &Span, code: usize, is_known_caller: bool) {
    if span.is_none() {
        return;
    }
    let name = code_name(code);
    span.record("rpc.response.status_code", name);
    if is_error(code) {
        span.record("error.type", name);
    }
    if !is_known_caller {
        span.record("is_unknown_caller", true);
    }
}

/// What is an error of the server, and not of its caller.
fn is_error(code: usize) -> bool {
    const ERRORS: [Code; 6] = [
        Code::DataLoss,
        Code::DeadlineExceeded,
        Code::Internal,
        Code::Unavailable,
        Code::Unimplemented,
        Code::Unknown,
    ];
    ERRORS.iter().any(|error| *error as usize == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    #[test]
    fn untraced_methods_are_the_contracts() {
        let rules = Rules::declared().unwrap();
        let paths: Vec<_> = rules.paths().collect();
        assert!(UNTRACED.iter().all(|path| paths.contains(path)), "{UNTRACED:?}");
    }

    #[test]
    fn a_callers_mistake_is_no_error_of_the_server() {
        for code in [Code::Ok, Code::InvalidArgument, Code::NotFound, Code::PermissionDenied] {
            assert!(!is_error(code as usize), "{code:?}");
        }
        assert!(is_error(Code::Internal as usize));
    }
}
