//! One request for one proof.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ChallengeId, FactorId, Method, Sealed, SessionId, SignInId, Timestamp, words};

words! {
    /// What a challenge is for.
    Purpose "purpose" {
        SignIn = "sign_in",
        /// To change what protects the account.
        Change = "change",
    }
}

/// What a challenge belongs to: a sign-in under way, or a session that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    SignIn(SignInId),
    Session(SessionId),
}

words! {
    ChallengeState "challenge state" {
        Open = "open",
        Approved = "approved",
        Superseded = "superseded",
        UsedUp = "used_up",
        Cancelled = "cancelled",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub id: ChallengeId,
    pub account: AccountId,
    #[serde(flatten)]
    pub within: Within,
    /// `None` where the answer itself says whose factor it is by.
    pub factor: Option<FactorId>,
    /// Of the factor; it stays when the factor is gone.
    pub method: Method,
    pub purpose: Purpose,
    pub state: ChallengeState,
    pub tries: i64,
    /// Wrong answers it takes.
    pub max_tries: i64,
    /// What was posed, and the answer is verified against; `None` where nothing was.
    #[serde(skip)]
    pub material: Option<Sealed>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The outcome of an answer. Only `Approved` proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    Approved,
    /// The challenge or enrollment was approved before; this answer was not looked at.
    AlreadyApproved,
    WrongAnswer {
        tries_left: i64,
    },
    /// The code, or the link, was accepted before; nothing was charged.
    Replayed,
    Expired,
    /// The challenge took its last wrong answer, or was cancelled.
    UsedUp,
    /// A newer challenge of the same sign-in or session took its place.
    Superseded,
    /// Nothing is looked at until then, whatever the code was.
    Slowed {
        until: Timestamp,
    },
    /// The factor took too many wrong answers in a row; it must be bound again.
    Closed,
}
