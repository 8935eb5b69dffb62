//! Password hashes of other systems, and typed passwords.

use argon2::Params;
use password_hash::phc::PasswordHash;
use tidegate_core::Secret;
use tidegate_fuzz::fuzz;

use crate::adoption::{self, adopt};

const HASHES: &[&str] = &[
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA,data=AAAA$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
];

#[test]
fn inv_52_a_hash_that_is_adopted_has_a_bounded_cost() {
    fuzz!(4_000, HASHES, |input| {
        let text = input.text();
        match adopt(&Secret::new(text.clone().into_owned())) {
            Ok(adopted) => {
                let hash = PasswordHash::new(adopted.phc()).unwrap();
                let params = Params::try_from(&hash).unwrap();
                assert!(params.m_cost() <= 131_072 && params.p_cost() <= 8, "{params:?}");
                assert!(u64::from(params.m_cost()) * u64::from(params.t_cost()) <= 524_288, "{params:?}");
                assert!(params.output_len().is_none_or(|length| (16..=64).contains(&length)), "{params:?}");
                assert!(adoption::is_foreign(&adopted.kept()) && adopted.is_kept_as(&adopted.kept()));
                let again = adopt(&Secret::new(adopted.phc().to_owned()));
                assert_eq!(again.map(|again| again.phc().to_owned()), Ok(adopted.phc().to_owned()));
            }
            Err(why) => assert!(why.to_string().len() < 100),
        }
    });
}
