use tidegate_core::{Credential, Permission, Products, Role, Word as _};
use tidegate_proto as proto;
use tidegate_service::{
    Page,
    access::{NewCredential, RotatedCredential, Self_},
};

use crate::render::{page_token, shown, timestamp};

pub(super) fn known(known: Self_) -> proto::WhoAmIResponse {
    proto::WhoAmIResponse {
        credential: known.credential.map(credential),
        realm: known.realm.into(),
        permissions: known.permissions.into_iter().map(permission).collect(),
    }
}

pub(super) fn created(new: NewCredential) -> proto::CreateCredentialResponse {
    let (token, secret_withheld) = shown(new.token);
    proto::CreateCredentialResponse { credential: Some(credential(new.credential)), token, secret_withheld }
}

pub(super) fn listed(page: Page<Credential>) -> proto::ListCredentialsResponse {
    let credentials = page.items.into_iter().map(credential).collect();
    proto::ListCredentialsResponse { credentials, next_page_token: page_token(page.next) }
}

pub(super) fn rotated(rotated: RotatedCredential) -> proto::RotateCredentialResponse {
    let (token, secret_withheld) = shown(rotated.token);
    proto::RotateCredentialResponse {
        credential: Some(credential(rotated.credential)),
        token,
        secret_withheld,
    }
}

pub(super) fn revoked(revoked: Credential) -> proto::RevokeCredentialResponse {
    proto::RevokeCredentialResponse { credential: Some(credential(revoked)) }
}

fn credential(credential: Credential) -> proto::Credential {
    let (products, all_products) = match credential.products {
        Products::All => (Vec::new(), true),
        Products::Only(products) => (products.into_iter().map(String::from).collect(), false),
    };
    proto::Credential {
        id: credential.id.to_string(),
        role: role(credential.role).into(),
        products,
        all_products,
        title: credential.title.into(),
        holder: credential.holder.into(),
        create_time: Some(timestamp(credential.created_at)),
        expire_time: credential.expires_at.map(timestamp),
        revoke_time: credential.revoked_at.map(timestamp),
        last_use_time: credential.last_used_at.map(timestamp),
        overlap_end_time: credential.previous_until.map(timestamp),
        created_by: credential.created_by.map(String::from).unwrap_or_default(),
        issuers: credential.issuers.names().map(ToString::to_string).collect(),
        issuers_unknown: !credential.issuers.are_known(),
    }
}

fn role(role: Role) -> proto::RoleType {
    use proto::RoleType as Wire;
    match role {
        Role::Operator => Wire::Operator,
        Role::Admin => Wire::Admin,
        Role::Frontend => Wire::Frontend,
        Role::Evaluator => Wire::Evaluator,
        Role::RolloutManager => Wire::RolloutManager,
        Role::RolloutApprover => Wire::RolloutApprover,
        Role::Support => Wire::Support,
        Role::Auditor => Wire::Auditor,
        Role::DeviceApp => Wire::DeviceApp,
    }
}

/// `core` and the contract spell a permission alike; a test compares them.
fn permission(permission: Permission) -> i32 {
    let name = format!("PERMISSION_{}", permission.as_str());
    proto::Permission::from_str_name(&name).unwrap_or_default().into()
}
