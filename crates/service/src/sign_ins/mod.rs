//! Sign-ins: from a first factor to a session.

mod begin;
mod cancel;
mod complete;
mod create_passkey_request;
mod get;
mod passkey;
mod password;
mod reconsider;
mod redeem_link;
mod trust;

pub use begin::{BeginSignIn, FirstFactor, Held, SignInStarted};
pub use cancel::CancelSignIn;
pub use complete::{CompleteSignIn, NewSession, SignInCompletion};
pub use create_passkey_request::{CreatePasskeyRequest, PasskeyRequested};
pub use get::{GetSignIn, SignInView};
pub(crate) use reconsider::moved_on;
pub use redeem_link::RedeemLink;
