//! Creates a customer.

use tidegate_core::{
    Country, Customer, CustomerKey, Fact, Labels, Permission, Refusal, Revision, Timestamp, Title,
};
use tidegate_store::customers;

use crate::{Command, CommandContext, Error, times};

#[derive(Debug)]
pub struct CreateCustomer {
    pub key: CustomerKey,
    pub title: Title,
    pub country: Option<Country>,
    pub labels: Labels,
    /// When it was created in the system that it comes from, not after now; `None`: now.
    pub created_at: Option<Timestamp>,
}

impl Command for CreateCustomer {
    const NAME: &'static str = "create_customer";
    const PERMISSION: Permission = Permission::CustomersManage;
    type Outcome = Customer;

    async fn run(self, cx: &CommandContext) -> Result<Customer, Error> {
        let now = cx.now();
        let created = times::created("create_time", self.created_at, now);
        let customer = Customer {
            id: cx.new_id(),
            key: self.key,
            title: self.title,
            country: self.country,
            labels: self.labels,
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        cx.idempotent(async |tx| {
            let customer = Customer { created_at: created.clone()?, ..customer.clone() };
            if !customers::insert(tx, &customer).await? {
                return Err(Refusal::KeyTaken.into());
            }
            cx.event(Fact::CustomerCreated { customer: customer.key.clone() }).record(tx).await?;
            Ok(customer)
        })
        .await
    }
}
