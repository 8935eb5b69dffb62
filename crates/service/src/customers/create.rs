//! Creates a customer.

use tidegate_core::{
    Country, Customer, CustomerKey, Fact, Labels, Permission, Refusal, Revision, Timestamp, Title,
};
use tidegate_store::customers;

use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct CreateCustomer {
    pub key: CustomerKey,
    pub title: Title,
    pub country: Option<Country>,
    pub labels: Labels,
    /// When it was created in the system that it comes from; `None`: now.
    pub created_at: Option<Timestamp>,
}

impl Command for CreateCustomer {
    const NAME: &'static str = "create_customer";
    const PERMISSION: Permission = Permission::CustomersManage;
    type Outcome = Customer;

    async fn run(self, cx: &CommandContext) -> Result<Customer, Error> {
        let now = cx.now();
        let customer = Customer {
            id: cx.new_id(),
            key: self.key,
            title: self.title,
            country: self.country,
            labels: self.labels,
            revision: Revision::FIRST,
            created_at: self.created_at.unwrap_or(now),
            updated_at: now,
        };
        cx.idempotent(async |tx| {
            if !customers::insert(tx, &customer).await? {
                return Err(Refusal::KeyTaken.into());
            }
            cx.event(Fact::CustomerCreated { customer: customer.key.clone() }).record(tx).await?;
            Ok(customer.clone())
        })
        .await
    }
}
