use tidegate_core::{Products, Role, Span};
use tidegate_proto as proto;
use tidegate_service::access::{
    CreateCredential, ListCredentials, RevokeCredential, RotateCredential, WhoAmI,
};

use crate::form::Form;

#[expect(clippy::unnecessary_wraps, reason = "every parser has this form")]
pub(super) fn who_am_i(_: proto::WhoAmIRequest, _: &mut Form) -> Option<WhoAmI> {
    Some(WhoAmI)
}

pub(super) fn create(message: proto::CreateCredentialRequest, form: &mut Form) -> Option<CreateCredential> {
    let role = form.word("role", message.role, role);
    let products = products(&message, form);
    let title = form.text("title", &message.title);
    let holder = form.text("holder", &message.holder);
    let expires_at = form.time("expire_time", message.expire_time);
    Some(CreateCredential {
        role: role?,
        products: products?,
        title: title?,
        holder: holder?,
        expires_at: expires_at?,
    })
}

fn products(message: &proto::CreateCredentialRequest, form: &mut Form) -> Option<Products> {
    match (message.all_products, message.products.is_empty()) {
        (true, true) => Some(Products::All),
        (false, false) => form.texts("products", &message.products).map(Products::Only),
        (true, false) => form.note("products", "must be empty with all_products"),
        (false, true) => form.note("products", "must name a product, or all_products be set"),
    }
}

pub(super) fn list(message: proto::ListCredentialsRequest, form: &mut Form) -> Option<ListCredentials> {
    Some(ListCredentials { page: form.page(message.page_size, &message.page_token)? })
}

pub(super) fn revoke(message: proto::RevokeCredentialRequest, form: &mut Form) -> Option<RevokeCredential> {
    Some(RevokeCredential { credential: form.text("credential", &message.credential)? })
}

/// How long an old secret is accepted if the request does not say.
const OVERLAP: Span = Span::hours(24);
const OVERLAPS: (Span, Span, &str) = (Span::ZERO, Span::days(30), "0 to 30 days");

pub(super) fn rotate(message: proto::RotateCredentialRequest, form: &mut Form) -> Option<RotateCredential> {
    let credential = form.text("credential", &message.credential);
    let overlap = form.span("overlap", message.overlap, OVERLAPS);
    Some(RotateCredential { credential: credential?, overlap: overlap?.unwrap_or(OVERLAP) })
}

fn role(wire: proto::RoleType) -> Option<Role> {
    use proto::RoleType as Wire;
    Some(match wire {
        Wire::Unspecified => return None,
        Wire::Operator => Role::Operator,
        Wire::Admin => Role::Admin,
        Wire::Frontend => Role::Frontend,
        Wire::Evaluator => Role::Evaluator,
        Wire::RolloutManager => Role::RolloutManager,
        Wire::RolloutApprover => Role::RolloutApprover,
        Wire::Support => Role::Support,
        Wire::Auditor => Role::Auditor,
        Wire::DeviceApp => Role::DeviceApp,
    })
}
