//! Two ordered scales and the one rule that compares them: what a session has proved, and what an
//! account must prove at a product now.

use serde::{Deserialize, Serialize};

use crate::{Factor, FactorId, Method, Timestamp, words};

words! {
    /// What a session has proved (its acr).
    Level "level" {
        /// A recovery code took the second step. The session may re-bind factors and sign out, and
        /// nothing else. It is below every other level.
        Recovery = "recovery",
        Aal1 = "aal1",
        Aal1Email = "aal1+email",
        Aal2 = "aal2",
        Aal2Phr = "aal2-phr",
    }
}

words! {
    /// What an account must prove at a product now.
    Requirement "requirement" {
        None = "none",
        SecondStep = "second_step",
        Aal2 = "aal2",
        Aal2Phr = "aal2-phr",
    }
}

/// One proof that was accepted, and when (an entry of amr).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub method: Method,
    pub at: Timestamp,
    /// Whose proof it is. `None` for a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorId>,
    /// The password was set by a mailed link a short time ago, so it proves no more than the mailbox does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mailed: bool,
}

impl Proof {
    /// Whether it is by this factor. A proof from before they named their factor is by each of its method.
    pub fn is_by(&self, factor: FactorId, method: Method) -> bool {
        self.factor.map_or(self.method == method, |proved| proved == factor)
    }

    /// Whether it still counts: a password's proof, or one by a factor that the account has.
    pub fn is_live(&self, factors: &[Factor]) -> bool {
        self.method == Method::Password || factors.iter().any(|factor| self.is_by(factor.id, factor.method))
    }
}

impl Requirement {
    /// Trust stands in for a second step and for nothing above it. A recovery code meets nothing.
    pub fn is_met_by(self, level: Level, trusted: bool) -> bool {
        match self {
            Self::None => level > Level::Recovery,
            Self::SecondStep => trusted && level > Level::Recovery || level >= Level::Aal1Email,
            Self::Aal2 => level >= Level::Aal2,
            Self::Aal2Phr => level >= Level::Aal2Phr,
        }
    }
}
