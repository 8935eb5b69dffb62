//! Deliveries: messages on their way, and what became of them.

mod list;

pub use list::ListDeliveries;
