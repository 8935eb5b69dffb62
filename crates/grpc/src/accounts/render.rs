use tidegate_core::{Account, AccountState, Answered};
use tidegate_proto as proto;
use tidegate_service::{
    Page,
    accounts::{PhoneChange, Sent},
    enrollments::EnrollmentCompletion,
    passwords::{PasswordChange, PasswordSet},
};

use crate::render::{answered, count, labels, page_token, timestamp};

pub(super) fn created(account: Account) -> proto::CreateAccountResponse {
    proto::CreateAccountResponse { account: Some(self::account(account)) }
}

pub(super) fn got(account: Account) -> proto::GetAccountResponse {
    proto::GetAccountResponse { account: Some(self::account(account)) }
}

pub(super) fn updated(account: Account) -> proto::UpdateAccountResponse {
    proto::UpdateAccountResponse { account: Some(self::account(account)) }
}

pub(super) fn found(account: Account) -> proto::LookupAccountResponse {
    proto::LookupAccountResponse { account: Some(self::account(account)) }
}

pub(super) fn listed(page: Page<Account>) -> proto::ListAccountsResponse {
    let accounts = page.items.into_iter().map(account).collect();
    proto::ListAccountsResponse { accounts, next_page_token: page_token(page.next) }
}

pub(super) fn sent(sent: Sent) -> proto::RequestEmailVerificationResponse {
    let expire_time = Some(timestamp(sent.expires_at));
    proto::RequestEmailVerificationResponse { sent_to: sent.to, expire_time }
}

pub(super) fn confirmed(outcome: Answered) -> proto::ConfirmEmailResponse {
    proto::ConfirmEmailResponse { outcome: answered(outcome).0.into() }
}

pub(super) fn phone_change(change: PhoneChange) -> proto::RequestPhoneChangeResponse {
    let expire_time = Some(timestamp(change.expires_at));
    let enrollment_id = change.enrollment.to_string();
    proto::RequestPhoneChangeResponse { enrollment_id, sent_to: change.to, expire_time }
}

pub(super) fn phone_changed(completed: EnrollmentCompletion) -> proto::ConfirmPhoneChangeResponse {
    let (outcome, tries_left, retry_time) = answered(completed.outcome);
    proto::ConfirmPhoneChangeResponse { outcome: outcome.into(), tries_left, retry_time }
}

pub(super) fn password_set(_: PasswordSet) -> proto::SetPasswordResponse {
    proto::SetPasswordResponse {}
}

pub(super) fn password_changed(change: PasswordChange) -> proto::ChangePasswordResponse {
    let (outcome, tries_left, retry_time) = answered(change.outcome);
    let ended_session_count = count(change.ended);
    proto::ChangePasswordResponse { outcome: outcome.into(), tries_left, retry_time, ended_session_count }
}

fn account(account: Account) -> proto::Account {
    let state = match account.state {
        AccountState::Active => proto::AccountState::Active,
        AccountState::Suspended => proto::AccountState::Suspended,
    };
    let verified_at = account.contact.as_ref().and_then(|contact| contact.verified_at);
    let email = account.contact.map(|contact| contact.email.as_typed().to_owned());
    proto::Account {
        id: account.id.to_string(),
        external_id: account.external_id.map(String::from).unwrap_or_default(),
        email: email.unwrap_or_default(),
        email_verify_time: verified_at.map(timestamp),
        country: account.country.map(String::from).unwrap_or_default(),
        state: state.into(),
        two_step_time: account.two_step_since.map(timestamp),
        create_time: Some(timestamp(account.created_at)),
        customer: account.customer.map(String::from).unwrap_or_default(),
        labels: labels(account.labels),
    }
}
