//! Password hashes from other systems: which ones are adopted, and how they are told from the app's
//! own.
//!
//! The caller that imports a hash decides what each sign-in with it costs, so the cost is bounded
//! (INV-52): at most 128 MiB of memory, and at most 512 MiB filled in all passes together. That
//! takes some 0.3 s of one core, and twice as long if the password has to be compared in two forms.
//! The first sign-in replaces the hash by one of the app's own cost.
//!
//! An adopted hash is stored with a mark, because its parameters do not tell it from a hash of the
//! app. Only a foreign hash may be of a password that is not in NFC.

use std::ops::RangeInclusive;

use argon2::Params;
use icu_normalizer::ComposingNormalizerBorrowed;
use password_hash::phc::PasswordHash;
use tidegate_core::Secret;

use crate::passwords::COST;

/// KiB of memory (m).
const MAX_MEMORY: u32 = 131_072;
/// KiB of memory that each lane needs (RFC 9106 §3.1).
const MEMORY_OF_LANE: u32 = 8;
const PASSES: RangeInclusive<u32> = 1..=10;
/// KiB that all passes together fill: four passes at the most memory.
const MAX_FILLED: u32 = 4 * MAX_MEMORY;
/// Lanes are computed one after the other.
const LANES: RangeInclusive<u32> = 1..=8;
/// Bytes of a hash.
const LENGTH: RangeInclusive<usize> = 16..=64;
/// Bytes of a salt.
const MIN_SALT: usize = 8;

/// Bytes of salt and hash that the app makes.
const OWN_LENGTHS: (usize, usize) = (16, 32);

/// The mark before a hash that was adopted and has not been replaced yet.
const MARK: &str = "adopted:";

/// A PHC string of argon2id that this program verifies. It has no `Debug`, because an attacker can
/// guess the password from it.
#[derive(Clone)]
pub struct AdoptedHash(String);

/// Why a hash is not adopted. The text follows the field's name, and names the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdopted {
    #[error("must be an argon2id hash ($argon2id$…)")]
    Algorithm,
    #[error("must be a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash")]
    Malformed,
    #[error("must be of argon2id version 19 (v=19)")]
    Version,
    #[error("must not need a secret key (keyid)")]
    Keyed,
    #[error("must take 1 to 8 lanes (p)")]
    Lanes,
    #[error("must take at most {MAX_MEMORY} KiB of memory (m)")]
    Memory,
    #[error("must take at least {MEMORY_OF_LANE} KiB of memory (m) for each lane (p)")]
    TooLittleMemory,
    #[error("must take 1 to 10 passes (t)")]
    Passes,
    #[error("must fill at most {MAX_FILLED} KiB in all its passes: memory (m) times passes (t)")]
    Filled,
    #[error("must have a salt of at least {MIN_SALT} bytes")]
    Salt,
    #[error("must have 16 to 64 bytes of hash")]
    Length,
}

impl AdoptedHash {
    pub fn phc(&self) -> &str {
        &self.0
    }

    /// The text to store.
    pub fn kept(&self) -> String {
        format!("{MARK}{}", self.0)
    }

    /// Whether `kept` is the same hash, with or without the mark.
    pub fn is_kept_as(&self, kept: &str) -> bool {
        phc_of(kept) == self.0
    }
}

/// Adopts a hash from another system: argon2id of version 19, within the bounds above. Django
/// writes `argon2` before the hash; that is removed.
pub fn adopt(hash: &Secret<String>) -> Result<AdoptedHash, NotAdopted> {
    let text = hash.expose().as_str();
    let text = text.strip_prefix("argon2").filter(|phc| phc.starts_with('$')).unwrap_or(text);
    if !text.starts_with("$argon2id$") {
        return Err(NotAdopted::Algorithm);
    }
    let hash = PasswordHash::new(text).map_err(|_| NotAdopted::Malformed)?;
    if hash.version != Some(19) {
        return Err(NotAdopted::Version);
    }
    check_params(&hash)?;
    if hash.salt.as_ref().is_none_or(|salt| salt.len() < MIN_SALT) {
        return Err(NotAdopted::Salt);
    }
    if hash.hash.as_ref().is_none_or(|hash| !LENGTH.contains(&hash.len())) {
        return Err(NotAdopted::Length);
    }
    Ok(AdoptedHash(hash.to_string()))
}

fn check_params(hash: &PasswordHash) -> Result<(), NotAdopted> {
    let names: Vec<_> = hash.params.iter().map(|(name, _)| name).collect();
    // Of a parameter with two values, the check and the computation might use different ones.
    let twice = names.iter().enumerate().any(|(place, name)| names.iter().skip(place + 1).any(|n| n == name));
    if twice {
        return Err(NotAdopted::Malformed);
    }
    if names.iter().any(|name| name.as_str() == "keyid") {
        return Err(NotAdopted::Keyed);
    }
    let number = |name: &str| hash.params.get_decimal(name).ok_or(NotAdopted::Malformed);
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    if !LANES.contains(&lanes) {
        return Err(NotAdopted::Lanes);
    }
    if memory > MAX_MEMORY {
        return Err(NotAdopted::Memory);
    }
    if memory < MEMORY_OF_LANE * lanes {
        return Err(NotAdopted::TooLittleMemory);
    }
    if !PASSES.contains(&passes) {
        return Err(NotAdopted::Passes);
    }
    if memory * passes > MAX_FILLED {
        return Err(NotAdopted::Filled);
    }
    Params::try_from(hash).map(drop).map_err(|_| NotAdopted::Malformed)
}

/// Whether a stored hash may be computed again: a damaged row must not fill the memory (INV-52).
pub(crate) fn is_bounded(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY && params.m_cost().saturating_mul(params.t_cost()) <= MAX_FILLED
}

/// Whether a stored hash came from another system. Sign-in replaces such a hash. Hashes that were
/// stored before there was a mark are recognised by a cost that is not the app's own.
pub fn is_foreign(kept: &str) -> bool {
    kept.starts_with(MARK) || !has_own_cost(kept)
}

/// An adopted hash as one of the app's own, without computing it again. This needs the app's cost
/// and lengths, and a right password that was typed in NFC. `None` if a new hash has to be made.
pub fn as_own(kept: &str, password: &Secret<String>) -> Option<String> {
    let phc = phc_of(kept);
    let hash = PasswordHash::new(phc).ok()?;
    let lengths = (hash.salt.as_ref()?.len(), hash.hash.as_ref()?.len());
    let own = lengths == OWN_LENGTHS && has_own_cost(phc) && is_nfc(password.expose());
    own.then(|| phc.to_owned())
}

fn has_own_cost(phc: &str) -> bool {
    let params = PasswordHash::new(phc).ok().and_then(|hash| Params::try_from(&hash).ok());
    params.is_some_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == COST)
}

fn is_nfc(text: &str) -> bool {
    ComposingNormalizerBorrowed::new_nfc().is_normalized(text)
}

/// The PHC string of a stored hash.
pub(crate) fn phc_of(kept: &str) -> &str {
    kept.strip_prefix(MARK).unwrap_or(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_AND_HASH: &str = "c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

    fn adopted(text: &str) -> Result<String, NotAdopted> {
        adopt(&Secret::new(text.to_owned())).map(|hash| hash.phc().to_owned())
    }

    fn of(head: &str) -> Result<String, NotAdopted> {
        adopted(&format!("${head}${SALT_AND_HASH}"))
    }

    #[test]
    fn what_other_systems_write_is_adopted() {
        for (system, params) in [
            ("OWASP", "m=19456,t=2,p=1"),
            ("RFC 9106, second recommended option", "m=65536,t=3,p=4"),
            ("PHP password_hash", "m=65536,t=4,p=1"),
            ("Django", "m=102400,t=2,p=8"),
            ("Ory Kratos", "m=131072,t=1,p=8"),
            ("the most", "m=131072,t=4,p=8"),
            ("the least", "m=8,t=1,p=1"),
        ] {
            let phc = format!("$argon2id$v=19${params}${SALT_AND_HASH}");
            assert_eq!(adopted(&phc), Ok(phc.clone()), "{system}");
            assert_eq!(adopted(&format!("argon2{phc}")), Ok(phc), "{system}, as Django keeps it");
        }
    }

    #[test]
    fn a_hash_of_the_apps_own_form_is_not_made_again() {
        let salt = "c29tZXNhbHRzb21lc2FsdA";
        let own = format!("$argon2id$v=19$m={},t={},p={}${salt}$", COST.0, COST.1, COST.2);
        let own = format!("{own}MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY");
        let kept = adopt(&Secret::new(own.clone())).unwrap().kept();
        let owned = |kept: &str, password: &str| as_own(kept, &Secret::new(password.to_owned()));
        assert_eq!(owned(&kept, "sch\u{f6}ne lange Passphrase"), Some(own));
        assert_eq!(owned(&kept, "scho\u{308}ne lange Passphrase"), None, "it may be of the decomposed form");
        assert_eq!(owned(&kept.replace(salt, "c29tZXNhbHQ"), "long enough"), None, "another salt");
        assert_eq!(owned(&kept.replace(",t=", ",t=1"), "long enough"), None, "another cost");
    }

    #[test]
    fn a_hash_beyond_a_bound_is_refused_with_that_bound() {
        for (head, why) in [
            ("argon2i$v=19$m=19456,t=2,p=1", NotAdopted::Algorithm),
            ("argon2id$v=16$m=19456,t=2,p=1", NotAdopted::Version),
            ("argon2id$m=19456,t=2,p=1", NotAdopted::Version),
            ("argon2id$v=19$m=131073,t=1,p=1", NotAdopted::Memory),
            ("argon2id$v=19$m=4294967296,t=1,p=1", NotAdopted::Malformed),
            ("argon2id$v=19$m=131072,t=5,p=1", NotAdopted::Filled),
            ("argon2id$v=19$m=8,t=11,p=1", NotAdopted::Passes),
            ("argon2id$v=19$m=8,t=0,p=1", NotAdopted::Passes),
            ("argon2id$v=19$m=19456,t=2,p=9", NotAdopted::Lanes),
            ("argon2id$v=19$m=19456,t=2,p=0", NotAdopted::Lanes),
            ("argon2id$v=19$m=63,t=2,p=8", NotAdopted::TooLittleMemory),
            ("argon2id$v=19$m=8,t=1,p=1,keyid=Zm9v", NotAdopted::Keyed),
            ("argon2id$v=19$m=8,m=4000000,t=1,p=1", NotAdopted::Malformed),
            ("argon2id$v=19$m=8,t=1,p=1,x=1", NotAdopted::Malformed),
            ("argon2id$v=19$t=1,p=1", NotAdopted::Malformed),
        ] {
            assert_eq!(of(head), Err(why), "{head}");
        }
        let head = "$argon2id$v=19$m=19456,t=2,p=1";
        assert_eq!(adopted("hunter2"), Err(NotAdopted::Algorithm));
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        assert_eq!(adopted(bcrypt), Err(NotAdopted::Algorithm));
        assert_eq!(adopted(head), Err(NotAdopted::Salt));
        assert_eq!(adopted(&format!("{head}$c29tZXNhbHRzb21lc2FsdA")), Err(NotAdopted::Length));
        assert_eq!(
            adopted(&format!("{head}$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFi")),
            Err(NotAdopted::Length)
        );
        assert!(NotAdopted::Memory.to_string().contains("131072 KiB"));
        assert!(NotAdopted::Filled.to_string().contains("524288 KiB"));
        let lanes = format!("{} to {} lanes", LANES.start(), LANES.end());
        assert!(NotAdopted::Lanes.to_string().contains(&lanes));
        let passes = format!("{} to {} passes", PASSES.start(), PASSES.end());
        assert!(NotAdopted::Passes.to_string().contains(&passes));
        let length = format!("{} to {} bytes", LENGTH.start(), LENGTH.end());
        assert!(NotAdopted::Length.to_string().contains(&length));
    }

    #[test]
    fn an_adopted_hash_is_foreign_whatever_its_cost() {
        let own = format!("$argon2id$v=19$m=19456,t=2,p=1${SALT_AND_HASH}");
        let hash = adopt(&Secret::new(own.clone())).unwrap_or_else(|why| panic!("{why}"));
        assert!(is_foreign(&hash.kept()) && !is_foreign(&own));
        assert!(hash.is_kept_as(&hash.kept()) && hash.is_kept_as(&own), "from before there was a mark");
        assert!(is_foreign(&own.replace("t=2", "t=3")));
    }
}
