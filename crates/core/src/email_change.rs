//! A change of an account's address. The new one is proved by a link. The former one can take the change back for a week.

use crate::{AccountId, Contact, Email, EmailChangeId, Timestamp, words};

words! {
    EmailChangeState "email change state" {
        /// The link to the new address was not redeemed yet.
        Asked = "asked",
        /// The same, of an account that was created for the address of another one, which had not verified it.
        Claimed = "claimed",
        /// A newer change took its place, or something voided it.
        Superseded = "superseded",
        Made = "made",
        /// The former address took it back.
        Undone = "undone",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    pub id: EmailChangeId,
    pub account: AccountId,
    pub email: Email,
    /// The address that the account had when the change was made; `None` before, and where it had none.
    pub former: Option<Contact>,
    pub state: EmailChangeState,
    pub created_at: Timestamp,
    /// When it was made, or ended otherwise.
    pub ended_at: Option<Timestamp>,
}
