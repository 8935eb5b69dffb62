//! The fresh proof that every change of what protects the account needs (INV-20): as strong as the
//! account can give, and not older than five minutes. A trusted device never counts for it.

use tidegate_core::{Account, Factor, FactorId, Level, Method, Proof, Purpose, Session, Span, Timestamp};

use crate::method::rules;

/// How long a proof counts for a change, including the last instant; the hard limit is 15 minutes.
pub const TTL: Span = Span::minutes(5);

/// How long a session lasts that a recovery code made.
pub const RECOVERY_TTL: Span = Span::minutes(30);

/// The highest level that the account's owner can reach.
pub fn needed(factors: &[Factor]) -> Level {
    let second = factors.iter().map(|factor| factor.method).filter(|method| method.is_second_step());
    second.filter_map(|method| rules(method).worth).max().unwrap_or(Level::Aal1)
}

/// The level that a change of the password needs beside the current one. The mailbox counts only where it is a second step.
pub fn needed_for_password(account: &Account, factors: &[Factor]) -> Level {
    let mailbox = account.two_step_since.is_some();
    let counts = |factor: &&Factor| mailbox || factor.method != Method::EmailCode;
    needed(&factors.iter().filter(counts).cloned().collect::<Vec<_>>())
}

/// The factor by whose proof the session may change the account's factors: one that was proved freshly and is strong
/// enough, or a recovery code, of this sign-in or of a fresh challenge. `None`: it may not.
pub fn may_rebind(session: &Session, factors: &[Factor], now: Timestamp) -> Option<FactorId> {
    let needed = needed(factors);
    let is_fresh = |proof: &&Proof| now.since(proof.at) <= TTL;
    let recovers = |proof: &&Proof| proof.method == Method::RecoveryCodes;
    let strong = |proof: &&Proof| rules(proof.method).worth.is_some_and(|worth| worth >= needed);
    let later = session.later_proofs.iter().filter(|later| later.purpose == Purpose::Change);
    let later = later.map(|later| &later.proof).filter(is_fresh);
    // The recovery code that made a session counts as long as the session, which is short.
    let of_sign_in = session.proofs.iter().filter(|proof| recovers(proof) || is_fresh(proof));
    let mut proofs = of_sign_in.chain(later).filter(|proof| recovers(proof) || strong(proof));
    proofs
        .find_map(|proof| factors.iter().find(|one| proof.is_by(one.id, one.method)))
        .map(|factor| factor.id)
}

/// Whether the session proved, at that instant or later, what unlocks changes after a "this wasn't me": a factor as strong as the
/// account can give, or a recovery code. A password alone unlocks nothing, because a thief may know it.
pub fn unlocks(session: &Session, factors: &[Factor], since: Timestamp) -> bool {
    let needed = needed(factors);
    let recovers = |proof: &Proof| proof.method == Method::RecoveryCodes;
    let strong = |proof: &Proof| rules(proof.method).worth.is_some_and(|worth| worth >= needed);
    let later = session.later_proofs.iter().filter(|later| later.purpose == Purpose::Change);
    let mut proofs = session.proofs.iter().chain(later.map(|later| &later.proof));
    proofs.any(|proof| {
        proof.at >= since
            && (recovers(proof) || strong(proof))
            && factors.iter().any(|one| proof.is_by(one.id, one.method))
    })
}

/// Whether a proof of the sign-in that made the session, or of a challenge for a change, is strong
/// enough and fresh.
pub fn is_proved(session: &Session, needed: Level, now: Timestamp) -> bool {
    let later = session.later_proofs.iter().filter(|later| later.purpose == Purpose::Change);
    let proofs = session.proofs.iter().chain(later.map(|later| &later.proof));
    let fresh = proofs.filter(|proof| now.since(proof.at) <= TTL);
    fresh.filter_map(|proof| rules(proof.method).worth).max().is_some_and(|proved| proved >= needed)
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Id, LaterProof, Requirement};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const MICROSECOND: Span = Span::from_micros(1);

    fn now(method: Method) -> Proof {
        Proof { method, at: NOW, factor: None, mailed: false }
    }

    fn session(proofs: &[Proof], later: &[(Purpose, Proof)]) -> Session {
        let later = later.iter().map(|(purpose, proof)| LaterProof { purpose: *purpose, proof: *proof });
        Session {
            id: Id::from_uuid_bytes([2; 16]),
            account: Id::from_uuid_bytes([1; 16]),
            product: "kasa".parse().unwrap(),
            device: None,
            proofs: proofs.to_vec(),
            later_proofs: later.collect(),
            trusted: true,
            met: Requirement::None,
            created_at: NOW,
            last_used_at: NOW,
            idle: Span::hours(1),
            expires_at: NOW.plus(Span::hours(1)),
            end: None,
            client: None,
            refresh: None,
            reauth_by: None,
        }
    }

    #[test]
    fn inv_20_a_proof_counts_for_five_minutes_and_no_longer() {
        let (password, last) = (now(Method::Password), NOW.minus(TTL));
        for (at, counts) in [(NOW, true), (last, true), (last.minus(MICROSECOND), false)] {
            let totp = Proof { method: Method::Totp, at, factor: None, mailed: false };
            let signed_in = session(&[password, totp], &[]);
            let challenged = session(&[password], &[(Purpose::Change, totp)]);
            assert_eq!(is_proved(&signed_in, Level::Aal2, NOW), counts);
            assert_eq!(is_proved(&challenged, Level::Aal2, NOW), counts);
        }
    }

    #[test]
    fn inv_20_a_proof_counts_for_its_purpose_and_for_what_it_is_worth() {
        let (password, totp) = (now(Method::Password), now(Method::Totp));
        assert!(!is_proved(&session(&[password], &[(Purpose::SignIn, totp)]), Level::Aal2, NOW));
        assert!(!is_proved(&session(&[password], &[]), Level::Aal2, NOW), "trust is no proof");
        assert!(is_proved(&session(&[password], &[]), Level::Aal1, NOW));
        let code = session(&[now(Method::RecoveryCodes)], &[]);
        assert!(!is_proved(&code, Level::Aal1, NOW), "a recovery code only re-binds");
        assert!(!is_proved(&session(&[password, totp], &[]), Level::Aal2Phr, NOW));
    }
}
