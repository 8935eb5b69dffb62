//! The baseline of password sign-ins: argon2id and nothing else, on every core. Each hash has memory of its
//! own, as in the keyring.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use password_hash::phc::PasswordHash;

pub const PASSWORD: &str = "correct horse battery staple";

/// A hash of the password at the cost that the app gives new ones.
pub fn hash() -> anyhow::Result<String> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2
        .hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes...")
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(hash.to_string())
}

/// For each line with a number of milliseconds: hashes for that long, and prints how many hashes took how
/// long.
pub fn serve() -> anyhow::Result<()> {
    let text = hash()?;
    let hash = PasswordHash::new(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
    let cores = std::thread::available_parallelism()?.get();
    println!("ready");
    for line in std::io::stdin().lines() {
        let span = Duration::from_millis(line?.trim().parse().context("not milliseconds")?);
        let (done, begun) = (AtomicU64::new(0), Instant::now());
        std::thread::scope(|threads| {
            for _ in 0..cores {
                threads.spawn(|| {
                    while begun.elapsed() < span {
                        if Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).is_ok() {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        println!("hashed {} in {} ns", done.load(Ordering::Relaxed), begun.elapsed().as_nanos());
    }
    Ok(())
}
