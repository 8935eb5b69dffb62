//! The states of a sign-in. Only this file knows them.
//!
//! ```text
//!   first factor right
//!        │
//!        ├─ network new, and nothing stands for it ─────► pending_network ── confirmed ──┐
//!        ▼                                                                               │
//!   requirement ◄────────────────────────────────────────────────────────────────────────┘
//!        ├─ not met, a usable factor exists ────────────► pending_challenge ── approved ─┐
//!        ├─ not met, none exists, one may be enrolled ──► pending_enrollment ─ enrolled ─┤
//!        └─ met ────────────────────────────────────────► ready ◄────────────────────────┘
//!                                                          │
//!                             completed ◄── CompleteSignIn ┘   more is required now: back to pending
//!   every state but the last ── given up ──► cancelled
//! ```

use tidegate_core::{Level, Offer, Requirement, SignInState};

/// What a sign-in must meet, and what it has proved.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'o> {
    pub requirement: Requirement,
    /// What was proved so far.
    pub level: Level,
    pub trust: Trusted,
    pub network: Network,
    /// The factors by which the requirement can be met.
    pub offers: &'o [Offer],
    pub enrollment: Enrolling,
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

/// Whether a first factor may be enrolled during the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolling {
    Possible,
    /// A sign-in without a usable factor is stuck here, because it must never get through (INV-17).
    Impossible,
}

/// The state that a sign-in in this situation enters.
pub fn next(situation: Situation<'_>) -> SignInState {
    let Situation { requirement, level, trust, network, offers, enrollment } = situation;
    let trusted = trust == Trusted::StandsIn;
    if network == Network::New && !trusted && level < Level::Aal2 {
        return SignInState::PendingNetwork;
    }
    if requirement.is_met_by(level, trusted) {
        return SignInState::Ready;
    }
    match enrollment {
        Enrolling::Possible if offers.is_empty() => SignInState::PendingEnrollment,
        Enrolling::Possible | Enrolling::Impossible => SignInState::PendingChallenge,
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
    use tidegate_core::{Id, Method, Word as _};

    use super::*;

    fn offer() -> Offer {
        Offer { factor: Id::from_uuid_bytes([1; 16]), method: Method::Totp, label: None, hint: None }
    }

    /// Tries every situation.
    fn all(look: impl Fn(Situation<'_>, SignInState)) {
        let offers = [offer()];
        for requirement in Requirement::ALL {
            for level in Level::ALL {
                for trust in [Trusted::StandsIn, Trusted::No] {
                    for network in [Network::Accepted, Network::New] {
                        for offers in [&offers[..], &[]] {
                            for enrollment in [Enrolling::Possible, Enrolling::Impossible] {
                                let (requirement, level) = (*requirement, *level);
                                let it = Situation { requirement, level, trust, network, offers, enrollment };
                                look(it, next(it));
                            }
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
    fn a_person_without_a_factor_enrolls_where_that_is_possible() {
        all(|it, state| {
            if state == SignInState::PendingEnrollment {
                assert!(it.offers.is_empty() && it.enrollment == Enrolling::Possible, "{it:?}");
            }
        });
    }
}
