use tidegate_proto as proto;
use tidegate_service::realms::{CreateRealm, GetRealm, ListRealms};

use crate::form::Form;

pub(super) fn create(message: proto::CreateRealmRequest, form: &mut Form) -> Option<CreateRealm> {
    let key = form.text("key", &message.key);
    let title = form.text("title", &message.title);
    Some(CreateRealm { key: key?, title: title? })
}

pub(super) fn get(message: proto::GetRealmRequest, form: &mut Form) -> Option<GetRealm> {
    Some(GetRealm { realm: form.text("realm", &message.realm)? })
}

pub(super) fn list(message: proto::ListRealmsRequest, form: &mut Form) -> Option<ListRealms> {
    Some(ListRealms { page: form.page(message.page_size, &message.page_token)? })
}
