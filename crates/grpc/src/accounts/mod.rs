//! `AccountService`.

mod import;
mod parse;
mod render;

crate::door::handlers! { AccountService in account_service_server {
    act create_account(CreateAccountRequest) -> CreateAccountResponse = parse::create, render::created;
    show get_account(GetAccountRequest) -> GetAccountResponse = parse::get, render::got;
    show lookup_account(LookupAccountRequest) -> LookupAccountResponse = parse::lookup, render::found;
    show list_accounts(ListAccountsRequest) -> ListAccountsResponse = parse::list, render::listed;
    act update_account(UpdateAccountRequest) -> UpdateAccountResponse = parse::update, render::updated;
    act request_email_verification(RequestEmailVerificationRequest) -> RequestEmailVerificationResponse
        = parse::request_email_verification, render::sent;
    act confirm_email(ConfirmEmailRequest) -> ConfirmEmailResponse = parse::confirm_email, render::confirmed;
    act request_phone_change(RequestPhoneChangeRequest) -> RequestPhoneChangeResponse
        = parse::request_phone_change, render::phone_change;
    act confirm_phone_change(ConfirmPhoneChangeRequest) -> ConfirmPhoneChangeResponse
        = parse::confirm_phone_change, render::phone_changed;
    act set_password(SetPasswordRequest) -> SetPasswordResponse = parse::set_password, render::password_set;
    act change_password(ChangePasswordRequest) -> ChangePasswordResponse
        = parse::change_password, render::password_changed;
    + {
        async fn import_accounts(
            &self,
            request: tonic::Request<tonic::Streaming<tidegate_proto::ImportAccountsRequest>>,
        ) -> Result<tonic::Response<tidegate_proto::ImportAccountsResponse>, tonic::Status> {
            import::import(self, request).await
        }
    }
} }
