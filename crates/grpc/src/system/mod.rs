//! `SystemService`.

mod parse;
mod render;

crate::door::handlers! { SystemService in system_service_server {
    act rotate_signing_key(RotateSigningKeyRequest) -> RotateSigningKeyResponse
        = parse::rotate_signing_key, render::rotated;
    ask get_server_info(GetServerInfoRequest) -> GetServerInfoResponse = parse::info, render::info;
} }
