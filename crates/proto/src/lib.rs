//! The wire, generated.
