//! Why a first factor was not accepted.

use serde::{Deserialize, Serialize};

/// Why a sign-in was denied. The caller is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    UnknownIdentifier,
    WrongPassword,
    /// The stored hash is damaged.
    PasswordUnreadable,
    Slowed,
    AccountNotUsable,
    /// The password is right, but a stranger may know it, so that a new one is demanded.
    NewPasswordDemanded,
    /// There is no such request for a passkey: it was answered, has expired, or was made elsewhere.
    PasskeyNotRequested,
    /// No account here has the key that answered, or it may not be used at the product.
    UnknownPasskey,
    WrongPasskey,
    /// The key took too many wrong answers, or was copied, and must be bound again.
    PasskeyClosed,
    /// The answer shows that there is a copy of the key.
    PasskeyCopied,
    /// The stored material of the key cannot be read.
    PasskeyUnreadable,
}
