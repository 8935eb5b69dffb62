//! The states of a sign-in. Only this file knows them.
//!
//! ```text
//!   first factor right
//!        │
//!        ├─ network new, and nothing stands for it ─────► pending_network ── confirmed ──┐
//!        ▼                                                                               │
//!   requirement ◄────────────────────────────────────────────────────────────────────────┘
//!        ├─ not met, a usable factor exists ────────────► pending_challenge ── approved ─┐
//!        ├─ not met, none exists ───────────────────────► pending_enrollment ─ enrolled ─┤
//!        └─ met ────────────────────────────────────────► ready ◄────────────────────────┘
//!                                                          │
//!                             completed ◄── CompleteSignIn ┘   more is required now: back to pending
//!   every state but the last ── given up ──► cancelled
//! ```

use tidegate_core::{Level, Requirement, SignInState};

/// What a sign-in must meet, and what it has proved.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    pub requirement: Requirement,
    /// What was proved so far.
    pub level: Level,
    pub trust: Trusted,
    pub network: Network,
    pub way: Way,
}

/// Whether a trusted device stands in for the second step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    StandsIn,
    No,
}

/// Whether the account signed in from this network before, or the product does not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Accepted,
    New,
}

/// How the account can meet the requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a factor that it has, or by recovery codes, which lead to a session that re-binds.
    Factor,
    /// It has only factors that prove less. One of them proves who enrolls a stronger one.
    WeakerFactor,
    /// By a factor that it has to enroll.
    None,
}

/// The state that a sign-in in this situation enters.
pub fn next(situation: Situation) -> SignInState {
    let Situation { requirement, level, trust, network, way } = situation;
    let trusted = trust == Trusted::StandsIn;
    if network == Network::New && !trusted && level < Level::Aal2 {
        return SignInState::PendingNetwork;
    }
    if requirement.is_met_by(level, trusted) {
        return SignInState::Ready;
    }
    match way {
        Way::Factor => SignInState::PendingChallenge,
        Way::WeakerFactor if level < Level::Aal1Email => SignInState::PendingChallenge,
        Way::WeakerFactor | Way::None => SignInState::PendingEnrollment,
    }
}

/// Whether a sign-in in this state waits for an answer to a challenge.
pub const fn takes_answers(state: SignInState) -> bool {
    matches!(state, SignInState::PendingChallenge)
}

/// Whether the sign-in can still be cancelled.
pub const fn is_open(state: SignInState) -> bool {
    match state {
        SignInState::PendingNetwork
        | SignInState::PendingChallenge
        | SignInState::PendingEnrollment
        | SignInState::Ready => true,
        SignInState::Completed | SignInState::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Word as _;

    use super::*;

    /// Tries every situation.
    fn all(look: impl Fn(Situation, SignInState)) {
        for requirement in Requirement::ALL {
            for level in Level::ALL {
                for trust in [Trusted::StandsIn, Trusted::No] {
                    for network in [Network::Accepted, Network::New] {
                        for way in [Way::Factor, Way::WeakerFactor, Way::None] {
                            let (requirement, level) = (*requirement, *level);
                            let it = Situation { requirement, level, trust, network, way };
                            look(it, next(it));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn inv_17_no_sign_in_is_ready_before_its_requirement_is_met() {
        all(|it, state| {
            let met = it.requirement.is_met_by(it.level, it.trust == Trusted::StandsIn);
            assert!(state != SignInState::Ready || met, "{it:?}");
            assert!(!matches!(state, SignInState::Completed | SignInState::Cancelled), "{it:?}");
        });
    }

    #[test]
    fn a_new_network_is_confirmed_before_anything_else_is_asked() {
        all(|it, state| {
            let asked = it.network == Network::New && it.trust == Trusted::No && it.level < Level::Aal2;
            assert_eq!(state == SignInState::PendingNetwork, asked, "{it:?}");
        });
    }

    #[test]
    fn who_has_no_factor_enrolls_and_who_has_a_weaker_one_proves_it_first() {
        all(|it, state| {
            if state == SignInState::PendingEnrollment {
                let proved = it.way == Way::WeakerFactor && it.level >= Level::Aal1Email;
                assert!(it.way == Way::None || proved, "{it:?}");
            }
            if state == SignInState::PendingChallenge {
                assert_ne!(it.way, Way::None, "{it:?}");
            }
        });
    }
}
