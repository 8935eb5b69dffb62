//! What a session has proved: from the proofs of the sign-in that made it, and its age, and nothing
//! else (INV-15).

use tidegate_core::{Level, Method, Proof, Span, Timestamp};

/// After this long a session is worth one factor again.
pub const FRESH: Span = Span::hours(24);

pub fn of(proofs: &[Proof], made_at: Timestamp, now: Timestamp) -> Level {
    let first = proofs.iter().any(|proof| proof.method == Method::Password);
    let second = proofs.iter().any(|proof| proof.method == Method::Totp);
    if first && second && now.since(made_at) < FRESH { Level::Aal2 } else { Level::Aal1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    fn proofs(methods: &[Method]) -> Vec<Proof> {
        methods.iter().map(|method| Proof { method: *method, at: NOW }).collect()
    }

    #[test]
    fn inv_15_two_factors_are_aal2_for_a_day() {
        let both = proofs(&[Method::Password, Method::Totp]);
        assert_eq!(of(&both, NOW, NOW), Level::Aal2);
        assert_eq!(of(&both, NOW, NOW.plus(Span::hours(24))), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Password]), NOW, NOW), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Totp]), NOW, NOW), Level::Aal1);
    }
}
