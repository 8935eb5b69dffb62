use tidegate_core::Customer;
use tidegate_proto as proto;
use tidegate_service::Page;

use crate::render::{labels, page_token, timestamp};

pub(super) fn created(customer: Customer) -> proto::CreateCustomerResponse {
    proto::CreateCustomerResponse { customer: Some(self::customer(customer)) }
}

pub(super) fn got(customer: Customer) -> proto::GetCustomerResponse {
    proto::GetCustomerResponse { customer: Some(self::customer(customer)) }
}

pub(super) fn updated(customer: Customer) -> proto::UpdateCustomerResponse {
    proto::UpdateCustomerResponse { customer: Some(self::customer(customer)) }
}

pub(super) fn listed(page: Page<Customer>) -> proto::ListCustomersResponse {
    let customers = page.items.into_iter().map(customer).collect();
    proto::ListCustomersResponse { customers, next_page_token: page_token(page.next) }
}

fn customer(customer: Customer) -> proto::Customer {
    proto::Customer {
        key: customer.key.into(),
        id: customer.id.to_string(),
        title: customer.title.into(),
        country: customer.country.map(String::from).unwrap_or_default(),
        labels: labels(customer.labels),
        etag: customer.revision.to_string(),
        create_time: Some(timestamp(customer.created_at)),
        update_time: Some(timestamp(customer.updated_at)),
    }
}
