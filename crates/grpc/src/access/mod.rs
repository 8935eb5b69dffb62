//! `AccessService`.

mod parse;
mod render;

crate::door::handlers! { AccessService in access_service_server {
    ask who_am_i(WhoAmIRequest) -> WhoAmIResponse = parse::who_am_i, render::known;
    act create_credential(CreateCredentialRequest) -> CreateCredentialResponse = parse::create, render::created;
    ask list_credentials(ListCredentialsRequest) -> ListCredentialsResponse = parse::list, render::listed;
    act revoke_credential(RevokeCredentialRequest) -> RevokeCredentialResponse = parse::revoke, render::revoked;
} }
