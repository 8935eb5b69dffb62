//! `DeliveryService`.

mod parse;
pub(crate) mod render;

crate::door::handlers! { DeliveryService in delivery_service_server {
    ask list_deliveries(ListDeliveriesRequest) -> ListDeliveriesResponse = parse::list, render::listed;
} }
