use tidegate_core::{Account, AccountState, Answered};
use tidegate_proto as proto;
use tidegate_service::{
    Page, PageToken,
    accounts::{AccountCreation, PhoneChange, Sent},
    enrollments::EnrollmentCompletion,
    notices::{Activities, Activity, NotMeReported},
    passwords::{PasswordChange, PasswordSet},
    support::PassMailed,
};

use crate::{
    deliveries,
    render::{answered, count, labels, method, page_token, timestamp},
};

pub(super) fn created(created: AccountCreation) -> proto::CreateAccountResponse {
    let AccountCreation { account, sent_to } = created;
    proto::CreateAccountResponse {
        account: Some(self::account(account)),
        sent_to: sent_to.unwrap_or_default(),
    }
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

pub(super) fn email_change(sent: Sent) -> proto::RequestEmailChangeResponse {
    let expire_time = Some(timestamp(sent.expires_at));
    proto::RequestEmailChangeResponse { sent_to: sent.to, expire_time }
}

pub(super) fn not_me(reported: NotMeReported) -> proto::ReportNotMeResponse {
    proto::ReportNotMeResponse {
        outcome: answered(reported.outcome).0.into(),
        ended_session_count: count(reported.ended),
        removed_factor_count: count(reported.removed),
        address_restored: reported.address_restored,
        password_demanded: reported.password_demanded,
    }
}

pub(super) fn activities(listed: Activities) -> proto::ListActivityResponse {
    let activities = listed.items.into_iter().map(activity).collect();
    let next_page_token = page_token(listed.next.map(PageToken));
    proto::ListActivityResponse { activities, next_page_token }
}

fn activity(activity: Activity) -> proto::Activity {
    let (channel, purpose) = activity.message.unzip();
    proto::Activity {
        id: activity.id.to_string(),
        event_time: Some(timestamp(activity.at)),
        kind: activity.kind,
        product: activity.product.map(String::from).unwrap_or_default(),
        client: activity.client,
        method: activity.method.map(|one| method(one).into()).unwrap_or_default(),
        session_id: activity.session.map(|id| id.to_string()).unwrap_or_default(),
        sign_in_id: activity.sign_in.map(|id| id.to_string()).unwrap_or_default(),
        message_purpose: purpose.map(|one| deliveries::render::purpose(one).into()).unwrap_or_default(),
        channel: channel.map(|one| deliveries::render::channel(one).into()).unwrap_or_default(),
        detail: activity.detail,
    }
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

macro_rules! moved {
    ($($name:ident -> $response:ident;)+) => { $(
        pub(super) fn $name(account: Account) -> proto::$response {
            proto::$response { account: Some(self::account(account)) }
        }
    )+ };
}

moved! {
    suspended -> SuspendAccountResponse;
    reactivated -> ReactivateAccountResponse;
    locked_down -> LockdownAccountResponse;
    deleted -> DeleteAccountResponse;
    undeleted -> UndeleteAccountResponse;
}

pub(super) fn pass_mailed(mailed: PassMailed) -> proto::IssueAccessPassResponse {
    let expire_time = Some(timestamp(mailed.expires_at));
    proto::IssueAccessPassResponse { sent_to: mailed.to, expire_time }
}

fn account(account: Account) -> proto::Account {
    let state = match account.state {
        AccountState::Active => proto::AccountState::Active,
        AccountState::Suspended => proto::AccountState::Suspended,
        AccountState::LockedDown => proto::AccountState::LockedDown,
        AccountState::Deleted => proto::AccountState::Deleted,
        AccountState::Purged => proto::AccountState::Purged,
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
        delete_time: account.deleted_at.map(timestamp),
        labels: labels(account.labels),
    }
}
