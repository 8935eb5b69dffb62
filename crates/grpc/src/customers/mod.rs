//! `CustomerService`.

mod parse;
mod render;

crate::door::handlers! { CustomerService in customer_service_server {
    act create_customer(CreateCustomerRequest) -> CreateCustomerResponse = parse::create, render::created;
    ask get_customer(GetCustomerRequest) -> GetCustomerResponse = parse::get, render::got;
    ask list_customers(ListCustomersRequest) -> ListCustomersResponse = parse::list, render::listed;
    act update_customer(UpdateCustomerRequest) -> UpdateCustomerResponse = parse::update, render::updated;
} }
