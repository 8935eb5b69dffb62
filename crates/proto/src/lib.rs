//! The wire, generated.

#![expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    reason = "generated code"
)]

tonic::include_proto!("tidegate.v1");

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// The input of a method.
pub trait Request {
    /// Its `request_id` field, perhaps empty; `None` when the message has no such field.
    fn request_id(&self) -> Option<&str>;
}

include!(concat!(env!("OUT_DIR"), "/requests.rs"));

/// The well-known types that messages use.
pub use prost_types::{Duration, FieldMask, Timestamp};

/// Every file of the package with its imports, custom options included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
