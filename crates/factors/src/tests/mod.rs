//! Fuzz targets: answers, opened material, and secrets of authenticator apps.

mod codes;
mod keys;
mod material;
mod otpauth;
