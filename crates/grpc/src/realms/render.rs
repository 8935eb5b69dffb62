use tidegate_core::Realm;
use tidegate_proto as proto;
use tidegate_service::Page;

use crate::render::{page_token, timestamp};

pub(super) fn created(realm: Realm) -> proto::CreateRealmResponse {
    proto::CreateRealmResponse { realm: Some(self::realm(realm)) }
}

pub(super) fn got(realm: Realm) -> proto::GetRealmResponse {
    proto::GetRealmResponse { realm: Some(self::realm(realm)) }
}

pub(super) fn listed(page: Page<Realm>) -> proto::ListRealmsResponse {
    let realms = page.items.into_iter().map(realm).collect();
    proto::ListRealmsResponse { realms, next_page_token: page_token(page.next) }
}

fn realm(realm: Realm) -> proto::Realm {
    proto::Realm {
        id: realm.id.to_string(),
        key: realm.key.into(),
        title: realm.title.into(),
        create_time: Some(timestamp(realm.created_at)),
    }
}
