//! How a person proves it is them.
//!
//! Pure: (state, proof, now) → (verdict, new state). Nothing here waits, reads a clock or draws a
//! random number.

pub mod budget;
pub mod challenge;
pub mod check_up;
pub mod code;
pub mod device;
pub mod device_code;
pub mod directory;
pub mod email_code;
pub mod enrolled_device;
pub mod enrollment;
pub mod fresh;
pub mod level;
pub mod method;
pub mod otpauth;
pub mod passkey;
pub mod policy;
pub mod push;
pub mod qr;
pub mod recovery_codes;
pub mod rotation;
pub mod sends;
pub mod sign_in;
pub mod sms_code;
pub mod sms_cost;
pub mod software_key;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod totp;
pub mod tries;
pub mod webauthn;
