use tidegate_proto as proto;
use tidegate_service::system::GetServerInfo;

use crate::form::Form;

pub(super) fn info(_: proto::GetServerInfoRequest, _: &mut Form) -> Option<GetServerInfo> {
    Some(GetServerInfo)
}
