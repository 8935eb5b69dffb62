//! Changes a customer.

use tidegate_core::{Country, Customer, CustomerKey, Fact, Labels, Permission, Refusal, Revision, Title};
use tidegate_store::customers;

use crate::{Command, CommandContext, Error, Fault};

#[derive(Debug)]
pub struct UpdateCustomer {
    pub customer: CustomerKey,
    pub etag: Revision,
    pub change: CustomerChange,
}

/// New values; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct CustomerChange {
    pub title: Option<Title>,
    pub country: Option<Option<Country>>,
    pub labels: Option<Labels>,
}

impl Command for UpdateCustomer {
    const NAME: &'static str = "update_customer";
    const PERMISSION: Permission = Permission::CustomersManage;
    type Outcome = Customer;

    async fn run(self, cx: &CommandContext) -> Result<Customer, Error> {
        cx.idempotent(async |tx| {
            let before = customers::find(tx, &self.customer).await?.ok_or(Refusal::CustomerNotFound)?;
            if before.revision != self.etag {
                return Err(Refusal::EtagMismatch { current: before.revision }.into());
            }
            let change = self.change.clone();
            let customer = Customer {
                title: change.title.unwrap_or(before.title),
                country: change.country.unwrap_or(before.country),
                labels: change.labels.unwrap_or(before.labels),
                revision: self.etag.next(),
                updated_at: cx.now(),
                ..before
            };
            if !customers::replace(tx, self.etag, &customer).await? {
                let current =
                    customers::find(tx, &self.customer).await?.ok_or(Fault::Dangling("customer"))?;
                return Err(Refusal::EtagMismatch { current: current.revision }.into());
            }
            let (key, revision) = (customer.key.clone(), customer.revision);
            cx.event(Fact::CustomerUpdated { customer: key, revision }).record(tx).await?;
            Ok(customer)
        })
        .await
    }
}
