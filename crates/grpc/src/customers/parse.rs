use tidegate_proto as proto;
use tidegate_service::customers::{
    CreateCustomer, CustomerChange, GetCustomer, ListCustomers, UpdateCustomer,
};

use crate::form::Form;

pub(super) fn create(message: proto::CreateCustomerRequest, form: &mut Form) -> Option<CreateCustomer> {
    let key = form.text("key", &message.key);
    let title = form.text("title", &message.title);
    let country = form.optional("country", &message.country);
    let labels = form.labels(message.labels);
    let created_at = form.time("create_time", message.create_time);
    Some(CreateCustomer {
        key: key?,
        title: title?,
        country: country?,
        labels: labels?,
        created_at: created_at?,
    })
}

pub(super) fn get(message: proto::GetCustomerRequest, form: &mut Form) -> Option<GetCustomer> {
    Some(GetCustomer { customer: form.text("customer", &message.customer)? })
}

pub(super) fn list(message: proto::ListCustomersRequest, form: &mut Form) -> Option<ListCustomers> {
    Some(ListCustomers { page: form.page(message.page_size, &message.page_token)? })
}

pub(super) fn update(message: proto::UpdateCustomerRequest, form: &mut Form) -> Option<UpdateCustomer> {
    let customer = form.text("customer", &message.customer);
    let etag = form.etag(&message.etag);
    let mut change = CustomerChange::default();
    for path in form.mask(message.update_mask) {
        match path.as_str() {
            "title" => change.title = form.text("title", &message.title),
            "country" => change.country = form.optional("country", &message.country),
            "labels" => change.labels = form.labels(message.labels.clone()),
            unknown => form.unknown_path(unknown),
        }
    }
    Some(UpdateCustomer { customer: customer?, etag: etag?, change })
}
