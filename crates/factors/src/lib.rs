//! How a person proves it is them.
//!
//! Pure: (state, proof, now) → (verdict, new state). Nothing here waits, reads a clock or draws a
//! random number.

pub mod budget;
pub mod challenge;
pub mod device;
pub mod enrollment;
pub mod fresh;
pub mod level;
pub mod qr;
pub mod recovery_codes;
pub mod totp;
