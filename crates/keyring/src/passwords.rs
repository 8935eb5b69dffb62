//! Password hashing: argon2id, a bounded number at once. New passwords are judged in the same queue.
//!
//! A hash takes 19 MiB and some 20 ms, and an adopted one up to 128 MiB and some 0.3 s
//! (`adoption.rs`). So requests for hashes without a bound would exhaust memory and processors
//! (denial of service):
//!
//! - At most `parallel` hashes run. As many again have a place and are prepared, so that a thread
//!   that ends a hash finds the next one.
//! - At most 64 more wait for a place, each for a bounded time.
//! - Further requests are refused before any work is done for them.
//!
//! A place belongs to the hash: a caller that hangs up does not free it early.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use password_hash::phc::{Output, PasswordHash, Salt};
use tidegate_core::{Entropy, PasswordFlaw, Secret};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    adoption,
    breached::{BreachedPasswords, LookupFault},
    hashers::{Hashers, Memory},
    rules::{self, MAX_BYTES, PasswordRules, normal},
};

/// Memory in KiB, passes, lanes: the minimum of the OWASP list.
pub(crate) const COST: (u32, u32, u32) = (19_456, 2, 1);
/// The longest time that answers are held back.
const LONGEST_BUDGET: Duration = Duration::from_millis(100);
const MAX_QUEUED: usize = 64;
/// How long a hash waits for a place by default.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of any typed password that is verified. It may be longer than the hashed bytes, because
/// composing (NFC) shortens it.
pub const MAX_TYPED_BYTES: usize = 4 * MAX_BYTES;

/// Cheap to clone; all clones share the bound.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    /// The bound on `inside`.
    most: usize,
    queue_timeout: Duration,
    hashers: Hashers,
    /// The hash that a password is compared with when the account has none or is unknown, so that
    /// the answer takes as long (INV-29).
    decoy: Arc<str>,
    /// The shortest time of an answer, so that a cheap adopted hash does not show in the timing.
    budget: Duration,
    timer: Option<Timer>,
    /// `None`: new passwords are not looked up.
    breached: Option<BreachedPasswords>,
}

/// Is told how long each hash took.
type Timer = Arc<dyn Fn(Duration) + Send + Sync>;

/// Too many hashes are waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Why hashing gave neither "right" nor "wrong".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    #[error("a stored password hash is unreadable")]
    Unreadable,
    #[error("a hashing task did not end")]
    Task,
}

/// Why a new password was not judged. It must not be accepted then.
#[derive(Debug, thiserror::Error)]
pub enum JudgeFault {
    #[error("a password was not looked up")]
    Breached(#[source] LookupFault),
    #[error("a judging task did not end")]
    Task,
}

impl Passwords {
    /// At most `parallel` hashes run at once. The number of the machine's processors is the right
    /// value.
    pub fn new(parallel: usize, entropy: &dyn Entropy) -> Self {
        let places = 2 * parallel.max(1);
        let random: [u8; 32] = entropy.bytes();
        let begun = Instant::now();
        let decoy = hash_now(&random, entropy.bytes(), &mut Memory::default()).unwrap_or_default();
        Self {
            places: Arc::new(Semaphore::new(places)),
            inside: Arc::default(),
            most: places + MAX_QUEUED,
            queue_timeout: QUEUE_TIMEOUT,
            hashers: Hashers::new(parallel.max(1)),
            decoy: decoy.into(),
            budget: begun.elapsed().mul_f64(1.25).min(LONGEST_BUDGET),
            timer: None,
            breached: None,
        }
    }

    /// Replaces the default of 2 s for the wait for a place.
    #[must_use]
    pub fn with_queue_timeout(self, queue_timeout: Duration) -> Self {
        Self { queue_timeout, ..self }
    }

    /// Tells how long each hash took, the wait for a processor included.
    #[must_use]
    pub fn with_timer(self, timer: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { timer: Some(Arc::new(timer)), ..self }
    }

    /// Looks new passwords up in a file of those that other services lost.
    #[must_use]
    pub fn with_breached(self, breached: Option<BreachedPasswords>) -> Self {
        Self { breached, ..self }
    }

    /// The PHC string to store.
    pub async fn hash(
        &self,
        password: &Secret<String>,
        entropy: &dyn Entropy,
    ) -> Result<Result<String, HashFault>, TooMany> {
        let (password, salt) = (normal(password), entropy.bytes());
        let permit = self.enter()?.permit().await?;
        let hash = move |memory: &mut Memory, _: &str| {
            hash_now(password.expose(), salt, memory).ok_or(HashFault::Unreadable)
        };
        Ok(permit.run(hash).await)
    }

    /// Everything that is wrong with a new password. Empty: nothing. It takes a place like a hash, because it keeps a
    /// processor busy for some milliseconds, and reads a file.
    pub async fn judge(
        &self,
        password: &Secret<String>,
        rules: PasswordRules,
    ) -> Result<Result<Vec<PasswordFlaw>, JudgeFault>, TooMany> {
        let (password, breached) = (password.clone(), self.breached.clone());
        let permit = Self { timer: None, ..self.clone() }.enter()?.permit().await?;
        let judge = move |_: &mut Memory, _: &str| {
            let mut flaws = rules::flaws(&password, &rules);
            let is_breached = breached.map(|breached| breached.has(&password)).transpose();
            Ok(is_breached.map(|is_breached| {
                flaws.extend(is_breached.filter(|found| *found).map(|_| PasswordFlaw::Breached));
                flaws
            }))
        };
        Ok(match permit.run(judge).await {
            Ok(judged) => judged.map_err(JudgeFault::Breached),
            Err(_) => Err(JudgeFault::Task),
        })
    }

    /// How many passwords are hashed, or have a place to be, and how many wait for one.
    pub fn queue(&self) -> [usize; 2] {
        let inside = self.inside.load(Ordering::Relaxed);
        let running = inside.min(self.most.saturating_sub(MAX_QUEUED + self.places.available_permits()));
        [running, inside.saturating_sub(running)]
    }

    /// Enters the queue, or refuses at once. Must be called before any other work.
    pub fn enter(&self) -> Result<Inside, TooMany> {
        let counted = Counted(self.inside.clone());
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        if before < self.most { Ok(Inside { passwords: self.clone(), counted }) } else { Err(TooMany) }
    }
}

/// A place in the queue.
pub struct Inside {
    passwords: Passwords,
    counted: Counted,
}

impl Inside {
    /// Waits for a place to hash, so that no attempt is charged for a hash that cannot be made.
    pub async fn permit(self) -> Result<HashPermit, TooMany> {
        let Self { passwords, counted } = self;
        let permit = passwords.places.clone().acquire_owned();
        let permit = tokio::time::timeout(passwords.queue_timeout, permit).await;
        let permit = permit.map_err(|_| TooMany)?.map_err(|_| TooMany)?;
        Ok(HashPermit { permit, counted, passwords })
    }
}

/// The right to make one hash.
pub struct HashPermit {
    permit: OwnedSemaphorePermit,
    counted: Counted,
    passwords: Passwords,
}

impl HashPermit {
    /// Whether the password is right. Takes as long when there is no hash. Computes at most two
    /// hashes: see `TypedPassword`.
    pub async fn verify(self, password: &Secret<String>, kept: Option<String>) -> Result<bool, HashFault> {
        let (typed, budget, begun) = (TypedPassword::of(password), self.passwords.budget, Instant::now());
        let right = self.run(move |memory, decoy| {
            let same = typed.is_of(kept.as_deref().unwrap_or(decoy), memory);
            Ok(same.ok_or(HashFault::Unreadable)? && kept.is_some())
        });
        let right = right.await;
        // The place is free again by now, so waiting here keeps no other hash from running.
        tokio::time::sleep(budget.saturating_sub(begun.elapsed())).await;
        right
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory, &str) -> Result<T, HashFault> + Send + 'static,
    ) -> Result<T, HashFault> {
        let Self { permit, counted, passwords: Passwords { hashers, decoy, timer, .. } } = self;
        let begun = Instant::now();
        let done = hashers.run((permit, counted), move |memory| work(memory, &decoy)).await;
        if let Some(timer) = timer {
            timer(begun.elapsed());
        }
        done.unwrap_or(Err(HashFault::Task))
    }
}

/// A password in the forms that are compared. The app hashes NFC. Another system may have hashed
/// the bytes as the keyboard sent them, for example decomposed (NFD), or may have normalised them
/// too.
struct TypedPassword {
    nfc: Secret<Vec<u8>>,
    /// The bytes as they were typed, if they differ from the NFC.
    raw: Option<Secret<Vec<u8>>>,
}

impl TypedPassword {
    fn of(password: &Secret<String>) -> Self {
        let nfc = normal(password);
        let raw = password.expose().as_bytes();
        let raw = (raw != nfc.expose().as_slice()).then(|| Secret::new(raw.to_vec()));
        Self { nfc, raw }
    }

    /// Whether the stored hash is of this password; `None` when the hash cannot be read. A foreign
    /// hash is compared with the typed bytes and then with their NFC, a hash of the app with the
    /// NFC alone.
    fn is_of(&self, kept: &str, memory: &mut Memory) -> Option<bool> {
        let phc = adoption::phc_of(kept);
        if let Some(raw) = self.raw.as_ref().filter(|_| adoption::is_foreign(kept))
            && is_of(raw.expose(), phc, memory)?
        {
            return Some(true);
        }
        is_of(self.nfc.expose(), phc, memory)
    }
}

/// Counts one request until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash_now(password: &[u8], salt: [u8; 16], memory: &mut Memory) -> Option<String> {
    let params = Params::new(COST.0, COST.1, COST.2, Some(32)).ok()?;
    let hash = make(password, &salt, &params, memory)?;
    let (salt, hash) = (Salt::new(&salt).ok()?, Output::new(hash.expose()).ok()?);
    let (algorithm, version) = (Algorithm::Argon2id.ident(), Some(Version::V0x13.into()));
    let params = (&params).try_into().ok()?;
    Some(PasswordHash { algorithm, version, params, salt: Some(salt), hash: Some(hash) }.to_string())
}

/// Whether the PHC string is of the password; `None` when it cannot be read.
fn is_of(password: &[u8], phc: &str, memory: &mut Memory) -> Option<bool> {
    let phc = PasswordHash::new(phc).ok()?;
    let ours = phc.algorithm == Algorithm::Argon2id.ident() && phc.version == Some(Version::V0x13.into());
    let (salt, kept) = phc.salt.as_ref().zip(phc.hash.as_ref()).filter(|_| ours)?;
    let params = Params::try_from(&phc).ok().filter(adoption::is_bounded)?;
    let hash = make(password, salt, &params, memory)?;
    // Compared in constant time.
    Some(Output::new(hash.expose()).ok()? == *kept)
}

/// Argon2id, version 19.
fn make(password: &[u8], salt: &[u8], params: &Params, memory: &mut Memory) -> Option<Secret<Vec<u8>>> {
    let mut hash = vec![0; params.output_len()?];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    argon2.hash_password_into_with_memory(password, salt, &mut hash, memory.of(params)).ok()?;
    Some(Secret::new(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_entropy::FixedEntropy;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right_in_any_normal_form() {
        let passwords = Passwords::new(1, &FixedEntropy);
        let kept = passwords.hash(&secret("schöne lange Passphrase"), &FixedEntropy).await.unwrap().unwrap();
        let verify = async |text: &str, kept: Option<String>| {
            passwords.enter().unwrap().permit().await.unwrap().verify(&secret(text), kept).await.unwrap()
        };
        assert!(verify("schöne lange Passphrase", Some(kept.clone())).await);
        assert!(verify("scho\u{308}ne lange Passphrase", Some(kept.clone())).await);
        assert!(!verify("schöne lange Passphrase ", Some(kept)).await);
        assert!(!verify("anything", None).await);
    }

    /// Made by the reference implementation (argon2-cffi 25.1), in the form in which other systems
    /// store them.
    #[tokio::test]
    async fn hashes_of_other_systems_are_verified() {
        const PASSWORD: &str = "correct horse battery staple";
        let passwords = Passwords::new(1, &FixedEntropy);
        for params_and_hash in [
            "m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$opK/12lewr2z5YpUKucJCUXASikIGYN+qjR3vL2e8go",
            "m=65536,t=4,p=1$c2FsdHNhbHRzYWx0c2FsdA$eFkDWcTsVBElp88wkSeTFEY3rkezIZiy25TveoLHOLw",
            "m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdA$gIX6E8tH7CkRhJUEDmOTO61imAN+STeO15ugF6dwmSE",
            "m=131072,t=4,p=8$c2FsdHNhbHRzYWx0c2FsdA$MCVEkwUiayQwgl+pYOoYx6AfrBq+vYo+ew+Ne1RPi2U",
        ] {
            let kept = adopted(&format!("$argon2id$v=19${params_and_hash}"));
            assert!(verify(&passwords, PASSWORD, &kept).await, "{params_and_hash}");
            assert!(!verify(&passwords, "correct horse battery stapler", &kept).await);
        }
    }

    /// A foreign hash of NFC or NFD, at another cost or at the app's, compared with the password
    /// typed either way.
    #[tokio::test]
    async fn a_foreign_hash_is_compared_as_typed_and_then_in_nfc() {
        const NFC: &str = "sch\u{f6}ne lange Passphrase";
        const NFD: &str = "scho\u{308}ne lange Passphrase";
        let passwords = Passwords::new(1, &FixedEntropy);
        for (of, hash, as_nfc, as_nfd) in [
            (
                "NFD",
                "m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$vSbKK8+IbQwm+C5f0bJgYnAmOXEGRkjCD+oMgKO03Wo",
                false,
                true,
            ),
            (
                "NFC",
                "m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$BT38AKLsUrRsg8SlLb0jRu4McvQMBVX/n/ohRkWEjvU",
                true,
                true,
            ),
            (
                "NFD at the own cost",
                "m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$8oQCJmMFVAkYGLXd4aslvqfuc7Dzds0jwM5fAD62Dv0",
                false,
                true,
            ),
            (
                "NFC at the own cost",
                "m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$fBoPgyVYFPtDlmJAtjXCU5bywtHCoFv0B6rMImtzEDs",
                true,
                true,
            ),
        ] {
            let kept = adopted(&format!("$argon2id$v=19${hash}"));
            assert_eq!(verify(&passwords, NFC, &kept).await, as_nfc, "{of}, typed NFC");
            assert_eq!(verify(&passwords, NFD, &kept).await, as_nfd, "{of}, typed NFD");
            assert!(!verify(&passwords, "scho\u{308}ne lange Passphrasen", &kept).await, "{of}");
        }
        // A hash without a mark and with the app's cost counts as the app's own, so it is of NFC.
        let own = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$8oQCJmMFVAkYGLXd4aslvqfuc7Dzds0jwM5fAD62Dv0";
        assert!(!verify(&passwords, NFD, own).await);
    }

    fn adopted(phc: &str) -> String {
        adoption::adopt(&secret(phc)).unwrap_or_else(|why| panic!("{phc}: {why}")).kept()
    }

    async fn verify(passwords: &Passwords, typed: &str, kept: &str) -> bool {
        let permit = passwords.enter().unwrap().permit().await.unwrap();
        permit.verify(&secret(typed), Some(kept.to_owned())).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_waits_for_a_place_no_longer_than_it_is_told() {
        let passwords = Passwords::new(1, &FixedEntropy);
        let _held = [
            passwords.enter().unwrap().permit().await.unwrap(),
            passwords.enter().unwrap().permit().await.unwrap(),
        ];
        let hasty = passwords.with_queue_timeout(Duration::ZERO);
        assert_eq!(hasty.enter().unwrap().permit().await.err(), Some(TooMany));
    }

    #[tokio::test]
    async fn a_caller_without_room_is_refused_at_once() {
        let passwords = Passwords::new(1, &FixedEntropy);
        let inside: Vec<_> = (0..2 + MAX_QUEUED).map(|_| passwords.enter().unwrap()).collect();
        assert_eq!(passwords.enter().err(), Some(TooMany));
        drop(inside);
        assert!(passwords.enter().is_ok(), "and nobody is counted who has left");
    }

    /// KiB that the target below may fill: it must be quick.
    const CHEAP: u64 = 256;

    #[test]
    fn inv_52_a_stored_hash_of_any_text_costs_no_more_than_an_adopted_one() {
        let hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let costs =
            ["m=64,t=1,p=1", "m=4294967295,t=1,p=1", "m=8,t=4294967295,p=1", "m=19456,t=2,p=1,keyid=AAAA"];
        let kept = costs.map(|cost| format!("adopted:$argon2id$v=19${cost}${hash}"));
        let mut memory = Memory::default();
        tidegate_fuzz::fuzz!(1_500, kept, |input| {
            let text = input.text();
            let _ = (adoption::is_foreign(&text), adoption::as_own(&text, &secret("password")));
            let phc = adoption::phc_of(&text);
            let params = PasswordHash::new(phc).ok().and_then(|hash| Params::try_from(&hash).ok());
            let is_refused = params.as_ref().is_some_and(|params| !adoption::is_bounded(params));
            let filled = params.map_or(0, |params| u64::from(params.m_cost()) * u64::from(params.t_cost()));
            // What is within the bounds takes its time, and is computed only if it is quick.
            if is_refused || filled <= CHEAP {
                assert!(is_of(b"password", phc, &mut memory).is_none() || filled <= CHEAP, "{filled} KiB");
            }
            assert!(is_refused || filled <= 524_288, "{filled} KiB");
        });
    }
}
