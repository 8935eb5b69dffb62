use tidegate_proto::{self as proto, begin_sign_in_request::FirstFactor as First};
use tidegate_service::{
    accounts::MAX_PASSWORD_BYTES,
    passwords::{BeginRecovery, CompleteRecovery},
    sign_ins::{
        BeginSignIn, CancelSignIn, CompleteSignIn, CreatePasskeyRequest, FirstFactor, GetSignIn, RedeemLink,
    },
};

use crate::{answer::MAX_CREDENTIAL_BYTES, form::Form};

pub(super) fn create_passkey_request(
    message: proto::CreatePasskeyRequestRequest,
    form: &mut Form,
) -> Option<CreatePasskeyRequest> {
    let (product, client) = (form.text("product", &message.product), form.client(message.client));
    Some(CreatePasskeyRequest { product: product?, client: client? })
}

pub(super) fn begin(message: proto::BeginSignInRequest, form: &mut Form) -> Option<BeginSignIn> {
    let product = form.text("product", &message.product);
    let first = match message.first_factor {
        None => form.note("first_factor", "must be password or passkey_json"),
        Some(First::Password(password)) => {
            let identifier = form.identifier("identifier", &message.identifier);
            let password = form.secret("password", password, MAX_PASSWORD_BYTES);
            identifier
                .zip(password)
                .map(|(identifier, password)| FirstFactor::Password { identifier, password })
        }
        Some(First::PasskeyJson(json)) => {
            let json = form.secret("passkey_json", json, MAX_CREDENTIAL_BYTES).map(FirstFactor::Passkey);
            if message.identifier.is_empty() {
                json
            } else {
                form.note("identifier", "must be empty with a passkey")
            }
        }
        Some(First::Asserted(_)) => form.note("asserted", "must not be set: it is not taken yet"),
    };
    let client = form.client(message.client);
    let device_token = match message.device_token {
        none if none.is_empty() => Some(None),
        token => form.token("device_token", token, "tgd_").map(Some),
    };
    Some(BeginSignIn { product: product?, first: first?, client: client?, device_token: device_token? })
}

pub(super) fn get(message: proto::GetSignInRequest, form: &mut Form) -> Option<GetSignIn> {
    Some(GetSignIn { subject: form.subject(message.subject)? })
}

pub(super) fn complete(message: proto::CompleteSignInRequest, form: &mut Form) -> Option<CompleteSignIn> {
    let subject = form.subject(message.subject)?;
    Some(CompleteSignIn { subject, remember_device: message.remember_device })
}

pub(super) fn cancel(message: proto::CancelSignInRequest, form: &mut Form) -> Option<CancelSignIn> {
    Some(CancelSignIn { subject: form.subject(message.subject)? })
}

pub(super) fn redeem_link(message: proto::RedeemLinkRequest, form: &mut Form) -> Option<RedeemLink> {
    Some(RedeemLink { token: form.token("token", message.token, "tgl_")? })
}

pub(super) fn begin_recovery(message: proto::BeginRecoveryRequest, form: &mut Form) -> Option<BeginRecovery> {
    let product = form.text("product", &message.product);
    let identifier = form.identifier("identifier", &message.identifier);
    let client = form.client(message.client);
    Some(BeginRecovery { product: product?, identifier: identifier?, client: client? })
}

pub(super) fn complete_recovery(
    message: proto::CompleteRecoveryRequest,
    form: &mut Form,
) -> Option<CompleteRecovery> {
    let product = form.text("product", &message.product);
    let token = form.token("token", message.token, "tgl_");
    let password = form.secret("password", message.password, MAX_PASSWORD_BYTES);
    let client = form.client(message.client);
    Some(CompleteRecovery { product: product?, token: token?, password: password?, client: client? })
}
