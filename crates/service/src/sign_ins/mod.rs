//! Sign-ins: from a first factor to a session.

mod begin;
mod cancel;
mod complete;
mod get;
mod redeem_link;
mod trust;

pub use begin::{BeginSignIn, SignInStarted};
pub use cancel::CancelSignIn;
pub use complete::{CompleteSignIn, NewSession, SignInCompletion};
pub use get::{GetSignIn, SignInView};
pub use redeem_link::RedeemLink;
