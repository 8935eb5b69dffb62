//! What tests of several packages share: a real PostgreSQL. The stories are in `it/`.

mod cluster;
mod line;
pub mod postgres;
