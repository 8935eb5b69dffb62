use tidegate_proto as proto;
use tidegate_service::system::{RotatedKey, ServerInfo};

use crate::render::timestamp;

pub(super) fn info(info: ServerInfo) -> proto::GetServerInfoResponse {
    proto::GetServerInfoResponse {
        version: info.version.to_owned(),
        database: info.database.to_owned(),
        schema: info.schema,
        server_time: Some(timestamp(info.now)),
        web_push_key: info.web_push_key.unwrap_or_default(),
    }
}

pub(super) fn rotated(rotated: RotatedKey) -> proto::RotateSigningKeyResponse {
    let (key_id, sign_time) = (rotated.id.to_string(), Some(timestamp(rotated.signs_at)));
    proto::RotateSigningKeyResponse { key_id, sign_time }
}
