//! `AccessService`.

mod parse;
mod render;

crate::door::handlers! { AccessService in access_service_server {
    ask who_am_i(WhoAmIRequest) -> WhoAmIResponse = parse::who_am_i, render::known;
    act create_credential(CreateCredentialRequest) -> CreateCredentialResponse = parse::create, render::created;
    ask list_credentials(ListCredentialsRequest) -> ListCredentialsResponse = parse::list, render::listed;
    act rotate_credential(RotateCredentialRequest) -> RotateCredentialResponse = parse::rotate, render::rotated;
    act revoke_credential(RevokeCredentialRequest) -> RevokeCredentialResponse = parse::revoke, render::revoked;
} }
