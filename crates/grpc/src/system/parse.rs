use tidegate_proto as proto;
use tidegate_service::system::{GetServerInfo, RotateSigningKey};

use crate::form::Form;

#[expect(clippy::unnecessary_wraps, reason = "every parser has this form")]
pub(super) fn info(_: proto::GetServerInfoRequest, _: &mut Form) -> Option<GetServerInfo> {
    Some(GetServerInfo)
}

#[expect(clippy::unnecessary_wraps, reason = "every parser has this form")]
pub(super) fn rotate_signing_key(
    message: proto::RotateSigningKeyRequest,
    _: &mut Form,
) -> Option<RotateSigningKey> {
    Some(RotateSigningKey { at_once: message.at_once })
}
