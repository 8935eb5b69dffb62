use tidegate_core::{Level, Session, Timestamp};
use tidegate_proto as proto;
use tidegate_service::sessions::{
    AllRevoked, Answer, DeviceRevoked, IssuedAssertion, Jwks, ListedDevice, ListedSession, Refreshed,
    Revoked, Sessions, TrustedDevices,
};

use crate::render::{count, proofs, requirement, shown, timestamp};

pub(super) fn introspected(answer: Answer) -> proto::IntrospectResponse {
    let session = answer.0.map(|live| session(&live.session, live.level, live.reauth_by));
    proto::IntrospectResponse { active: session.is_some(), session }
}

pub(super) fn refreshed(refreshed: Refreshed) -> proto::RefreshSessionResponse {
    let live = refreshed.introspected;
    let (session_token, secret_withheld) = shown(refreshed.token);
    let (refresh_token, _) = shown(refreshed.refresh_token);
    proto::RefreshSessionResponse {
        session: Some(session(&live.session, live.level, live.reauth_by)),
        session_token,
        refresh_token,
        refresh_expire_time: Some(timestamp(refreshed.refresh_until)),
        secret_withheld,
    }
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

pub(crate) fn session(session: &Session, level: Level, reauth_by: Option<Timestamp>) -> proto::Session {
    proto::Session {
        id: session.id.to_string(),
        account_id: session.account.to_string(),
        product: session.product.as_str().to_owned(),
        level: crate::render::level(level).into(),
        proofs: proofs(&session.proofs),
        trusted: session.trusted,
        met: requirement(session.met).into(),
        create_time: Some(timestamp(session.created_at)),
        expire_time: Some(timestamp(session.expires_at)),
        reauth_time: reauth_by.map(timestamp),
        restricted: session.is_restricted(),
    }
}

pub(super) fn listed(listed: Sessions) -> proto::ListSessionsResponse {
    proto::ListSessionsResponse { sessions: listed.0.into_iter().map(listed_session).collect() }
}

fn listed_session(listed: ListedSession) -> proto::ListedSession {
    let ListedSession { session, level, client, is_own } = listed;
    proto::ListedSession {
        session: Some(self::session(&session, level, None)),
        last_use_time: Some(timestamp(session.last_used_at)),
        device_id: session.device.map(String::from).unwrap_or_default(),
        client,
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
