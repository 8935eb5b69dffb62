//! Values that look right and are not. Each is refused with the name of its field, and not stored.

mod addresses;
mod texts;
mod times;

use tidegate_client::Refused;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use crate::test_server::timestamp;

/// The one field that is wrong, and why.
#[track_caller]
fn wrong(refused: &Refused) -> (&str, &str) {
    assert_eq!(
        (refused.code, refused.name()),
        (tonic::Code::InvalidArgument, "INVALID_REQUEST"),
        "{refused}"
    );
    let [wrong] = refused.violations.as_slice() else { panic!("{refused}") };
    (&wrong.field, &wrong.description)
}

fn credential(holder: &str, expires_at: Option<Timestamp>) -> proto::CreateCredentialRequest {
    proto::CreateCredentialRequest {
        role: proto::RoleType::Frontend.into(),
        all_products: true,
        title: "Kasa app".into(),
        holder: holder.into(),
        expire_time: expires_at.map(timestamp),
        ..Default::default()
    }
}

fn product(title: &str, link_url: &str) -> proto::CreateProductRequest {
    let settings = proto::ProductSettings { link_url: link_url.into(), ..Default::default() };
    proto::CreateProductRequest {
        key: "kasa".into(),
        title: title.into(),
        settings: Some(settings),
        ..Default::default()
    }
}
