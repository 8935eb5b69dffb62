use tidegate_core::{MAX_ASSERTION, Span};
use tidegate_proto as proto;
use tidegate_service::sessions::{
    GetJwks, Introspect, IssueAssertion, ListSessions, ListTrustedDevices, RefreshSession, RevokeAllSessions,
    RevokeSession, RevokeTrustedDevice,
};

use crate::form::Form;

pub(super) fn introspect(message: proto::IntrospectRequest, form: &mut Form) -> Option<Introspect> {
    Some(Introspect { token: form.token("session_token", message.session_token, "tgs_")? })
}

pub(super) fn refresh(message: proto::RefreshSessionRequest, form: &mut Form) -> Option<RefreshSession> {
    let token = form.token("refresh_token", message.refresh_token, "tgf_");
    let client = form.client(message.client);
    Some(RefreshSession { token: token?, client: client? })
}

const LIFETIME: (Span, Span, &str) = (Span::seconds(1), MAX_ASSERTION, "1 second to 5 minutes");

pub(super) fn issue_assertion(
    message: proto::IssueAssertionRequest,
    form: &mut Form,
) -> Option<IssueAssertion> {
    let subject = form.subject(message.subject);
    let audience = form.optional("audience", &message.audience);
    let lifetime = form.span("lifetime", message.lifetime, LIFETIME);
    Some(IssueAssertion { subject: subject?, audience: audience?, lifetime: lifetime? })
}

#[expect(clippy::unnecessary_wraps, reason = "every parser has this form")]
pub(super) fn jwks(_: proto::GetJwksRequest, _: &mut Form) -> Option<GetJwks> {
    Some(GetJwks)
}

pub(super) fn revoke(message: proto::RevokeSessionRequest, form: &mut Form) -> Option<RevokeSession> {
    let subject = form.subject(message.subject);
    let session = form.optional("session_id", &message.session_id);
    Some(RevokeSession { subject: subject?, session: session? })
}

pub(super) fn list(message: proto::ListSessionsRequest, form: &mut Form) -> Option<ListSessions> {
    Some(ListSessions { subject: form.subject(message.subject)? })
}

pub(super) fn revoke_all(
    message: proto::RevokeAllSessionsRequest,
    form: &mut Form,
) -> Option<RevokeAllSessions> {
    Some(RevokeAllSessions { subject: form.subject(message.subject)?, keep_own: message.keep_own })
}

pub(super) fn list_devices(
    message: proto::ListTrustedDevicesRequest,
    form: &mut Form,
) -> Option<ListTrustedDevices> {
    Some(ListTrustedDevices { subject: form.subject(message.subject)? })
}

pub(super) fn revoke_device(
    message: proto::RevokeTrustedDeviceRequest,
    form: &mut Form,
) -> Option<RevokeTrustedDevice> {
    let subject = form.subject(message.subject);
    let product = form.text("product", &message.product);
    let device = form.text("device_id", &message.device_id);
    Some(RevokeTrustedDevice { subject: subject?, product: product?, device: device? })
}
