//! Sign-ins: from a first factor to a session.

mod begin;
mod cancel;
mod complete;
mod get;
mod offers;
mod redeem_link;
mod trust;

pub use begin::{BeginSignIn, Begun};
pub use cancel::CancelSignIn;
pub use complete::{CompleteSignIn, Completed, NewSession};
pub use get::{GetSignIn, Standing};
pub use redeem_link::RedeemLink;

pub(crate) use offers::offers;
