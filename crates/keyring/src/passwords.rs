//! Password hashing: argon2id, a bounded number at once.
//!
//! A hash takes 19 MiB and some 20 ms, so whoever may ask for hashes without bound may stop the
//! house. At most `parallel` run, at most 64 more wait, each at most 2 s; the rest is refused. The
//! permit belongs to the hashing task: a caller who hangs up does not free it early.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use password_hash::phc::PasswordHash;
use tidegate_core::{Entropy, PasswordFlaw, Secret};
use tokio::sync::Semaphore;

use crate::hashers::Hashers;

/// Memory in KiB, passes, lanes: the floor of the OWASP list.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// The most that answers are held back.
const LONGEST_BUDGET: Duration = Duration::from_millis(100);
const WAITING: usize = 64;
const WAIT: Duration = Duration::from_secs(2);

/// Characters of a new password (SP 800-63B-4 §3.1.1.2).
const LENGTH: std::ops::RangeInclusive<usize> = 15..=256;
/// Bytes of a new password, as it is hashed.
const MOST_BYTES: usize = 1_024;
/// Bytes of any password that is looked at, as it is typed: composing makes it shorter.
pub const MOST_TYPED: usize = 4 * MOST_BYTES;

/// Cheap to clone; all clones share the bound.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    hashers: Hashers,
    /// What a password is compared with when there is none, so that nobody's takes as long.
    nobody: Arc<str>,
    /// No answer comes earlier than this, so that a cheap hash from elsewhere does not show.
    budget: Duration,
}

/// More hashes were asked for than can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// What came of hashing outside of "right" and "wrong".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    #[error("a stored password hash is unreadable")]
    Unreadable,
    #[error("a hashing task did not end")]
    Task,
}

/// A hash that is not one this house verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unacceptable;

impl Passwords {
    /// `parallel` hashes at once; as many as the machine has processors is right.
    pub fn new(parallel: usize, entropy: &dyn Entropy) -> Self {
        let random: [u8; 32] = entropy.bytes();
        let begun = Instant::now();
        let nobody = hash_now(&random, entropy.bytes()).unwrap_or_default();
        Self {
            places: Arc::new(Semaphore::new(parallel.max(1))),
            waiting: Arc::default(),
            hashers: Hashers::new(parallel.max(1)),
            nobody: nobody.into(),
            budget: begun.elapsed().mul_f64(1.25).min(LONGEST_BUDGET),
        }
    }

    /// The PHC string to keep.
    pub async fn hash(
        &self,
        password: &Secret<String>,
        entropy: &dyn Entropy,
    ) -> Result<Result<String, HashFault>, TooMany> {
        let (password, salt) = (normal(password), entropy.bytes());
        let place = self.place().await?;
        Ok(place.run(move |_| hash_now(password.expose(), salt).ok_or(HashFault::Unreadable)).await)
    }

    /// Whether it is worth the trouble to ask for a place: for who would do other work before.
    pub fn have_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < WAITING
    }

    /// Waits for a place among the hashes, so that nothing is charged for one that cannot be made.
    pub async fn place(&self) -> Result<HashPlace, TooMany> {
        let permit = match self.places.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let hashers = self.hashers.clone();
        Ok(HashPlace { permit, hashers, nobody: self.nobody.clone(), budget: self.budget })
    }

    async fn wait(&self) -> Result<tokio::sync::OwnedSemaphorePermit, TooMany> {
        let _queued = Queued::enter(&self.waiting)?;
        let place = tokio::time::timeout(WAIT, self.places.clone().acquire_owned()).await;
        place.map_err(|_| TooMany)?.map_err(|_| TooMany)
    }
}

/// The right to make one hash.
pub struct HashPlace {
    permit: tokio::sync::OwnedSemaphorePermit,
    hashers: Hashers,
    nobody: Arc<str>,
    budget: Duration,
}

impl HashPlace {
    /// Whether it is the password; takes as long when there is none.
    pub async fn verify(self, password: &Secret<String>, kept: Option<String>) -> Result<bool, HashFault> {
        let (password, budget, begun) = (normal(password), self.budget, Instant::now());
        let right = self.run(move |nobody| {
            let exists = kept.is_some();
            let hash =
                PasswordHash::new(kept.as_deref().unwrap_or(nobody)).map_err(|_| HashFault::Unreadable)?;
            match Argon2::default().verify_password(password.expose(), &hash) {
                Ok(()) => Ok(exists),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(_) => Err(HashFault::Unreadable),
            }
        });
        let right = right.await;
        // The place is given back by now: waiting costs nobody a hash.
        tokio::time::sleep(budget.saturating_sub(begun.elapsed())).await;
        right
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&str) -> Result<T, HashFault> + Send + 'static,
    ) -> Result<T, HashFault> {
        let Self { permit, hashers, nobody, .. } = self;
        let done = hashers.run(move || {
            let done = work(&nobody);
            drop(permit);
            done
        });
        done.await.unwrap_or(Err(HashFault::Task))
    }
}

/// A place in the queue; given back when the waiting ends, however it ends.
struct Queued<'q>(&'q AtomicUsize);

impl<'q> Queued<'q> {
    fn enter(waiting: &'q AtomicUsize) -> Result<Self, TooMany> {
        let queued = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING { Err(TooMany) } else { Ok(queued) }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is wrong with a new password; nothing is wrong with an empty list.
pub fn flaws(password: &Secret<String>) -> Vec<PasswordFlaw> {
    // As it will be hashed: composed, so that one letter counts once however it was typed.
    let normal = normal(password);
    let length = String::from_utf8_lossy(normal.expose()).chars().count();
    let mut flaws = Vec::new();
    if length < *LENGTH.start() {
        flaws.push(PasswordFlaw::TooShort { least: *LENGTH.start() });
    }
    if length > *LENGTH.end() || normal.expose().len() > MOST_BYTES {
        flaws.push(PasswordFlaw::TooLong { most: *LENGTH.end() });
    }
    flaws
}

/// Takes over a hash from elsewhere: argon2id of version 19, 8 to 65 536 KiB, 1 to 10 passes, memory times
/// passes at most 131 072 KiB (so that it shows little in the time it takes), 1 to 4 lanes, a salt of at
/// least 8 bytes and 16 to 64 bytes of hash.
pub fn adopt(phc: &Secret<String>) -> Result<String, Unacceptable> {
    let hash = PasswordHash::new(phc.expose()).map_err(|_| Unacceptable)?;
    let params = Params::try_from(&hash).map_err(|_| Unacceptable)?;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let sound = hash.algorithm.as_str() == "argon2id"
        && hash.version == Some(19)
        && (8..=65_536).contains(&memory)
        && (1..=10).contains(&passes)
        && memory * passes <= 131_072
        && (1..=4).contains(&lanes)
        && hash.salt.as_ref().is_some_and(|salt| salt.len() >= 8)
        && hash.hash.as_ref().is_some_and(|hash| (16..=64).contains(&hash.len()));
    if sound { Ok(hash.to_string()) } else { Err(Unacceptable) }
}

/// Whether a hash has another cost than new ones have: then it is made anew when its password is at hand.
pub fn is_foreign(phc: &str) -> bool {
    let params = PasswordHash::new(phc).ok().and_then(|hash| Params::try_from(&hash).ok());
    params.is_none_or(|params| (params.m_cost(), params.t_cost(), params.p_cost()) != COST)
}

/// NFC, and nothing else: no trimming, no folding.
fn normal(password: &Secret<String>) -> Secret<Vec<u8>> {
    let normal = ComposingNormalizerBorrowed::new_nfc().normalize(password.expose());
    Secret::new(normal.as_bytes().to_vec())
}

fn hash_now(password: &[u8], salt: [u8; 16]) -> Option<String> {
    let params = Params::new(COST.0, COST.1, COST.2, Some(32)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(password, &salt).ok()?;
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;
    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right_in_any_normal_form() {
        let passwords = Passwords::new(1, &Sevens);
        let kept = passwords.hash(&secret("schöne lange Passphrase"), &Sevens).await.unwrap().unwrap();
        let verify = async |text: &str, kept: Option<String>| {
            passwords.place().await.unwrap().verify(&secret(text), kept).await.unwrap()
        };
        assert!(verify("schöne lange Passphrase", Some(kept.clone())).await);
        assert!(verify("scho\u{308}ne lange Passphrase", Some(kept.clone())).await);
        assert!(!verify("schöne lange Passphrase ", Some(kept)).await);
        assert!(!verify("anything", None).await);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(flaws(&secret(&"ä".repeat(15))), []);
        assert_eq!(flaws(&secret(&"ä".repeat(14))), [PasswordFlaw::TooShort { least: 15 }]);
        assert_eq!(flaws(&secret(&"a".repeat(256))), []);
        assert_eq!(flaws(&secret(&"a".repeat(257))), [PasswordFlaw::TooLong { most: 256 }]);
        assert_eq!(flaws(&secret(&"\u{10000}".repeat(257))), [PasswordFlaw::TooLong { most: 256 }]);
        assert_eq!(flaws(&secret(&"a\u{308}".repeat(14))), [PasswordFlaw::TooShort { least: 15 }]);
        assert_eq!(flaws(&secret(&"a\u{308}".repeat(256))), []);
    }

    #[test]
    fn foreign_hashes_are_adopted_within_bounds() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        let phc = |head: &str| secret(&format!("${head}${salt_and_hash}"));
        assert!(adopt(&phc("argon2id$v=19$m=19456,t=2,p=1")).is_ok());
        assert!(adopt(&phc("argon2id$v=19$m=65536,t=2,p=4")).is_ok());
        for head in [
            "argon2i$v=19$m=19456,t=2,p=1",
            "argon2id$v=16$m=19456,t=2,p=1",
            "argon2id$m=19456,t=2,p=1",
            "argon2id$v=19$m=65537,t=1,p=1",
            "argon2id$v=19$m=65536,t=3,p=1",
            "argon2id$v=19$m=8,t=11,p=1",
            "argon2id$v=19$m=19456,t=2,p=5",
        ] {
            assert_eq!(adopt(&phc(head)), Err(Unacceptable), "{head}");
        }
        assert_eq!(adopt(&secret("hunter2")), Err(Unacceptable));
        assert_eq!(
            adopt(&secret("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA")),
            Err(Unacceptable)
        );
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once() {
        let passwords = Passwords::new(1, &Sevens);
        let _busy = passwords.places.clone().acquire_owned().await.unwrap();
        passwords.waiting.store(WAITING, Ordering::Relaxed);
        assert_eq!(passwords.place().await.err(), Some(TooMany));
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), WAITING);
    }
}
