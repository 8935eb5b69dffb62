//! Passwords: set, changed, and reset by a mailed link.

mod begin_recovery;
mod change;
mod complete_recovery;
pub(crate) mod demand;
mod proof;
pub(crate) mod reset;
pub(crate) mod rules;
mod send_resets;
mod set;

pub(crate) use rules::AccountWords;

pub use begin_recovery::{BeginRecovery, RecoveryBegun};
pub use change::{ChangePassword, PasswordChange};
pub use complete_recovery::CompleteRecovery;
pub use send_resets::{Looked, SendReset};
pub use set::{PasswordSet, SetPassword};

use tidegate_core::Span;

/// How long a password that was set by a mailed link rests on the mailbox.
pub(crate) const MAILED_FOR: Span = Span::hours(24);
