//! Checks that everything that a rollout names exists. All missing names are reported at once.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_core::{
    AccountRef, Audience, CustomerKey, Named, NamesNothing, Nothing, ProductKey, Refusal, Test,
};
use tidegate_store::{View, accounts, customers, products};

use crate::Fault;

/// Accounts and customers, as a caller names them.
#[derive(Debug, Clone, Default)]
pub struct NamedDraft {
    pub accounts: Vec<AccountRef>,
    pub customers: Vec<CustomerKey>,
}

/// The names that do not exist.
#[derive(Default)]
pub(super) struct Names {
    nothing: Vec<NamesNothing>,
}

impl Names {
    pub(super) async fn products(
        &mut self,
        view: &mut View,
        field: &str,
        keys: &[ProductKey],
    ) -> Result<(), Fault> {
        for (place, key) in keys.iter().enumerate() {
            if products::find(view, key).await?.is_none() {
                self.note(format!("{field}[{place}]"), Nothing::Product);
            }
        }
        Ok(())
    }

    async fn customers(&mut self, view: &mut View, field: &str, keys: &[CustomerKey]) -> Result<(), Fault> {
        for (place, key) in keys.iter().enumerate() {
            if customers::find(view, key).await?.is_none() {
                self.note(format!("{field}[{place}]"), Nothing::Customer);
            }
        }
        Ok(())
    }

    pub(super) async fn named(
        &mut self,
        view: &mut View,
        field: &str,
        draft: &NamedDraft,
    ) -> Result<Named, Fault> {
        let (mut accounts, mut given) = (BTreeSet::new(), BTreeMap::new());
        for (place, named) in draft.accounts.iter().enumerate() {
            match accounts::find(view, named).await? {
                Some(account) => {
                    accounts.insert(account.id);
                    if let AccountRef::External(name) = named {
                        given.insert(account.id, name.clone());
                    }
                }
                None => self.note(format!("{field}.accounts[{place}]"), Nothing::Account),
            }
        }
        self.customers(view, &format!("{field}.customers"), &draft.customers).await?;
        Ok(Named { accounts, customers: draft.customers.iter().cloned().collect(), given })
    }

    pub(super) async fn wave(
        &mut self,
        view: &mut View,
        field: &str,
        products: &[ProductKey],
        audience: Option<&Audience>,
    ) -> Result<(), Fault> {
        self.products(view, &format!("{field}.products"), products).await?;
        self.audience(view, &format!("{field}.audience"), audience).await
    }

    pub(super) async fn audience(
        &mut self,
        view: &mut View,
        field: &str,
        audience: Option<&Audience>,
    ) -> Result<(), Fault> {
        let mut tests = Vec::new();
        collect(audience, &mut tests);
        for test in tests {
            match test {
                Test::CustomerKey(keys) => {
                    for key in keys {
                        if customers::find(view, key).await?.is_none() {
                            self.note_of_set(field, Nothing::Customer, key);
                        }
                    }
                }
                Test::AccountInterest(keys) => {
                    for key in keys {
                        if products::find(view, key).await?.is_none() {
                            self.note_of_set(field, Nothing::Product, key);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, field: String, what: Nothing) {
        self.nothing.push(NamesNothing { field, what, name: None });
    }

    fn note_of_set(&mut self, field: &str, what: Nothing, name: &impl ToString) {
        self.nothing.push(NamesNothing { field: field.to_owned(), what, name: Some(name.to_string()) });
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.nothing.is_empty() { Ok(()) } else { Err(Refusal::NamesNothing { names: self.nothing }) }
    }
}

fn collect<'a>(audience: Option<&'a Audience>, tests: &mut Vec<&'a Test>) {
    match audience {
        None => {}
        Some(Audience::All(parts) | Audience::Any(parts)) => {
            for part in parts {
                collect(Some(part), tests);
            }
        }
        Some(Audience::Not(part)) => collect(Some(part), tests),
        Some(Audience::Test(test)) => tests.push(test),
    }
}
