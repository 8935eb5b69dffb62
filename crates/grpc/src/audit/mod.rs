//! `AuditService`.

mod parse;
mod render;

crate::door::handlers! { AuditService in audit_service_server {
    ask list_events(ListEventsRequest) -> ListEventsResponse = parse::list, render::listed;
} }
