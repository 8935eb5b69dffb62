use tidegate_core::Introspected;
use tidegate_proto as proto;
use tidegate_service::sessions::{
    AllRevoked, Answer, DeviceRevoked, IssuedAssertion, Jwks, ListedDevice, ListedSession, Revoked, Sessions,
    TrustedDevices,
};

use crate::render::{count, level, proofs, requirement, shown, timestamp};

pub(super) fn introspected(answer: Answer) -> proto::IntrospectResponse {
    proto::IntrospectResponse { active: answer.0.is_some(), session: answer.0.map(session) }
}

pub(super) fn issued(issued: IssuedAssertion) -> proto::IssueAssertionResponse {
    let (assertion, _) = shown(issued.text);
    proto::IssueAssertionResponse { assertion, expire_time: Some(timestamp(issued.expires_at)) }
}

pub(super) fn jwks(jwks: Jwks) -> proto::GetJwksResponse {
    proto::GetJwksResponse { jwks: jwks.set, issuer: jwks.issuer.to_string() }
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

pub(super) fn listed(listed: Sessions) -> proto::ListSessionsResponse {
    proto::ListSessionsResponse { sessions: listed.0.into_iter().map(listed_session).collect() }
}

fn listed_session(listed: ListedSession) -> proto::ListedSession {
    let ListedSession { session, level, client, is_own } = listed;
    let (device, last_used_at) = (session.device.clone(), session.last_used_at);
    proto::ListedSession {
        session: Some(self::session(Introspected { session, level, reauth_by: None })),
        device_id: device.map(String::from).unwrap_or_default(),
        client,
        last_use_time: Some(timestamp(last_used_at)),
        own: is_own,
    }
}

pub(super) fn all_revoked(revoked: AllRevoked) -> proto::RevokeAllSessionsResponse {
    proto::RevokeAllSessionsResponse { ended_count: count(revoked.0) }
}

pub(super) fn devices_listed(listed: TrustedDevices) -> proto::ListTrustedDevicesResponse {
    let devices = listed.0.into_iter().map(|listed| {
        let ListedDevice { product, device, client, first_at, last_at, trusted_until } = listed;
        proto::TrustedDevice {
            product: product.into(),
            device_id: device.into(),
            client,
            create_time: Some(timestamp(first_at)),
            last_sign_in_time: Some(timestamp(last_at)),
            trusted_until_time: trusted_until.map(timestamp),
        }
    });
    proto::ListTrustedDevicesResponse { devices: devices.collect() }
}

pub(super) fn device_revoked(revoked: DeviceRevoked) -> proto::RevokeTrustedDeviceResponse {
    proto::RevokeTrustedDeviceResponse { revoked: revoked.0 }
}
