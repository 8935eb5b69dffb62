//! `SessionService`.

mod parse;
mod render;

pub(crate) use render::session;

crate::door::handlers! { SessionService in session_service_server {
    act introspect(IntrospectRequest) -> IntrospectResponse = parse::introspect, render::introspected;
    act refresh_session(RefreshSessionRequest) -> RefreshSessionResponse = parse::refresh, render::refreshed;
    act list_sessions(ListSessionsRequest) -> ListSessionsResponse = parse::list, render::listed;
    act revoke_all_sessions(RevokeAllSessionsRequest) -> RevokeAllSessionsResponse = parse::revoke_all, render::all_revoked;
    act list_trusted_devices(ListTrustedDevicesRequest) -> ListTrustedDevicesResponse = parse::list_devices, render::devices_listed;
    act revoke_trusted_device(RevokeTrustedDeviceRequest) -> RevokeTrustedDeviceResponse = parse::revoke_device, render::device_revoked;
    act issue_assertion(IssueAssertionRequest) -> IssueAssertionResponse = parse::issue_assertion, render::issued;
    act get_jwks(GetJwksRequest) -> GetJwksResponse = parse::jwks, render::jwks;
    act revoke_session(RevokeSessionRequest) -> RevokeSessionResponse = parse::revoke, render::revoked;
} }
