//! The only hands that touch keys.
