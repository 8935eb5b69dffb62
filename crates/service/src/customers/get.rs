//! Reads one customer.

use tidegate_core::{Customer, CustomerKey, Permission, Refusal};
use tidegate_store::customers;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetCustomer {
    pub customer: CustomerKey,
}

impl Query for GetCustomer {
    const NAME: &'static str = "get_customer";
    const PERMISSION: Permission = Permission::CustomersRead;
    type Outcome = Customer;

    async fn run(self, cx: &QueryContext) -> Result<Customer, Error> {
        Ok(customers::find(&mut cx.view(), &self.customer).await?.ok_or(Refusal::CustomerNotFound)?)
    }
}
