//! One request for one proof.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ChallengeId, FactorId, SessionId, SignInId, Timestamp, words};

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
    pub factor: FactorId,
    pub purpose: Purpose,
    pub state: ChallengeState,
    pub tries: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What came of handing in a proof. Only `Approved` proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    Approved,
    WrongAnswer {
        tries_left: i64,
    },
    /// The code, or the artifact, was accepted before; nothing was charged.
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
