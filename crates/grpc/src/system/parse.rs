use tidegate_proto as proto;
use tidegate_service::system::GetServerInfo;

use crate::form::Form;

#[expect(clippy::unnecessary_wraps, reason = "every parser has this form")]
pub(super) fn info(_: proto::GetServerInfoRequest, _: &mut Form) -> Option<GetServerInfo> {
    Some(GetServerInfo)
}
