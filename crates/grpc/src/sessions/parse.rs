use tidegate_proto as proto;
use tidegate_service::sessions::{Introspect, RevokeSession};

use crate::form::Form;

pub(super) fn introspect(message: proto::IntrospectRequest, form: &mut Form) -> Option<Introspect> {
    Some(Introspect { token: form.token("session_token", message.session_token, "tgs_")? })
}

pub(super) fn revoke(message: proto::RevokeSessionRequest, form: &mut Form) -> Option<RevokeSession> {
    let subject = form.subject(message.subject);
    let session = form.optional("session_id", &message.session_id);
    Some(RevokeSession { subject: subject?, session: session? })
}
