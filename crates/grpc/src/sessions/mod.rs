//! `SessionService`.

mod parse;
mod render;

pub(crate) use render::session;

crate::door::handlers! { SessionService in session_service_server {
    act introspect(IntrospectRequest) -> IntrospectResponse = parse::introspect, render::introspected;
    act revoke_session(RevokeSessionRequest) -> RevokeSessionResponse = parse::revoke, render::revoked;
} }
