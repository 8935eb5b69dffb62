//! `AccountService`.

mod export;
mod import;
mod parse;
mod render;

use crate::stream::Pulled;

crate::door::handlers! { AccountService in account_service_server {
    act create_account(CreateAccountRequest) -> CreateAccountResponse = parse::create, render::created;
    show get_account(GetAccountRequest) -> GetAccountResponse = parse::get, render::got;
    show lookup_account(LookupAccountRequest) -> LookupAccountResponse = parse::lookup, render::found;
    show list_accounts(ListAccountsRequest) -> ListAccountsResponse = parse::list, render::listed;
    act update_account(UpdateAccountRequest) -> UpdateAccountResponse = parse::update, render::updated;
    act request_email_verification(RequestEmailVerificationRequest) -> RequestEmailVerificationResponse
        = parse::request_email_verification, render::sent;
    act confirm_email(ConfirmEmailRequest) -> ConfirmEmailResponse = parse::confirm_email, render::confirmed;
    act request_email_change(RequestEmailChangeRequest) -> RequestEmailChangeResponse
        = parse::request_email_change, render::email_change;
    act report_not_me(ReportNotMeRequest) -> ReportNotMeResponse = parse::report_not_me, render::not_me;
    act list_activity(ListActivityRequest) -> ListActivityResponse = parse::list_activity, render::activities;
    act request_phone_change(RequestPhoneChangeRequest) -> RequestPhoneChangeResponse
        = parse::request_phone_change, render::phone_change;
    act confirm_phone_change(ConfirmPhoneChangeRequest) -> ConfirmPhoneChangeResponse
        = parse::confirm_phone_change, render::phone_changed;
    act set_password(SetPasswordRequest) -> SetPasswordResponse = parse::set_password, render::password_set;
    act change_password(ChangePasswordRequest) -> ChangePasswordResponse
        = parse::change_password, render::password_changed;
    act suspend_account(SuspendAccountRequest) -> SuspendAccountResponse = parse::suspend, render::suspended;
    act reactivate_account(ReactivateAccountRequest) -> ReactivateAccountResponse
        = parse::reactivate, render::reactivated;
    act lockdown_account(LockdownAccountRequest) -> LockdownAccountResponse = parse::lockdown, render::locked_down;
    act delete_account(DeleteAccountRequest) -> DeleteAccountResponse = parse::delete, render::deleted;
    act undelete_account(UndeleteAccountRequest) -> UndeleteAccountResponse = parse::undelete, render::undeleted;
    act issue_access_pass(IssueAccessPassRequest) -> IssueAccessPassResponse
        = parse::issue_access_pass, render::pass_mailed;
    + {
        type ExportAccountStream = Pulled<export::AccountLines>;
        async fn export_account(
            &self,
            request: tonic::Request<tidegate_proto::ExportAccountRequest>,
        ) -> Result<tonic::Response<Pulled<export::AccountLines>>, tonic::Status> {
            export::begin(self, request).await
        }

        async fn import_accounts(
            &self,
            request: tonic::Request<tonic::Streaming<tidegate_proto::ImportAccountsRequest>>,
        ) -> Result<tonic::Response<tidegate_proto::ImportAccountsResponse>, tonic::Status> {
            import::import(self, request).await
        }
    }
} }
