//! `RealmService`.

mod parse;
mod render;

crate::door::handlers! { RealmService in realm_service_server {
    act create_realm(CreateRealmRequest) -> CreateRealmResponse = parse::create, render::created;
    ask get_realm(GetRealmRequest) -> GetRealmResponse = parse::get, render::got;
    ask list_realms(ListRealmsRequest) -> ListRealmsResponse = parse::list, render::listed;
} }
