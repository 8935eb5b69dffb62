//! `SystemService`.

mod parse;
mod render;

crate::door::handlers! { SystemService in system_service_server {
    ask get_server_info(GetServerInfoRequest) -> GetServerInfoResponse = parse::info, render::info;
} }
