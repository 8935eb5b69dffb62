//! The spans that leave the program: these, and of each these fields. All other spans, all other fields and all lines of
//! the log stay here, so that no library and no later span tells a collector anything by mistake (INV-47).

use opentelemetry::trace::SpanKind;
use tracing::Metadata;

/// A span of the sources, and how it is shown.
pub struct ExportedSpan {
    target: &'static str,
    name: &'static str,
    pub kind: SpanKind,
    /// What its name begins with.
    pub title: &'static str,
    /// The field that its name ends with.
    pub title_field: Option<&'static str>,
    /// The fields that are its attributes. All have words of closed sets.
    pub attributes: &'static [&'static str],
    pub place: Place,
}

/// Where in a trace a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its beginning in this program. It is made only if it is traced, and may have a parent in the caller's program.
    Call,
    /// At its beginning, for a share of them.
    Task,
    /// Below another one. Without one that is traced, it is not.
    Inside,
}

static SPANS: [ExportedSpan; 6] = [
    ExportedSpan {
        target: "tidegate_grpc::call_span",
        name: "call",
        kind: SpanKind::Server,
        title: "",
        title_field: Some("rpc.method"),
        attributes: &["rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type"],
        place: Place::Call,
    },
    ExportedSpan {
        target: "tidegate_service::app",
        name: "command",
        kind: SpanKind::Internal,
        title: "command ",
        title_field: Some("name"),
        attributes: &[],
        place: Place::Inside,
    },
    ExportedSpan {
        target: "tidegate_store::tx",
        name: "tx",
        kind: SpanKind::Internal,
        title: "tx ",
        title_field: Some("name"),
        attributes: &["db.system.name"],
        place: Place::Inside,
    },
    ExportedSpan {
        target: "tidegate_service",
        name: "password_hash",
        kind: SpanKind::Internal,
        title: "password hash",
        title_field: None,
        attributes: &[],
        place: Place::Inside,
    },
    ExportedSpan {
        target: "tidegate_courier::deliver",
        name: "delivery",
        kind: SpanKind::Internal,
        title: "delivery ",
        title_field: Some("channel"),
        attributes: &["error.type"],
        place: Place::Task,
    },
    ExportedSpan {
        target: "tidegate_courier::deliver",
        name: "send",
        kind: SpanKind::Client,
        title: "send ",
        title_field: Some("channel"),
        attributes: &[],
        place: Place::Inside,
    },
];

impl ExportedSpan {
    pub fn of(metadata: &Metadata<'_>) -> Option<&'static Self> {
        if !metadata.is_span() {
            return None;
        }
        let is_in = |target: &str| {
            metadata
                .target()
                .strip_prefix(target)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        SPANS.iter().find(|span| span.name == metadata.name() && is_in(span.target))
    }
}
