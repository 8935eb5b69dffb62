use tidegate_core::{ClientContext, Email, ProductKey, Secret};
use tidegate_proto as proto;
use tidegate_service::accounts::{
    AccountChange, ConfirmEmail, ConfirmPhoneChange, ConfirmedBy, CreateAccount, GetAccount, ListAccounts,
    LookupAccount, MAX_PASSWORD_BYTES, RequestEmailChange, RequestEmailVerification, RequestPhoneChange,
    UpdateAccount,
};
use tidegate_service::{
    notices::{ListActivity, NotMeSaid, ReportNotMe},
    passwords::{ChangePassword, SetPassword},
    support::{
        BeginAccountExport, DeleteAccount, IssueAccessPass, LockdownAccount, ReactivateAccount,
        SuspendAccount, UndeleteAccount,
    },
};

use crate::{answer::MAX_CODE_BYTES, enrollments::phone, form::Form};

pub(super) fn create(message: proto::CreateAccountRequest, form: &mut Form) -> Option<CreateAccount> {
    let external_id = form.optional("external_id", &message.external_id);
    let email = email(form, &message.email);
    let country = form.optional("country", &message.country);
    let customer = form.optional("customer", &message.customer);
    let labels = form.labels(message.labels);
    let password = match message.password {
        none if none.is_empty() => Some(None),
        password => form.secret("password", password, MAX_PASSWORD_BYTES).map(Some),
    };
    let product = form.optional("product", &message.product);
    if message.external_id.is_empty() && message.email.is_empty() {
        form.note::<()>("external_id", "must be given when there is no email");
    }
    Some(CreateAccount {
        external_id: external_id?,
        email: email?,
        country: country?,
        customer: customer?,
        labels: labels?,
        password: password?,
        product: product?,
    })
}

pub(super) fn update(message: proto::UpdateAccountRequest, form: &mut Form) -> Option<UpdateAccount> {
    let account = form.account("account", &message.account);
    let mut change = AccountChange::default();
    for path in form.mask(message.update_mask) {
        match path.as_str() {
            "country" => change.country = form.optional("country", &message.country),
            "customer" => change.customer = form.optional("customer", &message.customer),
            "labels" => change.labels = form.labels(message.labels.clone()),
            unknown => form.unknown_path(unknown),
        }
    }
    Some(UpdateAccount { account: account?, change })
}

/// Empty means none.
pub(super) fn email(form: &mut Form, text: &str) -> Option<Option<Email>> {
    if text.is_empty() {
        return Some(None);
    }
    match Email::parse(text) {
        Ok(email) => Some(Some(email)),
        Err(error) => form.note("email", error),
    }
}

pub(super) fn get(message: proto::GetAccountRequest, form: &mut Form) -> Option<GetAccount> {
    Some(GetAccount { account: form.account("account", &message.account)? })
}

pub(super) fn lookup(message: proto::LookupAccountRequest, form: &mut Form) -> Option<LookupAccount> {
    Some(LookupAccount { email: form.identifier("email", &message.email)? })
}

pub(super) fn list(message: proto::ListAccountsRequest, form: &mut Form) -> Option<ListAccounts> {
    let filter = message.filter.unwrap_or_default();
    let country = form.within("filter", |form| form.optional("country", &filter.country));
    let page = form.page(message.page_size, &message.page_token);
    Some(ListAccounts { country: country?, page: page? })
}

pub(super) fn request_email_verification(
    message: proto::RequestEmailVerificationRequest,
    form: &mut Form,
) -> Option<RequestEmailVerification> {
    Some(RequestEmailVerification { subject: form.subject(message.subject)? })
}

pub(super) fn confirm_email(message: proto::ConfirmEmailRequest, form: &mut Form) -> Option<ConfirmEmail> {
    let token = form.token("token", message.token, "tgl_");
    let by = match (message.subject, message.new_password) {
        (None, none) if none.is_empty() => Some(ConfirmedBy::Nothing),
        (subject, none) if none.is_empty() => form.subject(subject).map(ConfirmedBy::Session),
        (subject, password) => {
            let product = form.text("product", &message.product);
            let password = form.secret("new_password", password, MAX_PASSWORD_BYTES);
            let client = form.client(message.client);
            if subject.is_some() {
                form.subject(subject);
                form.note::<()>("new_password", "must not be set with a subject");
            }
            by_new_password(product, password, client)
        }
    };
    Some(ConfirmEmail { token: token?, proved_by: by? })
}

fn by_new_password(
    product: Option<ProductKey>,
    password: Option<Secret<String>>,
    client: Option<ClientContext>,
) -> Option<ConfirmedBy> {
    Some(ConfirmedBy::NewPassword { product: product?, password: password?, client: client? })
}

pub(super) fn request_email_change(
    message: proto::RequestEmailChangeRequest,
    form: &mut Form,
) -> Option<RequestEmailChange> {
    let subject = form.subject(message.subject);
    let email = match email(form, &message.email) {
        Some(None) => form.note("email", "must be set"),
        email => email.flatten(),
    };
    Some(RequestEmailChange { subject: subject?, email: email? })
}

pub(super) fn report_not_me(message: proto::ReportNotMeRequest, form: &mut Form) -> Option<ReportNotMe> {
    let said = if message.token.is_empty() {
        form.subject(message.subject).map(NotMeSaid::Session)
    } else {
        let token = form.token("token", message.token, "tgl_");
        let product = form.text("product", &message.product);
        let client = form.client(message.client);
        if message.subject.is_some() {
            form.subject(message.subject);
            form.note::<()>("subject", "must not be set with a token");
        }
        by_link(token, product, client)
    };
    Some(ReportNotMe { said: said? })
}

fn by_link(
    token: Option<Secret<String>>,
    product: Option<ProductKey>,
    client: Option<ClientContext>,
) -> Option<NotMeSaid> {
    Some(NotMeSaid::Link { token: token?, product: product?, client: client? })
}

pub(super) fn list_activity(message: proto::ListActivityRequest, form: &mut Form) -> Option<ListActivity> {
    let subject = form.subject(message.subject);
    let page = form.page(message.page_size, &message.page_token);
    Some(ListActivity { subject: subject?, page: page? })
}

pub(super) fn request_phone_change(
    message: proto::RequestPhoneChangeRequest,
    form: &mut Form,
) -> Option<RequestPhoneChange> {
    let subject = form.subject(message.subject);
    let phone = phone(form, &message.phone);
    Some(RequestPhoneChange { subject: subject?, phone: phone? })
}

pub(super) fn confirm_phone_change(
    message: proto::ConfirmPhoneChangeRequest,
    form: &mut Form,
) -> Option<ConfirmPhoneChange> {
    let subject = form.subject(message.subject);
    let enrollment = form.text("enrollment_id", &message.enrollment_id);
    let code = form.secret("code", message.code, MAX_CODE_BYTES);
    Some(ConfirmPhoneChange { subject: subject?, enrollment: enrollment?, code: code? })
}

pub(super) fn set_password(message: proto::SetPasswordRequest, form: &mut Form) -> Option<SetPassword> {
    let subject = form.subject(message.subject);
    let password = form.secret("password", message.password, MAX_PASSWORD_BYTES);
    Some(SetPassword { subject: subject?, password: password? })
}

pub(super) fn change_password(
    message: proto::ChangePasswordRequest,
    form: &mut Form,
) -> Option<ChangePassword> {
    let subject = form.subject(message.subject);
    let current = form.secret("current_password", message.current_password, MAX_PASSWORD_BYTES);
    let new = form.secret("new_password", message.new_password, MAX_PASSWORD_BYTES);
    Some(ChangePassword { subject: subject?, current: current?, new: new? })
}

macro_rules! cases {
    ($($name:ident($request:ident) -> $command:ident;)+) => { $(
        pub(super) fn $name(message: proto::$request, form: &mut Form) -> Option<$command> {
            form.case(&message.account, &message.product, &message.reason).map($command)
        }
    )+ };
}

cases! {
    suspend(SuspendAccountRequest) -> SuspendAccount;
    reactivate(ReactivateAccountRequest) -> ReactivateAccount;
    lockdown(LockdownAccountRequest) -> LockdownAccount;
    delete(DeleteAccountRequest) -> DeleteAccount;
    undelete(UndeleteAccountRequest) -> UndeleteAccount;
    issue_access_pass(IssueAccessPassRequest) -> IssueAccessPass;
}

pub(super) fn export(message: proto::ExportAccountRequest, form: &mut Form) -> Option<BeginAccountExport> {
    let account = form.account("account", &message.account);
    let reason = form.text("reason", &message.reason);
    Some(BeginAccountExport { account: account?, reason: reason? })
}
