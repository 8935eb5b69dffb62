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

/// What a challenge belongs to: a sign-in that is under way, or an existing session.
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
        /// The person denied it on the device.
        Denied = "denied",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub id: ChallengeId,
    pub account: AccountId,
    #[serde(flatten)]
    pub within: Within,
    /// `None` where the answer itself names the factor.
    pub factor: Option<FactorId>,
    /// The factor's method. It stays when the factor is removed.
    pub method: Method,
    pub purpose: Purpose,
    pub state: ChallengeState,
    pub tries: i64,
    /// How many wrong answers the challenge takes.
    pub max_tries: i64,
    /// The sealed value that the answer is verified against. `None` where the method needs none.
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
    /// The challenge or enrollment was approved before. This answer was not evaluated.
    AlreadyApproved,
    WrongAnswer {
        tries_left: i64,
    },
    /// The code or the link was accepted before. Nothing was charged.
    Replayed,
    Expired,
    /// The challenge took its last wrong answer, or was cancelled.
    UsedUp,
    /// A newer challenge of the same sign-in or session took its place.
    Superseded,
    /// The throttle evaluates no answer before this instant, whether the code is right or wrong.
    Slowed {
        until: Timestamp,
    },
    /// The factor took too many wrong answers in a row. It must be bound again.
    Closed,
    /// The person denied it on the device.
    Denied,
}
