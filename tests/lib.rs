//! What tests of several packages share: a real PostgreSQL. The stories are in `it/`.

mod cluster;
pub mod postgres;
