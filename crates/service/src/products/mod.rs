//! Products.

mod create;
mod get;
mod list;
mod update;

pub use create::CreateProduct;
pub use get::GetProduct;
pub use list::ListProducts;
pub use update::{ProductChange, UpdateProduct};

crate::once::outcomes!(tidegate_core::Product);
