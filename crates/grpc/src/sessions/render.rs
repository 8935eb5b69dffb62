use tidegate_core::Introspected;
use tidegate_proto as proto;
use tidegate_service::sessions::{Answer, Revoked};

use crate::render::{level, proofs, requirement, timestamp};

pub(super) fn introspected(answer: Answer) -> proto::IntrospectResponse {
    proto::IntrospectResponse { active: answer.0.is_some(), session: answer.0.map(session) }
}

pub(super) fn revoked(revoked: Revoked) -> proto::RevokeSessionResponse {
    proto::RevokeSessionResponse { ended: revoked.0 }
}

pub(crate) fn session(introspected: Introspected) -> proto::Session {
    let session = introspected.session;
    let restricted = session.is_restricted();
    proto::Session {
        id: session.id.to_string(),
        account_id: session.account.to_string(),
        product: session.product.into(),
        level: level(introspected.level).into(),
        proofs: proofs(&session.proofs),
        trusted: session.trusted,
        met: requirement(session.met).into(),
        create_time: Some(timestamp(session.created_at)),
        expire_time: Some(timestamp(session.expires_at)),
        reauth_time: introspected.reauth_by.map(timestamp),
        restricted,
    }
}
