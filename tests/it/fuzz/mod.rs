//! Fuzz targets of whole calls: every method of the contract gets requests of any bytes, and tokens that were changed. The
//! other targets are beside the decoders, in `crates/*/src/tests`.

mod requests;
mod scene;
mod tokens;
